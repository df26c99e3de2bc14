/**
 * Places that several processes share in tests of durable maps.
 *
 * @module
 */

import type { ByteBackend } from "../../src/core/backend.ts";

/** The place that a word names: `sqlite:<file>` or `redis:<port>` or `redis:<port>?<deadline in milliseconds>`. */
export async function openPlace(place: string): Promise<ByteBackend> {
  const [kind, where] = [place.slice(0, place.indexOf(":")), place.slice(place.indexOf(":") + 1)];
  if (kind === "sqlite") {
    const { sqlite } = await import("../../src/backends/sqlite.ts");
    return sqlite(where, { revision: true });
  }
  if (kind === "redis") {
    const { redis } = await import("../../src/backends/redis.ts");
    const [port, timeout = "30000"] = where.split("?");
    return redis(`redis://127.0.0.1:${port}`, { hash: "settings", revision: true, timeout: Number(timeout) });
  }
  throw new Error(`There is no place ${kind}`);
}
