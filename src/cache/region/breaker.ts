/**
 * What a failing store costs: an error, or one attempt and then none for a while.
 *
 * @module
 */

import { abortable, type Awaitable } from "../../core/awaitable.ts";
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

  /** Whether the store is left alone just now. */
  get isOpen(): boolean {
    return this.#failures >= this.#limit;
  }

  /**
   * The answer of the store. Where the call can do without one (`bypass`), it is `undefined` when the store fails, and
   * without a try while it is left alone. Mistakes of the program are thrown in any case.
   */
  async run<T>(
    work: () => Awaitable<T>,
    bypass: boolean,
    onError: (error: unknown) => void,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    if (bypass && this.isOpen) {
      const moment = this.#now();
      if (moment < this.#leftAloneUntil) return undefined;
      // One call tries; the others go on without until it knows.
      this.#leftAloneUntil = moment + this.#cooldown;
    }
    try {
      const answer = await abortable(work(), signal);
      this.#failures = 0;
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      if ((error as Error | undefined)?.name !== "StoreError") throw error;
      if ((error as { retryable?: boolean }).retryable && ++this.#failures >= this.#limit) {
        this.#leftAloneUntil = this.#now() + this.#cooldown;
      }
      onError(error);
      if (bypass) return undefined;
      throw error;
    }
  }
}
