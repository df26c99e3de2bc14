/**
 * Places that several processes share in tests of durable maps.
 *
 * @module
 */

import type { ByteBackend } from "../../src/core/backend.ts";

/** The place that a word names: `sqlite:<file>` or `redis:<port>`. */
export async function openPlace(place: string): Promise<ByteBackend> {
  const [kind, where] = [place.slice(0, place.indexOf(":")), place.slice(place.indexOf(":") + 1)];
  if (kind === "sqlite") {
    const { sqlite } = await import("../../src/backends/sqlite.ts");
    return sqlite(where, { revision: true });
  }
  if (kind === "redis") {
    const { redis } = await import("../../src/backends/redis.ts");
    return redis(`redis://127.0.0.1:${where}`, { hash: "settings", revision: true, timeout: 2000 });
  }
  throw new Error(`There is no place ${kind}`);
}
