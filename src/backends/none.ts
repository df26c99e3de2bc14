/**
 * No place at all: what is written is forgotten at once, and every read misses.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";

const SUPPORTS = {
  // Nothing is there to be listed, to expire, to be replaced or to change, and that is what the answers say.
  list: true,
  order: true,
  ttl: true,
  swap: true,
  revision: true,
  // Of several callers that add a key each one succeeds: no lock can stand on that.
  create: false,
  stream: false,
} as const;

/**
 * A backend that stores nothing, to turn a cache off without a change in the program.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { none } from "@everymap/everymap/backends/none";
 * import { assertEquals } from "@std/assert";
 *
 * const cache = new Store<string>(none());
 * await cache.set("ada", "Countess");
 * assertEquals(await cache.get("ada"), undefined);
 * ```
 */
export function none<V>(): Backend<V> {
  return {
    name: "none",
    supports: SUPPORTS,
    read: () => undefined,
    write: (_key, _raw, options) => options?.condition === undefined || options.condition === "absent",
    remove: () => false,
    list: () => [],
    readMany: () => new Map(),
    writeMany: () => {},
    removeMany: () => 0,
    has: () => false,
    count: () => 0,
    clear: () => {},
    touch: () => false,
    take: () => undefined,
    prune: () => 0,
    revision: () => "0",
  };
}

/**
 * The backend that `none:` or `dummy:` names.
 *
 * @throws {TypeError} If the URL says more than that.
 */
export function noneFromUrl(url: URL): Backend<unknown> {
  const parameter = url.searchParams.keys().next().value;
  if (parameter !== undefined) throw new TypeError(`Cannot make none from its URL: "${parameter}" is not a parameter`);
  if (url.host || url.pathname || url.hash) throw new TypeError("Cannot make none from its URL: it names a place");
  return none();
}
