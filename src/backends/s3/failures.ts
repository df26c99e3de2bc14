/**
 * Several failures as one error.
 *
 * @module
 */

import { StoreError } from "../../core/store_error.ts";

/** What failed of a call for many; nothing hides behind the first one. */
export class Failures {
  readonly #errors: StoreError[] = [];

  /** Takes note of a store's error; throws any other one. */
  readonly add = (error: unknown): void => {
    if (!(error instanceof StoreError)) throw error;
    this.#errors.push(error);
  };

  /**
   * Ends the call with what failed of it, if anything did.
   *
   * @throws {StoreError} The one there was, or the first one with all as its cause.
   */
  throwAny(total: number): void {
    const [first] = this.#errors;
    if (!first) return;
    const count = this.#errors.length;
    if (count === 1) throw first;
    const { code, store, operation, retryable, message } = first;
    const reason = `${count} of ${total} failed, the first one: ${message}`;
    throw new StoreError(code, { store, operation, retryable, reason, cause: new AggregateError(this.#errors) });
  }
}
