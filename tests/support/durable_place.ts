/**
 * Places that several processes share in tests of durable maps.
 *
 * @module
 */

import type { ByteBackend } from "../../src/core/backend.ts";

/** The place that a word names: `sqlite:<file>`. */
export async function openPlace(place: string): Promise<ByteBackend> {
  const [kind, where] = [place.slice(0, place.indexOf(":")), place.slice(place.indexOf(":") + 1)];
  if (kind === "sqlite") {
    const { sqlite } = await import("../../src/backends/sqlite.ts");
    return sqlite(where, { revision: true });
  }
  throw new Error(`There is no place ${kind}`);
}
