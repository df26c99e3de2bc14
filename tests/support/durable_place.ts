/**
 * Places that several processes share in tests of durable maps.
 *
 * @module
 */

import type { ByteBackend } from "../../src/core/backend.ts";

/**
 * The place that a word names: `sqlite:<file>`, `redis:<port>`, `redis:<port>?<deadline in milliseconds>`, `sql:<URL of a
 * Postgres>` or `zookeeper:<place>`.
 */
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
  if (kind === "sql") {
    const { default: postgres } = await import("postgres");
    const { sql } = await import("../../src/backends/sql.ts");
    const client = postgres(where, { max: 2, onnotice: () => {} });
    return sql(client, { table: "settings", create: true, revision: true, ownsClient: true, timeout: 30_000 });
  }
  if (kind === "zookeeper") {
    const { zookeeper } = await import("../../src/backends/zookeeper.ts");
    return zookeeper(where, { timeout: 20_000 });
  }
  throw new Error(`There is no place ${kind}`);
}
