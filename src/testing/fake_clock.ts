/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */

import type { Clock } from "../core/clock.ts";

/**
 * A clock for tests; hand its {@linkcode FakeClock.now} to a backend.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { FakeClock } from "@everymap/everymap/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new FakeClock();
 * const store = new Store<string>(memory({ now: clock.now }));
 * await store.set("session", "ada", { ttl: { minutes: 5 } });
 * clock.advance(300_000);
 * assertEquals(await store.get("session"), undefined);
 * ```
 */
export class FakeClock {
  #moment: number;

  /** A clock that shows this moment, in milliseconds since the epoch. */
  constructor(moment: number = Date.now()) {
    this.#moment = moment;
  }

  /** The moment it shows; bound, so that it can be handed on. */
  readonly now: Clock = () => this.#moment;

  /** Moves it on by so many milliseconds. */
  advance(milliseconds: number): void {
    this.#moment += milliseconds;
  }
}
