/**
 * Places that several processes share in tests of durable maps.
 *
 * @module
 */

import type { ByteBackend } from "../../src/core/backend.ts";

/**
 * The place that a word names: `sqlite:<file>`, `redis:<port>`, `sql:<URL of a Postgres>` or `zookeeper:<place>`, each with
 * `#<deadline in milliseconds>` where calls may not last as long as on a busy machine.
 */
export async function openPlace(place: string): Promise<ByteBackend> {
  const [, kind, where = "", deadline = "30000"] = /^(\w+):([^#]*)(?:#(\d+))?$/.exec(place) ?? [];
  const timeout = Number(deadline);
  if (kind === "sqlite") {
    const { sqlite } = await import("../../src/backends/sqlite.ts");
    return sqlite(where, { revision: true });
  }
  if (kind === "redis") {
    const { redis } = await import("../../src/backends/redis.ts");
    return redis(`redis://127.0.0.1:${where}`, { hash: "settings", revision: true, timeout });
  }
  if (kind === "sql") {
    const { default: postgres } = await import("postgres");
    const { sql } = await import("../../src/backends/sql.ts");
    const client = postgres(where, { max: 2, onnotice: () => {} });
    return sql(client, { table: "settings", create: true, revision: true, ownsClient: true, timeout });
  }
  if (kind === "zookeeper") {
    const { zookeeper } = await import("../../src/backends/zookeeper.ts");
    return zookeeper(where, { timeout });
  }
  throw new Error(`There is no place ${place}`);
}
