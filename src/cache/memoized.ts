/**
 * A memoized function as it is called, and what can be done with its results.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import type { MemoizedCall } from "./memoized_call.ts";

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
