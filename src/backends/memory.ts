/**
 * Entries in memory, in a native `Map`.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";
import { type Clock, coarseNow } from "../core/clock.ts";
import { MapBackend } from "../core/map_backend.ts";
import { checkOptions } from "../core/options.ts";
import { checkNoPlace, readQuery } from "../core/url_query.ts";

/** How {@linkcode memory} behaves. */
export interface MemoryOptions<V> {
  /** The map to keep values in, as they are. @default {a new one} */
  readonly map?: Map<string, V> | undefined;
  /** Whether values are copied on the way in and out, as a remote store would. @default {false} */
  readonly clone?: boolean | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/**
 * A backend in memory. Like a `Map` it keeps references; with `clone` it hands out copies, as a remote store does.
 *
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new Store<{ name: string }>(memory({ clone: true }));
 * const ada = { name: "Ada" };
 * await store.set("ada", ada);
 * ada.name = "Countess";
 * assertEquals(await store.get("ada"), { name: "Ada" });
 * ```
 */
export function memory<V>(options: MemoryOptions<V> = {}): Backend<V> {
  checkOptions("memory", options, ["map", "clone", "now"]);
  return new (options.clone ? CloningBackend : MapBackend)(options.map, { now: coarseNow, ...options });
}

class CloningBackend<V> extends MapBackend<V> {
  override readSync(key: string): V | undefined {
    return structuredClone(super.readSync(key));
  }

  override writeSync(key: string, value: V, expiresAt?: number): boolean {
    return super.writeSync(key, structuredClone(value), expiresAt);
  }
}

/**
 * The backend that `memory:` or `memory:?clone=true` names.
 *
 * @throws {TypeError} If a parameter is unknown or malformed.
 */
export function memoryFromUrl(url: URL): Backend<unknown> {
  checkNoPlace(url);
  return memory(readQuery(url, { clone: "boolean" }) as MemoryOptions<unknown>);
}
