/**
 * Every store is a Map: put `await` in front.
 *
 * This is the portable surface: the {@linkcode Store}, what keeps entries in memory, plain codecs, layers, and what stands
 * on a store: the {@linkcode Region}, {@linkcode memoize} and the {@linkcode DurableMap}. Places outside memory have a
 * subpath each, such as `@everymap/everymap/backends/disk`, so that a program loads what it uses.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * const users = new Store<{ name: string }>(memory());
 * await users.set("ada", { name: "Ada" });
 * assertEquals(await users.get("ada"), { name: "Ada" });
 * ```
 *
 * @module
 */

export { type EvictingOptions, type EvictionLimits, type EvictionReason, lru } from "./src/backends/lru.ts";
export { memory, type MemoryOptions } from "./src/backends/memory.ts";
export { none } from "./src/backends/none.ts";
export { sieve } from "./src/backends/sieve.ts";
export * from "./src/cache/cached.ts";
export * from "./src/cache/durable_map.ts";
export * from "./src/cache/lease.ts";
export * from "./src/cache/memoize.ts";
export * from "./src/cache/region.ts";
export * from "./src/cache/sync_per_request.ts";
export * from "./src/codecs/bytes.ts";
export * from "./src/codecs/chain.ts";
export * from "./src/codecs/json.ts";
export * from "./src/codecs/text.ts";
export type { Awaitable } from "./src/core/awaitable.ts";
export type * from "./src/core/backend.ts";
export type { Clock } from "./src/core/clock.ts";
export type * from "./src/core/codec.ts";
export { encoded } from "./src/core/encoded.ts";
export type { Duration, Lifetime } from "./src/core/lifetime.ts";
export * from "./src/core/store.ts";
export type * from "./src/core/store_options.ts";
export * from "./src/core/store_error.ts";
export { bounded, type BoundedOptions, type EvictionPolicy } from "./src/layers/bounded.ts";
export * from "./src/layers/deadline.ts";
export * from "./src/layers/metered.ts";
export * from "./src/layers/prefixed.ts";
export * from "./src/layers/readonly.ts";
export * from "./src/layers/retrying.ts";
export * from "./src/layers/tiered.ts";
