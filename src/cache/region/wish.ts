/**
 * How one call wants its value: its own options before the region's, with all times in milliseconds.
 *
 * @module
 */

import { toMilliseconds } from "../../core/lifetime.ts";
import type { FreshnessOptions, GetOrCreateOptions, RegionOptions, Ttl } from "./options.ts";

/** How a call wants its value. */
export interface Wish<V> {
  /** How long a new value is fresh. */
  readonly ttl: Ttl<V>;
  /** For how long a stale value will do at once. */
  readonly staleWhileRevalidate: number;
  /** For how long it will do after a failure. */
  readonly staleIfError: number;
  /** For how long the store keeps it after it went stale. */
  readonly kept: number;
  /** The oldest value that will do. */
  readonly maxAge: number;
  /** Whether the call does without a store that fails. */
  readonly bypass: boolean;
  readonly tags: readonly string[];
  readonly shouldCache: GetOrCreateOptions<V>["shouldCache"];
  readonly waitUntil: GetOrCreateOptions<V>["waitUntil"];
}

const NO_TAGS: readonly string[] = [];

/** The wish of a call with these options in a region with those. */
export function wishOf<V>(region: RegionOptions<V>, call: GetOrCreateOptions<V> = {}): Wish<V> {
  const of = <K extends keyof FreshnessOptions<V>>(name: K): FreshnessOptions<V>[K] => call[name] ?? region[name];
  const span = (name: "staleWhileRevalidate" | "staleIfError") => toMilliseconds(of(name) ?? 0, name);
  const staleWhileRevalidate = span("staleWhileRevalidate");
  const staleIfError = span("staleIfError");
  return {
    ttl: of("ttl")!,
    staleWhileRevalidate: of("mode") === "wait" ? 0 : staleWhileRevalidate,
    staleIfError,
    kept: Math.max(staleWhileRevalidate, staleIfError, 0),
    maxAge: toMilliseconds(call.maxAge ?? Infinity, "maxAge"),
    bypass: of("onStoreError") === "bypass",
    tags: call.tags ?? NO_TAGS,
    shouldCache: of("shouldCache"),
    waitUntil: of("waitUntil"),
  };
}
