/**
 * The order of a map's own changes: those of one key happen in the order they were asked for, others at once.
 *
 * @module
 */

import { abortable } from "../../core/awaitable.ts";

/** Turns for changes of some keys or of all; they take room only while something is waiting. */
export class WriteOrder {
  readonly #last = new Map<string, Promise<void>>();
  #ofAll: Promise<void> | undefined;

  /** Runs the task when all earlier ones that have a key in common with it have ended, however they ended. */
  run<T>(keys: readonly string[] | "all", signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    const earlier = new Set<Promise<void>>();
    if (this.#ofAll) earlier.add(this.#ofAll);
    for (const key of keys === "all" ? this.#last.keys() : keys) {
      const last = this.#last.get(key);
      if (last) earlier.add(last);
    }
    const start = () => {
      signal?.throwIfAborted();
      return task();
    };
    const answer = earlier.size === 0 ? task() : Promise.all(earlier).then(start);
    const end: Promise<void> = answer.then(() => {}, () => {}).then(() => {
      if (keys !== "all") { for (const key of keys) if (this.#last.get(key) === end) this.#last.delete(key); }
      else if (this.#ofAll === end) this.#ofAll = undefined;
    });
    if (keys !== "all") { for (const key of keys) this.#last.set(key, end); }
    else {
      this.#last.clear();
      this.#ofAll = end;
    }
    // Whoever gives up need not wait for the turn; the task itself listens to the signal once it has begun.
    return earlier.size === 0 ? answer : abortable(answer, signal) as Promise<T>;
  }
}
