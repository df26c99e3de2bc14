/**
 * The entries used last, in memory.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";
import { EvictingBackend, type EvictingOptions } from "../core/evicting_backend.ts";
import { checkNoPlace, readQuery } from "../core/url_query.ts";

export type { EvictionLimits, EvictionReason } from "../core/eviction_options.ts";
export type { EvictingOptions };

/**
 * A limited number of entries in memory; the least recently used one makes room. A read, a write and a new lifetime are
 * uses; `has()` and listings are not.
 *
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a limit is not a whole number from 1 on.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { lru } from "@everymap/everymap/backends/lru";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new Store<number>(lru({ maxEntries: 2 }));
 * await store.set("a", 1);
 * await store.set("b", 2);
 * await store.get("a");
 * await store.set("c", 3);
 * assertEquals(await Array.fromAsync(store.keys()), ["a", "c"]);
 * ```
 */
export function lru<V>(options: EvictingOptions<V>): Backend<V> {
  return new EvictingBackend("lru", options);
}

/**
 * The backend that `lru:?maxEntries=1000&maxBytes=1000000` names.
 *
 * @throws {TypeError} If a parameter is unknown or malformed.
 * @throws {RangeError} If a limit is not a whole number from 1 on.
 */
export function lruFromUrl(url: URL): Backend<unknown> {
  checkNoPlace(url);
  return lru(
    readQuery(url, {
      maxEntries: "integer",
      maxBytes: "integer",
    }) as unknown as EvictingOptions<unknown>,
  );
}
