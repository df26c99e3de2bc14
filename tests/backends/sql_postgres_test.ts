import { spawn } from "node:child_process";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import pg from "pg";
import postgres from "postgres";
import { type PostgresJsClient, sql, type SqlClient, type SqlRow, type SqlSource } from "../../src/backends/sql.ts";
import { toSqlClient } from "../../src/backends/sql/to_sql_client.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { open } from "../../src/open/open.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { postgresIsMissing, type PostgresServer, startPostgres } from "../support/postgres_server.ts";
import { scriptCommand } from "../support/runtime.ts";
import { newTable } from "../support/sql_laws.ts";

const skip = postgresIsMissing() ?? false;
let server: PostgresServer;
let client: postgres.Sql;
let pool: pg.Pool;

before(async () => {
  if (skip) return;
  server = await startPostgres();
  client = postgres(server.url, { max: 5, onnotice: () => {} });
  pool = new pg.Pool({ connectionString: server.url, max: 5 });
});
after(async () => {
  if (skip) return;
  await client.end();
  await pool.end();
  await server.stop();
});

async function failsWith(code: StoreErrorCode, call: () => Promise<unknown>, message = ""): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, message);
  assertEquals(error.code, code, error.message);
  return error;
}

/** The client, and what it was told. */
function watched(source: SqlSource): { spy: SqlClient; texts: string[] } {
  const inner = toSqlClient(source);
  const texts: string[] = [];
  const run: SqlClient["run"] = (statement) => {
    texts.push(statement.text);
    return inner.run(statement);
  };
  return { spy: { dialect: "postgres", run }, texts };
}

