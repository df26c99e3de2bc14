/**
 * What happens in a region, as one union of events.
 *
 * @module
 */

/** `"hard"`: values are gone at once. `"soft"`: values are stale at once. */
export type InvalidationMode = "hard" | "soft";

/**
 * Something that happened in a region:
 *
 * - `hit`, `stale`, `miss`: what a read found: a fresh value, an old one that was served, nothing to serve;
 * - `create`, `refresh`: a creator begins, with callers waiting or in the background;
 * - `wait`: a call waits for a creator that runs already, in this process or in another one;
 * - `lease`: a lease was won or, while the creator ran, lost;
 * - `error`: a creator or the store failed; the call itself may have succeeded all the same;
 * - `invalidate`: `delete()`, `set()`, `clear()`, `invalidate()` or `invalidateTags()`.
 */
export type RegionEvent =
  | { readonly type: "hit" | "stale" | "miss" | "create" | "refresh" | "wait"; readonly key: string }
  | { readonly type: "lease"; readonly key: string; readonly outcome: "won" | "lost" }
  | {
    readonly type: "error";
    readonly key?: string | undefined;
    readonly during: "create" | "read" | "write" | "lease";
    readonly error: unknown;
  }
  | {
    readonly type: "invalidate";
    readonly key?: string | undefined;
    readonly prefix?: string | undefined;
    readonly tags?: readonly string[] | undefined;
    readonly mode?: InvalidationMode | undefined;
  };

/** How often each kind of event happened. */
export type RegionCounters = Readonly<Record<RegionEvent["type"], number>>;
