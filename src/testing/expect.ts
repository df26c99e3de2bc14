/**
 * What a law says when it is broken; no test runner and no assertion library is needed.
 *
 * @module
 */

import { isEqual } from "../core/equality.ts";
import { StoreError, type StoreErrorCode } from "../core/store_error.ts";

export { isEqual };

/** The error of a broken law. */
export class BrokenLaw extends Error {
  /** `BrokenLaw`. */
  override readonly name = "BrokenLaw";
}

/** Fails unless the condition holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BrokenLaw(message);
}

/** Fails unless the two are equal in value, type and prototype. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (!isEqual(actual, expected)) throw new BrokenLaw(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/** Fails unless the call rejects with what the check accepts. */
export async function expectRejection(
  call: () => PromiseLike<unknown> | unknown,
  isExpected: (error: unknown) => boolean,
  what: string,
): Promise<void> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    expect(isExpected(error), `${what}: rejected with ${show(error)}`);
    return;
  }
  throw new BrokenLaw(`${what}: must reject, but answered ${show(answer)}`);
}

/** Accepts a {@linkcode StoreError} of this code. */
export function isStoreError(code: StoreErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof StoreError && error.code === code;
}

function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Map) return `Map ${show([...value])}`;
  if (value instanceof Uint8Array) return `bytes [${value.subarray(0, 20)}]`;
  const text = typeof value === "object"
    ? stringify(value)
    : typeof value === "string"
    ? JSON.stringify(value)
    : String(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function stringify(value: object | null): string {
  try {
    return JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}n` : part);
  } catch {
    return String(value);
  }
}
