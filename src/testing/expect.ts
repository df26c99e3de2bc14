/**
 * What a law says when it is broken; no test runner and no assertion library is needed.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../core/store_error.ts";

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

/** Whether two values are equal in value, type and prototype; cycles are not followed. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    // Node's Buffer is a Uint8Array to everybody who was promised one.
    return kindOf(a) === kindOf(b) && isEqualBytes(bytesOf(a), bytesOf(b));
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof ArrayBuffer) return isEqualBytes(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof Error) return a.name === (b as Error).name && a.message === (b as Error).message;
  if (a instanceof Map || a instanceof Set) {
    return isEqual([...a as Iterable<unknown>], [...b as Iterable<unknown>]);
  }
  const names = Reflect.ownKeys(a);
  return names.length === Reflect.ownKeys(b).length && names.every((name) =>
    Object.hasOwn(b, name) &&
    isEqual((a as Record<PropertyKey, unknown>)[name], (b as Record<PropertyKey, unknown>)[name])
  );
}

function kindOf(view: ArrayBufferView): string {
  return view instanceof Uint8Array ? "Uint8Array" : Object.prototype.toString.call(view);
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
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
