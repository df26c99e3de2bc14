/**
 * The options of everything that holds a limited number of entries, and what they mean.
 *
 * @module
 */

import { checkOptions } from "./options.ts";
import { StoreError } from "./store_error.ts";

/** Why an entry went without being asked to: it had to make room, or its time was over. */
export type EvictionReason = "limit" | "expired";

/** How much may be held. */
export interface EvictionLimits<V> {
  /** The most entries held; a whole number from 1 on. */
  readonly maxEntries: number;
  /** The most bytes held, by `sizeOf`. @default {Infinity} */
  readonly maxBytes?: number | undefined;
  /**
   * Bytes that a value takes, a whole number.
   *
   * @default {the length of bytes, twice the length of a string; others are refused}
   */
  readonly sizeOf?: ((value: V, key: string) => number) | undefined;
}

/**
 * Refuses limits that are none.
 *
 * @throws {TypeError} If an option is unknown or no function where one is needed.
 * @throws {RangeError} If a limit is not a whole number from 1 on.
 */
export function checkLimits(
  owner: string,
  options: EvictionLimits<never>,
  known: readonly string[],
): void {
  checkOptions(owner, options, [
    "maxEntries",
    "maxBytes",
    "sizeOf",
    "onEvict",
    ...known,
  ]);
  for (const name of ["maxEntries", "maxBytes"] as const) {
    const limit = options[name];
    if (limit === undefined && name === "maxBytes") continue;
    if (!Number.isSafeInteger(limit) || limit! < 1) {
      throw new RangeError(
        `Cannot make ${owner}: ${name} must be a whole number from 1 on`,
      );
    }
  }
  for (const name of ["sizeOf", "onEvict"] as const) {
    const callback = (options as unknown as Record<string, unknown>)[name];
    if (callback !== undefined && typeof callback !== "function") {
      throw new TypeError(`Cannot make ${owner}: ${name} must be a function`);
    }
  }
}

/**
 * The function that measures values and refuses those that would not even fit alone; none without `maxBytes`.
 */
export function toMeasure<V>(
  store: string,
  limits: EvictionLimits<V>,
): ((value: V, key: string) => number) | undefined {
  const { maxBytes, sizeOf = byteSize } = limits;
  if (maxBytes === undefined) return undefined;
  return (value, key) => {
    const size = sizeOf(value, key);
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError("Cannot write: sizeOf must answer a whole number");
    }
    if (size <= maxBytes) return size;
    const reason = `it takes ${size} bytes of ${maxBytes}`;
    throw new StoreError("too-large", {
      store,
      operation: "write",
      key,
      reason,
    });
  };
}

function byteSize(value: unknown): number {
  if (typeof value === "string") return value.length * 2;
  if (value instanceof Uint8Array) return value.byteLength;
  throw new TypeError(
    "Cannot write: maxBytes needs a sizeOf for values that are neither bytes nor strings",
  );
}
