/**
 * Small files in place: for how long everything else may wait for them.
 *
 * The system has most small files in memory and takes or gives one within some microseconds; to let another thread ask for
 * it costs ten times that. But nothing else happens meanwhile, and a disk may be slow, or far away. So work in place is
 * timed: after some milliseconds of it something is left to a thread, which gives everybody else a turn, and one call that
 * took long is paid for by a hundred times as long without any.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";

/** The longest file that is read or written in place, in bytes. */
export const IN_PLACE_BYTES = 65_536;

/** Milliseconds of work in place after which the others have a turn. */
const TURN = 4;
/** Milliseconds from which on one call is slow. */
const SLOW = 2;
/** How many times as long as a slow call nothing is done in place. */
const REST = 100;

/** The time that is spent in place, by a clock in milliseconds. */
export class InPlace {
  readonly #now: () => number;
  #spent = 0;
  #restsUntil = -Infinity;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the next call may be made in place; if not it is to be left to a thread. */
  isAllowed(): boolean {
    if (this.#spent > TURN) {
      this.#spent = 0;
      return false;
    }
    return this.#restsUntil === -Infinity || this.#now() > this.#restsUntil;
  }

  /** Makes the call in place if it may be, or leaves it to a thread. */
  either<T>(call: () => T, byThread: () => Promise<T>): Awaitable<T> {
    return this.isAllowed() ? this.run(call) : byThread();
  }

  /** Makes the call in place. */
  run<T>(call: () => T): T {
    const start = this.#now();
    try {
      return call();
    } finally {
      const end = this.#now();
      this.#spent += end - start;
      this.#restsUntil = end - start > SLOW ? end + REST * (end - start) : -Infinity;
    }
  }
}
