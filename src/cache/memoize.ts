/**
 * Functions that remember their results.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import { instanceId } from "./call_names.ts";
import { MemoizedCall, type MemoizeOptions, type RegionChoice, type ResultOptions } from "./memoized_call.ts";

export type { MemoizeOptions, RegionChoice, ResultOptions };

/** A function that remembers its results, and what can be done with them. */
export interface Memoized<Args extends unknown[], Value, This = unknown> {
  /** The result for these arguments; the function is called if there is no fresh one. */
  (this: This, ...args: Args): Promise<Value>;
  /** Forgets the result for these arguments; whether there was one. */
  invalidate(...args: Args): Promise<boolean>;
  /** Calls the function whatever there is, and keeps the new result. */
  refresh(...args: Args): Promise<Value>;
  /** The fresh result for these arguments if there is one; never calls the function. */
  peek(...args: Args): Promise<Value | undefined>;
  /** Keeps a value as the result for these arguments. */
  set(value: Value, ...args: Args): Promise<void>;
  /** The key of these arguments in the region. */
  keyFor(...args: Args): string;
  /** The function. */
  readonly original: (this: This, ...args: Args) => Awaitable<Value>;
}

/**
 * The function with a memory. Arguments are told apart by content, as {@linkcode MemoizeOptions.key} has it, and calls with
 * equal arguments at one time are one call of the function. Every result is kept but `undefined`: `null`, `0`, `""` and
 * `false` too. What the function throws is not.
 *
 * A function that uses `this` remembers for each instance apart, by an id that is good for this process only, unless a
 * `scope` says otherwise; `load.invalidate.call(instance, …)` means an instance, too. Two functions of one name need a `name` each in a region they share, and a function without a name needs
 * one where other processes share the region.
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

/** The result of a call. */
export function remembered<Args extends unknown[], Value, This>(
  call: MemoizedCall<Args, Value, This>,
  self: This,
  args: Args,
): Promise<Value> {
  try {
    const region = call.regionOf(self, args);
    if (!region) return Promise.resolve(call.original.apply(self, args));
    const key = call.keyOf(self, args, region);
    return region.getOrCreate(key, (context) => call.create(self, args, context), call.howOf(self, args));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Gives a function what can be done with its results, for calls on this instance. */
export function withFace<Args extends unknown[], Value, This>(
  memoized: (this: This, ...args: Args) => Promise<Value>,
  call: MemoizedCall<Args, Value, This>,
  self: This,
): Memoized<Args, Value, This> {
  const { original } = call;
  // Without an instance of their own they take the one that they are called on by hand.
  const selfOf = (caller: unknown) => (caller === memoized || caller === undefined ? self : caller) as This;
  const face: Omit<Memoized<Args, Value, This>, never> = {
    original,
    async invalidate(...args) {
      const self = selfOf(this);
      const region = call.regionOf(self, args);
      const { signal } = call.howOf(self, args);
      return await region?.delete(call.keyOf(self, args, region), { signal }) ?? false;
    },
    async refresh(...args) {
      const self = selfOf(this);
      const region = call.regionOf(self, args);
      if (!region) return await original.apply(self, args);
      const key = call.keyOf(self, args, region);
      return await region.refresh(key, (context) => call.create(self, args, context), call.howOf(self, args));
    },
    async peek(...args) {
      const self = selfOf(this);
      const region = call.regionOf(self, args);
      const { signal, onStoreError } = call.howOf(self, args);
      return await region?.get(call.keyOf(self, args, region), { signal, onStoreError });
    },
    async set(value, ...args) {
      const self = selfOf(this);
      const region = call.regionOf(self, args);
      const key = call.keyOf(self, args, region);
      const { signal, tags } = call.howOf(self, args);
      await region?.set(key, value, { signal, tags, ttl: await call.ttlOf(value, key) });
    },
    keyFor(...args) {
      const self = selfOf(this);
      return call.keyOf(self, args, call.regionOf(self, args));
    },
  };
  for (const property of ["name", "length"] as const) {
    Object.defineProperty(memoized, property, { value: original[property], configurable: true });
  }
  return Object.assign(memoized, face);
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
