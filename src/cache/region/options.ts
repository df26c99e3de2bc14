/**
 * What a region and its calls are told.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { CallOptions } from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import type { Duration } from "../../core/lifetime.ts";
import type { Store } from "../../core/store.ts";
import type { InvalidationMode, RegionEvent } from "./events.ts";

/** How long values stay fresh: milliseconds, a {@linkcode Duration}, or a function of the value and its key. */
export type Ttl<V> = number | Duration | ((value: V, key: string) => number | Duration);

/** `"stale"`: old values may be served while a new one is made. `"wait"`: never. */
export type RegionMode = "stale" | "wait";

/** `"throw"`: a failing store fails the call. `"bypass"`: the call does without the store. */
export type OnStoreError = "throw" | "bypass";

/** How values are kept fresh, for a whole region or for one call. */
export interface FreshnessOptions<V = unknown> {
  /** How long values stay fresh. `0` and less: never stored. `Infinity`: for ever. @default {the region's} */
  readonly ttl?: Ttl<V> | undefined;
  /**
   * For how long after it went stale a value is still served, at once, while one refresh runs in the background (RFC 5861
   * §3); milliseconds or a {@linkcode Duration}. @default {0}
   */
  readonly staleWhileRevalidate?: number | Duration | undefined;
  /**
   * For how long after it went stale a value is still served when the creator or the store fails (RFC 5861 §4);
   * milliseconds or a {@linkcode Duration}. @default {0}
   */
  readonly staleIfError?: number | Duration | undefined;
  /** Whether stale values may be served while a new one is made. @default {"stale"} */
  readonly mode?: RegionMode | undefined;
  /** Whether a created value is stored; a value that is not is returned all the same. @default {yes} */
  readonly shouldCache?: ((value: V, key: string) => boolean) | undefined;
  /** What a failing store means for a read or a creation. @default {"throw"} */
  readonly onStoreError?: OnStoreError | undefined;
  /** Keeps a worker alive until background work is done: `(work) => context.waitUntil(work)`. @default {nothing} */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** What a {@linkcode Region} is told, at once or in two steps. */
export interface RegionOptions<V = unknown> extends FreshnessOptions<V> {
  /** Where values live; its codec must be able to keep objects. The region closes it. @default {a `Map` of its own} */
  readonly store?: Store<unknown> | undefined;
  /**
   * What the region's keys start with in the store. Regions with one name and one store share values, and so do those
   * without a name: give each kind of value a name of its own. @default {"region"}
   */
  readonly name?: string | undefined;
  /** By how much lifetimes vary at random, as a share: with 0.1 a value lives for 90 to 100 % of its ttl. @default {0} */
  readonly jitter?: number | undefined;
  /** How long before it goes stale a value that is asked for is refreshed in the background. @default {0} */
  readonly refreshAhead?: number | Duration | undefined;
  /**
   * Refreshes in the background at random before a value goes stale, the likelier the nearer that is and the longer
   * creating took (XFetch, VLDB 2015). The number is its β: 1 is the optimum, more is earlier. @default {0, never}
   */
  readonly earlyRefresh?: number | undefined;
  /**
   * Whether one process at a time creates a value. Where the store supports `swap` the claim stands in the entry itself, so
   * that a stale value is written once more when its refresh begins; else it stands beside it, under a key of its own.
   * @default {true, where the store is shared and supports `create`}
   */
  readonly lease?: boolean | RegionLeaseOptions | undefined;
  /** When a failing store is left alone for a while. */
  readonly breaker?: BreakerOptions | undefined;
  /** What becomes of keys on their way to the store. @default {nothing} */
  readonly mangle?: Mangle | undefined;
  /** What decides that entries are invalid. @default {two epochs that live in the store} */
  readonly invalidation?: InvalidationStrategy<V> | undefined;
  /** Runs refreshes in the background: at another time, or in a queue. @default {at once} */
  readonly background?: ((refresh: BackgroundRefresh<V>) => Awaitable<unknown>) | undefined;
  /** Told what happens. */
  readonly onEvent?: ((event: RegionEvent) => unknown) | undefined;
  /** The clock by which values age. @default {the store's} */
  readonly now?: Clock | undefined;
  /** A source of numbers from 0 to 1 for jitter and back-off. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/** How long a process may be the one that creates a value. */
export interface RegionLeaseOptions {
  /** After how long a holder that died is given up, in milliseconds; one that lives renews it. @default {10_000} */
  readonly ttl?: number | undefined;
  /**
   * The longest time between two looks of a process that waits for another one, in milliseconds; it looks again after an
   * eighth of the time that it has waited. @default {250}
   */
  readonly pollInterval?: number | undefined;
}

/** When a failing store is left alone, where calls can do without it (`onStoreError: "bypass"`). */
export interface BreakerOptions {
  /** After how many failures in a row. @default {1} */
  readonly failures?: number | undefined;
  /** For how long, in milliseconds; then one call tries again. @default {1000} */
  readonly cooldown?: number | undefined;
}

/**
 * What becomes of keys: `"sha256"` makes hashes of all, `{ overBytes }` of those that are longer in UTF-8, and keeps their
 * beginning. A function must give different keys different names.
 */
export type Mangle = "sha256" | { readonly overBytes: number } | ((key: string) => Awaitable<string>);

/** An invalidation of one's own, in place of the epochs. */
export interface InvalidationStrategy<V = unknown> {
  /** Whether an entry is invalid, and how. */
  judge(key: string, entry: RegionEntry<V>): Awaitable<InvalidationMode | undefined>;
  /** What `region.invalidate()` does. */
  invalidate(mode: InvalidationMode): Awaitable<void>;
}

/** A value and its age. */
export interface RegionEntry<V = unknown> {
  /** The value. */
  readonly value: V;
  /** Milliseconds since the epoch at which it was made. */
  readonly createdAt: number;
  /** Milliseconds since. */
  readonly age: number;
  /** Milliseconds since the epoch at which it goes stale; `Infinity`: never. */
  readonly freshUntil: number;
  /** Whether it is stale by now, by age or by a soft invalidation. */
  readonly isStale: boolean;
}

/** A refresh that a `background` hook may run when it wants. */
export interface BackgroundRefresh<V = unknown> {
  /** The key, as it was asked for. */
  readonly key: string;
  /** Makes and stores the new value. Until it is done, or the hook is without having called it, no other refresh begins. */
  run(): Promise<V>;
}

/** What a reading call takes. */
export interface RegionReadOptions extends CallOptions {
  /** Takes only values of at most this age, in milliseconds or as a {@linkcode Duration}. @default {Infinity} */
  readonly maxAge?: number | Duration | undefined;
  /** Takes stale values too, while the store has them; never those of a hard invalidation. @default {false} */
  readonly stale?: boolean | undefined;
  /** What a failing store means: with `"bypass"` a miss. @default {the region's} */
  readonly onStoreError?: OnStoreError | undefined;
}

/** What `region.set()` takes. */
export interface RegionSetOptions<V = unknown> extends CallOptions {
  /** How long it stays fresh. @default {the region's} */
  readonly ttl?: Ttl<V> | undefined;
  /** What the value can be invalidated by, see `invalidateTags()`. @default {[]} */
  readonly tags?: readonly string[] | undefined;
}

/** What `region.getOrCreate()` takes. */
export interface GetOrCreateOptions<V = unknown> extends FreshnessOptions<V>, CallOptions {
  /** Takes only values of at most this age, in milliseconds or as a {@linkcode Duration}. @default {Infinity} */
  readonly maxAge?: number | Duration | undefined;
  /** What the value can be invalidated by, see `invalidateTags()`. @default {[]} */
  readonly tags?: readonly string[] | undefined;
}

/** What a creator is given. */
export interface CreateContext<V = unknown> {
  /** The key, as it was asked for. */
  readonly key: string;
  /** Aborts when nobody waits for the value any more. */
  readonly signal: AbortSignal;
  /** The value there was, however old; `undefined` if there was none or it was invalidated hard. */
  readonly previous: V | undefined;
  /** Gives this value a lifetime of its own. */
  setTtl(ttl: number | Duration): void;
  /** Keeps this value out of the store; those who wait get it. */
  noStore(): void;
}

/** What a creator of many values is given. */
export type CreateManyContext = Pick<CreateContext, "signal" | "setTtl" | "noStore">;

/** Makes the value of a key; `undefined` is returned, and not stored. */
export type Creator<V> = (context: CreateContext<V>) => Awaitable<V>;

/** Makes the values of keys that are missing; keys that it leaves out are not stored. */
export type ManyCreator<V> = (
  keys: readonly string[],
  context: CreateManyContext,
) => Awaitable<Iterable<readonly [key: string, value: V]>>;

/** What `region.invalidate()` takes. */
export interface InvalidateOptions extends CallOptions {
  /** `"hard"`: values are gone. `"soft"`: values are stale, and still served within `staleWhileRevalidate`. @default {"hard"} */
  readonly mode?: InvalidationMode | undefined;
}
