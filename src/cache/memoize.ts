/**
 * Functions that remember their results.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import { instanceId } from "./call_names.ts";
import { type Memoized, remembered, withFace } from "./memoized.ts";
import { MemoizedCall, type MemoizeOptions, type RegionChoice, type ResultOptions } from "./memoized_call.ts";

export type { Memoized, MemoizeOptions, RegionChoice, ResultOptions };

/**
 * The function with a memory. Arguments are told apart by content, as {@linkcode MemoizeOptions.key} has it, and calls with
 * equal arguments at one time are one call of the function. Every result is kept but `undefined`: `null`, `0`, `""` and
 * `false` too. What the function throws is not.
 *
 * A function that uses `this` remembers for each instance apart, by an id that is good for this process only, unless a
 * `scope` says otherwise; `load.invalidate.call(instance, …)` means an instance, too. Two functions of one name need a
 * `name` each in a region they share, and a function without a name needs one where other processes share the region.
 *
 * @throws {TypeError} If an option is unknown, there is neither a region nor a `ttl`, or the name will not do.
 *
 * @example
 * ```ts
 * import { memoize } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * let calls = 0;
 * const square = memoize(async (n: number) => (calls++, n * n), { ttl: { minutes: 5 } });
 * assertEquals(await Promise.all([square(3), square(3)]), [9, 9]);
 * assertEquals(calls, 1);
 *
 * await square.invalidate(3);
 * assertEquals(await square.peek(3), undefined);
 * ```
 */
export function memoize<Args extends unknown[], Value, This = unknown>(
  fn: (this: This, ...args: Args) => Awaitable<Value>,
  options: MemoizeOptions<Args, Value, This> = {},
): Memoized<Args, Value, This> {
  const hasInstances = usesThis(fn);
  const call = new MemoizedCall(fn, options, {
    maker: "memoize",
    nameOf: () => fn.name,
    scopeOf: (self) => hasInstances && isInstance(self) ? instanceId(self) : undefined,
  });
  call.checkName();
  const memoized = function (this: This, ...args: Args) {
    return remembered(call, this, args);
  };
  return withFace(memoized, call, undefined as This);
}

/** Whether what a function does may depend on what it is called on: only if its text says so, or does not say at all. */
function usesThis(fn: (...args: never[]) => unknown): boolean {
  return !fn.name.startsWith("bound ") &&
    /\b(?:this|super|eval)\b|\[native code\]/.test(Function.prototype.toString.call(fn));
}

function isInstance(self: unknown): self is object {
  if (typeof self !== "function" && (typeof self !== "object" || self === null)) return false;
  // What a module exports is called on the module.
  return self !== globalThis && (self as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] !== "Module";
}