describe("sql on Postgres", { skip }, () => {
  const HOSTILE = `'"; DROP TABLE bystander; -- \\ \` {a,b} $1 é`;

  test("names, keys and values are never statements, whatever they look like", async () => {
    server.query("CREATE TABLE bystander (a int)");
    const single = new pg.Client({ connectionString: server.url });
    await single.connect();
    const camels = postgres(server.url, { max: 1, onnotice: () => {}, transform: postgres.camel });
    for (const db of [client, pool, single, camels]) {
      const store = new Store<unknown>(sql(db, {
        table: `t${HOSTILE}`.slice(0, 40),
        keyColumn: `k${HOSTILE}`,
        valueColumn: `v${HOSTILE}`,
        expiresColumn: `e${HOSTILE}`,
        versionColumn: `n${HOSTILE}`,
        where: { [`w${HOSTILE}`]: HOSTILE },
        create: true,
        revision: true,
      }));
      const keys = [HOSTILE, "{", "}", "\\", '"', ",", "NULL", "null", "", " ", "%", "_"];
      await store.setMany(keys.map((key) => [key, HOSTILE]), { ttl: 60_000 });
      assertEquals((await store.getMany(keys)).size, keys.length);
      assertEquals(await store.get(HOSTILE), HOSTILE);
      assertEquals(await Array.fromAsync(store.keys({ prefix: "%" })), ["%"]);
      const { expiresAt } = (await store.entry(HOSTILE))!;
      assert(expiresAt! > Date.now(), `${expiresAt}`);
      assertEquals(await store.deleteMany(keys), keys.length);
    }
    assertEquals(server.query("SELECT count(*) FROM bystander"), "0");
    await single.end();
    await camels.end();
  });

  test("what others wrote is read, columns of text and JSON get text, and what they cannot keep is refused", async () => {
    server.query(`CREATE TABLE texts (key text PRIMARY KEY, value text, n int DEFAULT 5);
      CREATE TABLE jsons (key text PRIMARY KEY, value json, n int DEFAULT 5);
      CREATE TABLE jsonbs (key varchar(10) PRIMARY KEY, value jsonb, n int DEFAULT 5);
      CREATE TABLE shorts (key text PRIMARY KEY, value varchar(3))`);
    for (const table of ["texts", "jsons", "jsonbs"]) {
      server.query(`INSERT INTO ${table} VALUES ('theirs', '{"a": [1, "é"]}'), ('null', NULL)`);
      const store = new Store<unknown>(sql(client, { table }));
      assertEquals([await store.get("theirs"), await store.has("null")], [{ a: [1, "é"] }, false]);
      await store.set("one", { b: 1 });
      await store.setMany([["two", [2]], ["three", "\ufeffx"]]);
      assertEquals([...(await store.getMany(["two", "three"])).values()], [[2], "\ufeffx"]);
      server.query(`UPDATE ${table} SET n = 6`);
      await store.set("one", 1);
      assertEquals(server.query(`SELECT value::text, n FROM ${table} WHERE key = 'one'`), "1|6");
      const raw = new Store<Uint8Array>(sql(client, { table }), { codec: bytes() });
      await failsWith("unsupported", () => raw.set("k", Uint8Array.of(255)));
      await failsWith("unsupported", () => raw.setMany([["one", Uint8Array.of(49)], ["k", Uint8Array.of(255)]]));
      const plain = new Store<string>(sql(client, { table }), { codec: text() });
      await failsWith("unsupported", () => plain.set("k", "a\0b"));
      await failsWith("unsupported", () => plain.setMany([["one", "5"], ["k", "a\0b"]]));
      assertEquals([await store.get("one"), await store.has("k")], [1, false]);
      if (table !== "texts") {
        const error = await failsWith("unsupported", () => plain.set("k", "no JSON at all"));
        assert(!error.message.includes("no JSON"), error.message);
      }
    }
    const jsonb = new Store<unknown>(sql(client, { table: "jsonbs" }));
    await failsWith("unsupported", () => jsonb.set("k", "\0"), "U+0000");
    await failsWith("too-large", () => jsonb.set("key of more than 10", 1));
    await failsWith("too-large", () => new Store<string>(sql(client, { table: "shorts" })).set("k", "long"));
  });

  test("listings are in the order of bytes, whatever the order of the column", async () => {
    server.query(`CREATE TABLE ordered (key text COLLATE "en-x-icu" PRIMARY KEY, value text)`);
    const store = new Store<number>(sql(client, { table: "ordered" }));
    await store.setMany(["a", "B", "c", "_", "é", "Z", "\u{1f600}", "\uffff"].map((key) => [key, 1]));
    assertEquals(await Array.fromAsync(store.keys()), ["B", "Z", "_", "a", "c", "é", "\uffff", "\u{1f600}"]);
    assertEquals(await Array.fromAsync(store.keys({ after: "Z", limit: 2 })), ["_", "a"]);
  });

  test("a column that takes different keys as equal is refused", async () => {
    server.query(`CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE TABLE folding (key text COLLATE folding PRIMARY KEY, value text)`);
    await failsWith("unsupported", () => new Store(sql(client, { table: "folding" })).set("A", 1), "no unique index");
  });

  test("a listing of a table made for it uses its index", async () => {
    await new Store(sql(client, { table: "indexed", create: true })).set("a", 1);
    server.query("INSERT INTO indexed SELECT 'b' || n, NULL, '1' FROM generate_series(1, 5000) n; ANALYZE indexed");
    const { spy, texts } = watched(client);
    const listing = sql(spy, { table: "indexed", expiresColumn: "expires_at" }).list({ prefix: "a", after: "a" });
    assertEquals(await Array.fromAsync(listing), []);
    const plan = JSON.stringify(await client.unsafe(`EXPLAIN ${texts.at(-1)}`, ["a", "b", "a", 0, 10]));
    assert(/Index (Only )?Scan using indexed_pkey/.test(plan) && !plan.includes("Sort Key"), plan);
  });

  test("a call for a thousand entries is one statement, and there may be more keys than a statement binds values", async () => {
    const { spy, texts } = watched(client);
    const store = new Store<number>(sql(spy, { table: newTable(), create: true, revision: true }));
    await store.size;
    const keys = Array.from({ length: 70_000 }, (_, index) => `key${index}`);
    const revision = Number(await store.revision());
    texts.length = 0;
    await store.setMany(keys.map((key, index) => [key, index]));
    const found = await store.getMany(keys);
    assertEquals([found.size, found.get("key69999"), await store.deleteMany(keys), texts.length], [
      70_000,
      69_999,
      70_000,
      3,
    ]);
    assertEquals([await store.size, Number(await store.revision()) > revision], [0, true]);
    texts.length = 0;
    for (
      const call of [
        () => store.set("a", 1),
        () => store.get("a"),
        () => store.entry("a"),
        () => store.touch("a", 1000),
        () => store.take("a"),
        () => store.clear({ prefix: "x" }),
      ]
    ) await call();
    assertEquals(texts.length, 7, "clear() drops what has expired by itself, which is no change");
  });

  test("whole rows keep their types, their numbers and what they do not name (DD-40, DD-45)", async () => {
    server.query(`CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE NOT NULL, born date, tags text[],
      data jsonb, photo bytea, big bigint, note text DEFAULT 'none', nr int GENERATED ALWAYS AS IDENTITY,
      twice bigint GENERATED ALWAYS AS (big * 2) STORED)`);
    const data = { a: [1, null, "x"], text: 'quo"te' };
    for (const db of [client, pool]) {
      const store = new Store<SqlRow>(sql(db, { table: "people", keyColumn: "name", rows: true }));
      await store.set("ada", { born: "1815-12-10", tags: ["x", 'y"{}'], data, photo: Uint8Array.of(0, 255), big: 5n });
      const row = (await store.get("ada"))!;
      assertEquals({ ...row, born: undefined, id: undefined, nr: undefined }, {
        name: "ada",
        born: undefined,
        id: undefined,
        nr: undefined,
        tags: ["x", 'y"{}'],
        data,
        photo: Uint8Array.of(0, 255),
        big: "5",
        note: "none",
        twice: "10",
      });
      assert(row["born"] instanceof Date);
      await store.update("ada", (row) => ({ ...row, note: "changed" }));
      await store.setMany([["bob", { big: 1 }], ["ada", { big: 6, note: "again" }], ["cy", {}]]);
      const again = (await store.get("ada"))!;
      assertEquals([again["id"], again["nr"], again["note"], again["tags"]], [row["id"], row["nr"], "again", null]);
      const { version } = (await store.entry("ada"))!;
      assertEquals(await store.replace("ada", { id: row["id"], big: 7 }, { version: version! }), true);
      assertEquals(await store.replace("ada", { big: 8 }, { version: version! }), false);
      const last = (await store.get("ada"))!;
      assertEquals([last["id"], last["big"], last["note"]], [row["id"], "7", "none"]);
      await failsWith("unsupported", () => store.set("ada", { nope: 1 }), 'no column "nope"');
      await failsWith("unsupported", () => store.set("ada", { big: "no number" }));
      await store.clear();
    }
  });

  test("numbers that are not finite stay what they are in rows", async () => {
    server.query(`CREATE TABLE numbers (name text PRIMARY KEY, x float8, y numeric, n int);
      INSERT INTO numbers VALUES ('nan', 'NaN', 'NaN'), ('end', '-Infinity', 1)`);
    const store = new Store<SqlRow>(sql(client, { table: "numbers", keyColumn: "name", rows: true }));
    for (const key of ["nan", "end"]) await store.update(key, (row) => ({ ...row, n: 1 }));
    assertEquals(server.query("SELECT * FROM numbers ORDER BY name"), "end|-Infinity|1|1\nnan|NaN|NaN|1");
    await failsWith("unsupported", () => store.set("nan", { n: NaN }));
  });

  test("dates and times of rows stay what they are where the clock on the wall is not UTC", async () => {
    const { Bun } = globalThis as unknown as { Bun?: { SQL: new (url: string) => PostgresJsClient } };
    const bun = Bun && new Bun.SQL(server.url);
    const { TZ } = process.env;
    try {
      for (const zone of ["America/New_York", "Asia/Tokyo", "Europe/London", "Atlantic/Azores", "UTC"]) {
        process.env["TZ"] = zone;
        for (const db of [client, pool, ...bun ? [bun] : []]) {
          const table = newTable();
          server.query(`CREATE TABLE "${table}" (name text PRIMARY KEY, d date, t timestamp(3), z timestamptz, n int);
            INSERT INTO "${table}" VALUES ('winter', '2026-01-04', '2026-01-04 00:06:07.89', '2026-01-04 05:06:07.89Z', 1),
              ('summer', '2026-07-04', '2026-07-04 23:06:07', '2026-07-04 05:06:07Z', 1), ('old', '1815-12-10', NULL, NULL, 1)`);
          const dates = `SELECT d, t, z AT TIME ZONE 'UTC' FROM "${table}" ORDER BY name`;
          const before = server.query(dates);
          const store = new Store<SqlRow>(sql(db, { table, keyColumn: "name", rows: true }));
          for (const key of ["winter", "summer", "old"]) await store.update(key, (row) => ({ ...row, n: 2 }));
          assertEquals(server.query(dates), before, zone);
        }
      }
    } finally {
      if (TZ === undefined) delete process.env["TZ"];
      else process.env["TZ"] = TZ;
      await bun?.end();
    }
  });

  test("filters keep tenants apart, and a key outside of them is a conflict", async () => {
    server.query(`CREATE TYPE mood AS ENUM ('good', 'bad');
      CREATE TABLE moods (key text PRIMARY KEY, value text, mood mood, n int);
      INSERT INTO moods VALUES ('x', '1', 'bad', 1), ('y', '2', 'good', 1), ('z', '3', NULL, 1)`);
    const store = new Store<number>(sql(client, { table: "moods", where: { mood: "good", n: 1 } }));
    assertEquals(await Array.fromAsync(store), [["y", 2]]);
    const before = server.query("SELECT * FROM moods ORDER BY key");
    for (const key of ["x", "z"]) {
      await failsWith("conflict", () => store.set(key, 5), "outside");
      await failsWith("conflict", () => store.getOrInsert(key, 5), "outside");
      await failsWith("conflict", () => store.setMany([["a", 5], [key, 5], ["b", 5]]), "outside");
    }
    assertEquals(server.query("SELECT * FROM moods ORDER BY key"), before);
    await store.setMany([["a", 5], ["y", 6]]);
    assertEquals(server.query("SELECT mood, n FROM moods WHERE key = 'a'"), "good|1");
    await store.clear();
    assertEquals(server.query("SELECT string_agg(key, ',' ORDER BY key) FROM moods"), "x,z");
  });

  test("a filter on characters of a fixed length means all of them", async () => {
    server.query(
      `CREATE TABLE fixed (tenant char(3), bits bit(2) DEFAULT '10', key text, value text, PRIMARY KEY (tenant, key));
      INSERT INTO fixed (tenant, key, value) VALUES ('abc', 'k', '1'), ('axy', 'k', '2')`,
    );
    const store = new Store<number>(sql(client, { table: "fixed", where: { tenant: "abc", bits: "10" } }));
    await store.set("new", 5);
    assertEquals(await Array.fromAsync(store), [["k", 1], ["new", 5]]);
    assertEquals(server.query("SELECT tenant FROM fixed WHERE key = 'new'"), "abc");
    server.query("CREATE TABLE padded (key text PRIMARY KEY, value char(5))");
    await failsWith(
      "unsupported",
      () => new Store(sql(client, { table: "padded" })).get("a"),
      "neither bytes nor text",
    );
  });

  test("the revision counts every write once, however many write at once (DD-32, DD-46)", async () => {
    const options = { table: newTable(), create: true, revision: true };
    const stores = [client, pool].map((db) => new Store<number>(sql(db, options)));
    await stores[0]!.set("a", 0);
    const before = Number(await stores[1]!.revision());
    await Promise.all(Array.from({ length: 100 }, (_, index) => {
      const store = stores[index % 2]!;
      return index % 4 < 2 ? store.set(`${index}`, index) : store.setMany([["x", index], ["y", index], ["a", index]]);
    }));
    assertEquals(Number(await stores[0]!.revision()), before + 100);
    assertEquals(await stores[1]!.add("a", 1), false);
    assertEquals(Number(await stores[0]!.revision()), before + 100);
  });

  test("if the revision cannot be counted up, the value is not written (DD-34)", async () => {
    const table = newTable();
    const store = new Store<number>(sql(client, { table, create: true, revision: true }));
    await store.set("a", 1);
    server.query(`ALTER TABLE "${table}_revision" ADD CHECK (revision < 0) NOT VALID`);
    await failsWith("conflict", () => store.set("a", 2));
    await failsWith("conflict", () => store.deleteMany(["a", "b"]));
    assertEquals(await store.get("a"), 1);
  });

  test("many writers of the same keys in other orders all get through, and none waits for one that waits for it", async () => {
    const inner = toSqlClient(client);
    const failures: unknown[] = [];
    const run: SqlClient["run"] = async (statement) => {
      try {
        return await inner.run(statement);
      } catch (error) {
        failures.push(error);
        throw error;
      }
    };
    const keys = Array.from({ length: 100 }, (_, index) => `key${index}`);
    for (let round = 0; round < 10; round++) {
      const store = new Store<number>(
        sql({ dialect: "postgres", run }, { table: newTable(), create: true, revision: true }),
      );
      await store.setMany(keys.map((key) => [key, 0]));
      await Promise.all(Array.from({ length: 20 }, async (_, turn) => {
        const order = turn % 2 ? keys : keys.toReversed();
        if (turn % 5 === 4) await store.deleteMany(order);
        else await store.setMany(order.map((key) => [key, turn]));
      }));
      const values = new Set((await store.getMany(keys)).values());
      assert(values.size <= 1, `${[...values]}`);
    }
    assertEquals(failures, []);
  });

  test("two processes on one table lose nothing, and each sees what the other wrote", async () => {
    const table = newTable();
    const children = ["one", "two"].map((name) => {
      const [program, ...args] = scriptCommand(
        new URL("../support/sql_child.ts", import.meta.url),
        server.url,
        table,
        name,
      );
      const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
      const lines: string[] = [];
      let heard = () => {};
      const ready = new Promise<void>((resolve) => heard = resolve);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        lines.push(...text.trim().split("\n"));
        heard();
      });
      const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
      return { ready, ended, lines, start: () => child.stdin.write("go\n") };
    });
    await Promise.all(children.map(({ ready }) => ready));
    for (const { start } of children) start();
    assertEquals(await Promise.all(children.map(({ ended }) => ended)), [0, 0]);
    const store = new Store<number>(sql(client, { table, revision: true, expiresColumn: "expires_at" }));
    assertEquals(await store.get("count"), 100);
    assertEquals(await Array.fromAsync(store.keys()), ["a", "b", "count", "of one", "of two"]);
    const sizes = children.map(({ lines }) => Number(lines.at(-1)));
    assertEquals([Math.max(...sizes), Math.min(...sizes) >= 4], [5, true]);
  });

  test("a table that somebody else makes at the same time is used, by every client", async () => {
    const other = await pool.connect();
    const { Bun } = globalThis as unknown as { Bun?: { SQL: new (url: string) => PostgresJsClient } };
    const bun = Bun && new Bun.SQL(server.url);
    try {
      for (const db of [client, pool, ...bun ? [bun] : []]) {
        const table = newTable();
        const columns = `key text COLLATE "C" PRIMARY KEY, expires_at timestamptz, value bytea`;
        await other.query(`BEGIN; CREATE TABLE "${table}" (${columns})`);
        const written = new Store(sql(db, { table, create: true })).set("a", 1);
        const waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        while (server.query(waits) === "0") await new Promise((next) => setTimeout(next, 5));
        await other.query("COMMIT");
        await written;
      }
    } finally {
      other.release();
      await bun?.end();
    }
  });

  test("a URL opens a store, loads the client and owns it", async () => {
    const url = new URL(server.url);
    url.search = `?table=by_url&create=true&revision=true&valueType=json&ttl=1h&codec=json&application_name=mine`;
    const store = await open<number[]>(url);
    await store.set("primes", [2, 3, 5]);
    assertEquals(server.query("SELECT value FROM by_url"), "[2, 3, 5]");
    assertEquals(server.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mine'"), "1");
    assert((await store.entry("primes"))!.expiresAt! > Date.now());
    await store.close();
    assertEquals(server.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mine'"), "0");
    const again = await open<number[]>(
      `${server.url.replace(/^postgres:/, "postgresql:")}?table=by_url&valueType=json`,
    );
    assertEquals(await again.get("primes"), [2, 3, 5]);
    await again.close();
    await assertRejects(() => open(`${server.url}?table=t&nope=1`), TypeError, '"nope"');
    await assertRejects(() => open(server.url), TypeError, "table has no legal name");
  });

  test("moments are exact to the millisecond in every kind of column", async () => {
    for (const type of ["timestamptz", "timestamp", "bigint", "numeric", "double precision NOT NULL"]) {
      const clock = new FakeClock(1_764_110_000_123);
      const table = newTable();
      server.query(`CREATE TABLE "${table}" (key text PRIMARY KEY, value text, until ${type})`);
      const store = new Store<number>(sql(client, { table, expiresColumn: "until", now: clock.now }));
      await store.set("a", 1, { ttl: 7 });
      await store.set("b", 2);
      assertEquals((await store.entry("a"))?.expiresAt, clock.now() + 7, type);
      assertEquals((await store.entry("b"))?.expiresAt, undefined, type);
      clock.advance(6);
      assertEquals(await store.get("a"), 1, type);
      clock.advance(1);
      assertEquals([await store.get("a"), await store.size, await store.prune()], [undefined, 1, 1], type);
    }
  });

  test("a version is that of the row, and changes with writes of others (DD-43)", async () => {
    server.query("CREATE TABLE versions (key text PRIMARY KEY, value text, other int)");
    const store = new Store<number>(sql(client, { table: "versions" }));
    await store.set("a", 1);
    const { version } = (await store.entry("a"))!;
    server.query("UPDATE versions SET other = 1");
    assertNotEquals((await store.entry("a"))!.version, version);
    assertEquals(await store.replace("a", 2, { version: version! }), false);
  });

  const isBun = "Bun" in globalThis;
  test("Bun's own client will do, too", { skip: isBun ? false : "it is there on Bun alone" }, async () => {
    const { SQL } = (globalThis as unknown as { Bun: { SQL: new (url: string) => PostgresJsClient } }).Bun;
    const db = new SQL(server.url);
    const store = new Store<unknown>(sql(db, { table: newTable(), create: true, revision: true, ownsClient: true }));
    await store.setMany([["a", 1], ["b", Uint8Array.of(0, 255)]], { ttl: 60_000 });
    assertEquals([await store.get("b"), await store.take("a"), await store.size], [Uint8Array.of(0, 255), 1, 1]);
    server.query("CREATE TABLE bun (key text PRIMARY KEY, value text CHECK (length(value) < 3))");
    await failsWith("conflict", () => new Store(sql(db, { table: "bun" })).set("a", "too long"), "a constraint");
    await store.close();
    const gone = new Store(sql(new SQL(server.url.replace(/:\d+\//, ":1/")), { table: "bun", ownsClient: true }));
    await failsWith("unavailable", () => gone.get("a"), "cannot be reached");
    await gone.close();
  });
});
