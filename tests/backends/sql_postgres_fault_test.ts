/** What goes wrong with a Postgres: refusals, outages, silence. */

import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import pg from "pg";
import postgres from "postgres";
import { sql, type SqlOptions, type SqlSource } from "../../src/backends/sql.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { open } from "../../src/open/open.ts";
import { freePort } from "../support/radosgw.ts";
import { postgresIsMissing, type PostgresServer, startPostgres } from "../support/postgres_server.ts";

const skip = postgresIsMissing() ?? false;

async function failsWith(code: StoreErrorCode, call: () => Promise<unknown>, message = ""): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, message);
  assertEquals(error.code, code, `${error.message}: ${error.cause}`);
  return error;
}

describe("sql on a Postgres that refuses", { skip }, () => {
  let server: PostgresServer;
  before(async () => void (server = await startPostgres()));
  after(async () => await server?.stop());

  /** Calls back with a store for each client at the address. */
  async function eachAt(
    url: string,
    use: (store: Store<unknown>) => Promise<unknown>,
    options: Partial<SqlOptions> = {},
  ): Promise<void> {
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const client = postgres(url, { max: 1, onnotice: () => {}, backoff: () => 0.01, connect_timeout: 5 });
    for (const source of [client, pool] as SqlSource[]) {
      const store = new Store<unknown>(sql(source, { table: "t", ownsClient: true, ...options }));
      await use(store);
      await store.close();
    }
  }

  test("tells a wrong password, a missing database, table or server apart", async () => {
    const address = new URL(server.url);
    address.password = "wrong-secret";
    await eachAt(address.href, async (store) => {
      const error = await failsWith("denied", () => store.get("a"));
      assert(!`${error.message}${error.stack}`.includes("wrong-secret"), error.message);
    });
    await eachAt(server.url.replace(/postgres$/, "nowhere"), (store) => failsWith("unavailable", () => store.get("a")));
    await eachAt(server.url, async (store) => {
      const error = await failsWith("unavailable", () => store.set("a", 1), 'no table "t"');
      assertEquals(error.retryable, false);
    });
    const port = await freePort();
    await eachAt(server.url.replace(/:\d+\//, `:${port}/`), async (store) => {
      const error = await failsWith("unavailable", () => store.get("a"), "cannot be reached");
      assert(error.retryable);
    });
  });

  test("is read-only, denied, or a conflict with a constraint", async () => {
    server.query(`CREATE TABLE facts (key text PRIMARY KEY, value text CHECK (length(value) < 5), n int UNIQUE);
      CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON facts TO reader;
      CREATE ROLE quiet LOGIN PASSWORD 'quiet'; GRANT ALL ON facts TO quiet;
      ALTER ROLE quiet SET default_transaction_read_only = on`);
    const as = (user: string) => server.url.replace(/\/\/[^@]*@/, `//${user}:${user}@`);
    await eachAt(as("reader"), async (store) => {
      assertEquals(await store.get("a"), undefined);
      await failsWith("denied", () => store.set("a", 1));
      await failsWith("denied", () => store.clear());
    }, { table: "facts" });
    await eachAt(as("quiet"), async (store) => {
      assertEquals(await store.get("a"), undefined);
      await failsWith("read-only", () => store.set("a", 1));
      await failsWith("read-only", () => store.setMany([["a", 1], ["b", 2]]));
    }, { table: "facts" });
    await eachAt(server.url, async (store) => {
      const error = await failsWith("conflict", () => store.set("a", "too long"), "a constraint");
      assertEquals([error.retryable, error.message.includes("too long")], [false, false]);
      await failsWith("conflict", () => store.setMany([["a", 1], ["b", "too long"]]));
      assertEquals(await store.size, 0);
    }, { table: "facts" });
  });
});

describe("sql on a Postgres that goes away", { skip }, () => {
  let server: PostgresServer;
  before(async () => void (server = await startPostgres()));
  after(async () => await server?.stop());

  test("fails in time, loses nothing that was acknowledged, and is there again without a new store", async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 3 });
    const stores = [
      await open<number>(`${server.url}?table=kept&create=true&revision=true&timeout=3000`),
      new Store<number>(sql(pool, { table: "kept", create: true, revision: true, timeout: 3000, ownsClient: true })),
    ];
    await stores[0]!.set("first", 1);
    const acknowledged = new Map<string, number>();
    const errors: unknown[] = [];
    let goesOn = true;
    const write = async (store: Store<number>, name: string) => {
      for (let turn = 0; goesOn; turn++) {
        const before = performance.now();
        try {
          await store.set(`${name}${turn % 7}`, turn);
          acknowledged.set(`${name}${turn % 7}`, turn);
        } catch (error) {
          errors.push(error);
          assert(performance.now() - before < 10_000, "it took longer than its deadline");
          // What may have been written or not is not known.
          acknowledged.delete(`${name}${turn % 7}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    const writers = stores.flatMap((store, index) => ["a", "b", "c"].map((name) => write(store, `${index}${name}`)));
    for (let round = 0; round < 2; round++) {
      const seen = acknowledged.size;
      await until(() => acknowledged.size > 10 || acknowledged.size > seen);
      const failed = errors.length;
      await server.kill();
      await until(() => errors.length > failed + 3);
      await server.start();
      const size = errors.length;
      acknowledged.clear();
      await until(() => acknowledged.size === 42, () => `${acknowledged.size} of 42, ${errors.length - size} errors`);
    }
    goesOn = false;
    await Promise.all(writers);
    for (const error of errors) {
      assert(error instanceof StoreError && /unavailable|timeout/.test(error.code), `${error}`);
      assert(error.retryable && !error.message.includes(server.password), error.message);
    }
    for (const store of stores) {
      const found = await store.getMany(acknowledged.keys());
      assertEquals(found, new Map(acknowledged));
      await store.close();
    }
  });

  test("is a timeout while it is silent, and an abort does not wait for it", async () => {
    const store = await open<number>(`${server.url}?table=silent&create=true&timeout=300&max=2`);
    const isSet = () => store.set("a", 1).then(() => true, () => false);
    await until(isSet);
    server.suspend();
    try {
      const before = performance.now();
      await failsWith("timeout", () => store.get("a"), "300 ms");
      await failsWith("timeout", () => store.setMany([["a", 2]]));
      assert(performance.now() - before < 5000);
      const signal = AbortSignal.timeout(50);
      assertEquals(await assertRejects(() => store.get("a", { signal })), signal.reason);
    } finally {
      server.resume();
    }
    await until(isSet);
    await store.close();
  });
});

async function until(holds: () => boolean | Promise<boolean>, what = () => "it"): Promise<void> {
  for (let left = 1000; left > 0; left--) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what()} did not come in time, on ${process.version}`);
}
