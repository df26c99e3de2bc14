/**
 * A store to look at.
 *
 * @module
 */

import type { Backend, ByteBackend } from "../core/backend.ts";
import { layer } from "../core/layer.ts";
import { StoreError } from "../core/store_error.ts";

/**
 * A backend that refuses every writing call with `read-only`, before anything is touched. What it supports is what the
 * inner one supports: a write is refused because it is one, not because the place could not do it.
 *
 * @example
 * ```ts
 * import { Store, StoreError } from "@everymap/everymap";
 * import { memory } from "@everymap/everymap/backends/memory";
 * import { readonly } from "@everymap/everymap/layers/readonly";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const store = new Store(readonly(memory({ map: new Map([["ada", 1815]]) })));
 * assertEquals(await store.get("ada"), 1815);
 * await assertRejects(() => store.clear(), StoreError, "read only");
 * ```
 */
export function readonly(inner: ByteBackend): ByteBackend;
/** The same over a backend of values. */
export function readonly<V>(inner: Backend<V>): Backend<V>;
export function readonly<V>(inner: Backend<V>): Backend<V> {
  const refuse = (operation: string) => (subject?: unknown): never => {
    const key = typeof subject === "string" ? subject : undefined;
    throw new StoreError("read-only", { store: inner.name, operation, key });
  };
  const refusals: Partial<Backend<V>> = {
    write: refuse("write"),
    remove: refuse("remove"),
    writeMany: refuse("write"),
    removeMany: refuse("remove"),
    clear: refuse("clear"),
    touch: refuse("touch"),
    take: refuse("remove"),
    prune: refuse("prune"),
    writable: refuse("write"),
  };
  const outer = layer<V, V>(inner, {
    withFormat: (format) => readonly(inner.withFormat!(format)),
  }, [
    "read",
    "list",
    "readSync",
    "readMany",
    "has",
    "count",
    "readable",
    "revision",
    "changes",
    "versions",
    "watch",
    "close",
  ]);
  // Also those that the inner backend lacks: derived from others they might answer before they come to the refusal.
  return Object.assign(outer, refusals);
}
