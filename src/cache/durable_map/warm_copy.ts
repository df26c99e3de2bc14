/**
 * A copy of a durable store in a store near by, to start from while the durable one is down.
 *
 * @module
 */

import type { Entry } from "../../core/backend.ts";
import { notify } from "../../core/notify.ts";
import type { Store } from "../../core/store.ts";
import { StoreError } from "../../core/store_error.ts";
import { loadAll } from "./loading.ts";

type Change<V> = readonly [key: string, entry: Entry<V> | undefined];

/** A copy that follows in the background; when it fails, that is told and nothing else suffers. */
export class WarmCopy<V> {
  readonly #store: Store<V>;
  readonly #onError: ((error: unknown) => unknown) | undefined;
  #waiting = new Map<string, Entry<V> | undefined>();
  #writing: Promise<void> | undefined;

  constructor(store: Store<V>, onError: ((error: unknown) => unknown) | undefined) {
    this.#store = store;
    this.#onError = onError;
  }

  /** What it holds; nothing if it cannot be read. */
  async load(): Promise<Map<string, Entry<V>>> {
    const copies = new Map<string, Entry<V>>();
    try {
      // Its versions are its own.
      for (const [key, { value, expiresAt }] of await loadAll(this.#store.backend)) {
        copies.set(key, { value, expiresAt });
      }
    } catch (error) {
      this.#fail(error);
    }
    return copies;
  }

  /** Takes note of what has become of a key. */
  keep(key: string, entry: Entry<V> | undefined): void {
    this.#waiting.set(key, entry);
    this.#writing ??= this.#write();
  }

  /** Ends when everything is written that can be. */
  async close(): Promise<void> {
    await this.#writing;
    // What had to wait has waited long enough.
    await this.#write();
    await this.#store.close();
  }

  async #write(): Promise<void> {
    // What comes in one turn is written together.
    await Promise.resolve();
    let left: Change<V>[] = [];
    while (left.length === 0 && this.#waiting.size > 0) {
      const changes = [...this.#waiting];
      this.#waiting = new Map();
      left = await this.#tryAll(changes);
    }
    this.#waiting = new Map([...left, ...this.#waiting]);
    this.#writing = undefined;
  }

  /** Writes what can be written. What is left because the copy cannot be reached waits for the next change. */
  async #tryAll(changes: Change<V>[]): Promise<Change<V>[]> {
    try {
      await this.#writeAll(changes);
      return [];
    } catch (error) {
      const mayPass = error instanceof StoreError && error.retryable;
      if (mayPass || changes.length === 1) this.#fail(error);
      if (mayPass) return changes;
      if (changes.length === 1) return [];
    }
    // One that is refused does not take the others along.
    for (const [at, change] of changes.entries()) {
      if ((await this.#tryAll([change])).length > 0) return changes.slice(at);
    }
    return [];
  }

  async #writeAll(changes: Change<V>[]): Promise<void> {
    const gone: string[] = [];
    const lasting: [string, V][] = [];
    const { ttl: hasLifetimes } = this.#store.backend.supports;
    for (const [key, entry] of changes) {
      const { value, expiresAt = Infinity } = entry ?? {};
      // What would outlive its time there is better not there.
      if (value === undefined || expiresAt !== Infinity && !hasLifetimes) gone.push(key);
      else if (expiresAt === Infinity) lasting.push([key, value]);
      else await this.#store.set(key, value, { expiresAt });
    }
    await this.#store.deleteMany(gone);
    await this.#store.setMany(lasting, { ttl: Infinity });
  }

  #fail(error: unknown): void {
    if (this.#onError) notify(this.#onError, error);
  }
}
