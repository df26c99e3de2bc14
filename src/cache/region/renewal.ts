/**
 * Something that has to be done again and again until it is stopped, one at a time.
 *
 * @module
 */

/** Renews a lease while its holder lives. */
export class Renewal {
  readonly #interval: number;
  readonly #renew: () => Promise<boolean>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> = Promise.resolve();

  /** Starts; `renew` is called every so many milliseconds, and no more once it answered `false`. */
  constructor(interval: number, renew: () => Promise<boolean>) {
    this.#interval = interval;
    this.#renew = renew;
    this.#wait();
  }

  /** Stops, after a renewal that is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#running = this.#run(), this.#interval);
    // A lease must not keep a program from ending; where a timer cannot be told so, it ends with the lease.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #run(): Promise<void> {
    // A store that fails just now may answer the next time.
    const goesOn = await this.#renew().catch(() => true);
    if (goesOn && this.#timer !== undefined) this.#wait();
  }
}
