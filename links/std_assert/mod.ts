/**
 * The functions of `jsr:@std/assert` that are in use here, over `node:assert`: for machines that reach npm but not JSR.
 *
 * @module
 */

import assertions, { AssertionError } from "node:assert";

export { AssertionError };

/** Fails unless the expression is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError({ message: msg || "Expected a truthy value", actual: expr, expected: true });
}

/** Fails if the expression is truthy. */
export function assertFalse(expr: unknown, msg = ""): void {
  assert(!expr, msg || "Expected a falsy value");
}

/** Fails unless the two are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  assertions.deepStrictEqual(actual, expected, msg as string);
}

/** Fails if the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  assertions.notDeepStrictEqual(actual, expected, msg as string);
}

/** Fails unless the two are the same by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  assertions.strictEqual(actual, expected, msg as string);
}

/** Fails if the two are the same by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  assertions.notStrictEqual(actual, expected, msg as string);
}

/** Fails if the value is `null` or `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  assert(actual !== undefined && actual !== null, msg ?? "Expected a value");
}

/** Fails unless the string contains the expected part. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  assert(actual.includes(expected), msg ?? `Expected "${actual}" to contain "${expected}"`);
}

/** Fails unless the string matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  assert(expected.test(actual), msg ?? `Expected "${actual}" to match ${expected}`);
}

/** Fails unless the value is an instance of the class. */
export function assertInstanceOf<T extends abstract new (...args: never[]) => unknown>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  assert(actual instanceof expectedType, msg || `Expected an instance of ${expectedType.name}`);
}

/** Fails unless the actual number is greater. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  assert(actual > expected, msg ?? `Expected ${actual} > ${expected}`);
}

/** Fails unless the actual number is greater or equal. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  assert(actual >= expected, msg ?? `Expected ${actual} >= ${expected}`);
}

/** Fails unless the actual number is less. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  assert(actual < expected, msg ?? `Expected ${actual} < ${expected}`);
}

/** Fails unless the actual number is less or equal. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  assert(actual <= expected, msg ?? `Expected ${actual} <= ${expected}`);
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError({ message: msg === undefined ? "Failed assertion." : `Failed assertion: ${msg}` });
}

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

function checkError<E extends Error>(error: unknown, ErrorClass?: ErrorClass<E>, msgIncludes?: string): E {
  assert(error instanceof Error, `Expected an Error to be thrown, but got ${typeof error}`);
  if (ErrorClass && !(error instanceof ErrorClass)) {
    throw new AssertionError({ message: `Expected ${ErrorClass.name}, but got ${error.name}: ${error.message}` });
  }
  if (msgIncludes !== undefined) assertStringIncludes(error.message, msgIncludes);
  return error as E;
}

/** Fails unless the function throws; answers what was thrown. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass?: ErrorClass<E>,
  msgIncludes?: string,
): E {
  try {
    fn();
  } catch (error) {
    return checkError(error, ErrorClass, msgIncludes);
  }
  throw new AssertionError({ message: "Expected function to throw." });
}

/** Fails unless the function rejects; answers the reason. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass?: ErrorClass<E>,
  msgIncludes?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return checkError(error, ErrorClass, msgIncludes);
  }
  throw new AssertionError({ message: "Expected function to reject." });
}
