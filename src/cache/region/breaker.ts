/**
 * What a failing store costs where calls can do without it: one attempt, and then none for a while.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Clock } from "../../core/clock.ts";
import type { BreakerOptions } from "./options.ts";

/** A circuit breaker around the calls of a store. */
export class Breaker {
  readonly #limit: number;
  readonly #cooldown: number;
  readonly #now: Clock;
  #failures = 0;
  #leftAloneUntil = 0;

  constructor({ failures = 1, cooldown = 1000 }: BreakerOptions, now: Clock) {
    this.#limit = failures;
    this.#cooldown = cooldown;
    this.#now = now;
  }

  /** Whether the last attempt failed. */
  get isDown(): boolean {
    return this.#failures > 0;
  }

  /** The answer of the store; `undefined`, without an attempt, while it is left alone by calls that can do without. */
  async run<T>(work: () => Awaitable<T>, bypass: boolean): Promise<T | undefined> {
    if (bypass && this.#failures >= this.#limit) {
      const moment = this.#now();
      if (moment < this.#leftAloneUntil) return undefined;
      // One call tries; the others go on without until it knows.
      this.#leftAloneUntil = moment + this.#cooldown;
    }
    try {
      const answer = await work();
      this.#failures = 0;
      return answer;
    } catch (error) {
      if ((error as { retryable?: boolean } | undefined)?.retryable && ++this.#failures >= this.#limit) {
        this.#leftAloneUntil = this.#now() + this.#cooldown;
      }
      throw error;
    }
  }
}
