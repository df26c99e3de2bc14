/**
 * Every store is a Map: put `await` in front.
 *
 * @module
 */

export * from "./src/backends/memory.ts";
export type * from "./src/core/backend.ts";
export type { Awaitable } from "./src/core/awaitable.ts";
export type { Clock } from "./src/core/clock.ts";
export type * from "./src/core/codec.ts";
export { encoded } from "./src/core/encoded.ts";
export type { Duration, Lifetime } from "./src/core/lifetime.ts";
export * from "./src/core/store.ts";
export * from "./src/core/store_error.ts";
