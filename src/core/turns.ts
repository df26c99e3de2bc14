/**
 * Turns: what is done to one key happens in the order it was asked for, while other keys go their own way.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";

/** A queue per key; it takes room only while something is waiting. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Whether something of this key is under way. */
  has(key: string): boolean {
    return this.#last.has(key);
  }

  /** Runs the task when all earlier tasks of this key have ended, however they ended. */
  run<T>(key: string, task: () => Awaitable<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(task, task);
    const leave = () => this.#last.get(key) === turn && this.#last.delete(key);
    this.#last.set(key, turn);
    turn.then(leave, leave);
    return turn;
  }
}
