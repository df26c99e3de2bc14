/**
 * The entries worth keeping, in memory, chosen by SIEVE.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";
import { EvictingBackend, type EvictingOptions } from "../core/evicting_backend.ts";
import { checkNoPlace, readQuery } from "../core/url_query.ts";

export type { EvictionLimits, EvictionReason } from "../core/eviction_options.ts";
export type { EvictingOptions };

/**
 * A limited number of entries in memory; the oldest one that was not used lately makes room (SIEVE, Zhang et al., NSDI
 * 2024). It keeps more of the entries that are asked for again than `lru()`, above all when something walks through many
 * keys once; which one goes next is harder to foretell. A read, a write over an entry and a new lifetime are uses.
 *
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a limit is not a whole number from 1 on.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { sieve } from "@everymap/everymap/backends/sieve";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new Store<number>(sieve({ maxEntries: 2 }));
 * await store.set("a", 1);
 * await store.set("b", 2);
 * await store.get("a");
 * await store.set("c", 3);
 * assertEquals(await Array.fromAsync(store.keys()), ["a", "c"]);
 * ```
 */
export function sieve<V>(options: EvictingOptions<V>): Backend<V> {
  return new EvictingBackend("sieve", options);
}

/**
 * The backend that `sieve:?maxEntries=1000&maxBytes=1000000` names.
 *
 * @throws {TypeError} If a parameter is unknown or malformed.
 * @throws {RangeError} If a limit is not a whole number from 1 on.
 */
export function sieveFromUrl(url: URL): Backend<unknown> {
  checkNoPlace(url);
  return sieve(
    readQuery(url, {
      maxEntries: "integer",
      maxBytes: "integer",
    }) as unknown as EvictingOptions<unknown>,
  );
}
