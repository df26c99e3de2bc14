/**
 * The one error class of every store. Callers branch on {@linkcode StoreError.code}, never on the text.
 *
 * @module
 */

/** What went wrong, in one word that stays the same between versions. */
export type StoreErrorCode =
  | "not-found"
  | "conflict"
  | "invalid-key"
  | "too-large"
  | "corrupt"
  | "read-only"
  | "unsupported"
  | "locked"
  | "denied"
  | "timeout"
  | "unavailable"
  | "closed";

/** Where a {@linkcode StoreError} happened, and why. */
export interface StoreErrorContext {
  /** Name of the backend, without credentials: `disk`, `s3(bucket)`. */
  readonly store: string;
  /** What was asked for: `read`, `write`, `list`. */
  readonly operation: string;
  /** The key, if the operation has one. */
  readonly key?: string | undefined;
  /** A few words for people, free of values and credentials. @default {the code itself} */
  readonly reason?: string | undefined;
  /** Whether the same call may succeed later. @default {true for `timeout`, `unavailable` and `locked`} */
  readonly retryable?: boolean | undefined;
  /** The error below. */
  readonly cause?: unknown;
}

/**
 * A refusal or failure of a store.
 *
 * @example Tell an outage from a miss
 * ```ts
 * import { memory, Store, StoreError } from "@everymap/everymap";
 * import { assert } from "@std/assert";
 *
 * const store = new Store<number>(memory());
 * try {
 *   await store.getOrThrow("absent");
 * } catch (error) {
 *   assert(error instanceof StoreError && error.code === "not-found");
 * }
 * ```
 */
export class StoreError extends Error {
  /** `StoreError`, also where two copies of this package make `instanceof` fail. */
  override readonly name = "StoreError";
  /** What went wrong. */
  declare readonly code: StoreErrorCode;
  /** Whether the same call may succeed later. */
  declare readonly retryable: boolean;
  /** Name of the backend, without credentials. */
  declare readonly store: string;
  /** What was asked for. */
  declare readonly operation: string;
  /** The key, if the operation has one. */
  declare readonly key: string | undefined;

  /** An error of this code; the message is made of the context. */
  constructor(code: StoreErrorCode, context: StoreErrorContext) {
    const {
      store,
      operation,
      key,
      reason = code.replace("-", " "),
      cause,
      retryable = /^(timeout|unavailable|locked)$/.test(code),
    } = context;
    const subject = key === undefined ? "" : `${JSON.stringify(key.slice(0, 100))} `;
    super(`Cannot ${operation} ${subject}in ${store}: ${reason}`, { cause });
    Object.assign(this, { code, retryable, store, operation, key });
  }
}
