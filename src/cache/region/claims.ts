/**
 * Who in this process makes which value, where the store itself cannot tell.
 *
 * @module
 */

/** Holders of keys in this process, and what they are writing. */
export class Claims {
  readonly #holders = new Map<string, unknown>();
  readonly #writes = new Map<string, Promise<unknown>>();

  /** Makes this the holder of the key. */
  take(key: string, holder: unknown): void {
    this.#holders.set(key, holder);
  }

  /** Whether this is the holder of the key. */
  has(key: string, holder: unknown): boolean {
    return this.#holders.get(key) === holder;
  }

  /** Ends the hold, if it is this one's. */
  drop(key: string, holder: unknown): void {
    if (this.has(key, holder)) this.#holders.delete(key);
  }

  /** Writes as the holder, if it is that still; whether it did. `isHeld` says so at each moment. */
  async write(key: string, holder: unknown, write: (isHeld: () => boolean) => Promise<boolean>): Promise<boolean> {
    const isHeld = () => this.has(key, holder);
    if (!isHeld()) return false;
    const work = write(isHeld);
    this.#writes.set(key, work);
    try {
      return await work;
    } finally {
      if (this.#writes.get(key) === work) this.#writes.delete(key);
    }
  }

  /** Takes these keys from whoever holds them; resolves when nobody writes them any more. */
  async revoke(isMeant: (key: string) => boolean): Promise<void> {
    for (const key of this.#holders.keys()) if (isMeant(key)) this.#holders.delete(key);
    await Promise.allSettled([...this.#writes].filter(([key]) => isMeant(key)).map(([, work]) => work));
  }
}
