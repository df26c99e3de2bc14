import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { createClient } from "@libsql/client";
import { Miniflare } from "miniflare";
import {
  type D1Like,
  sql,
  type SqlClient,
  type SqlOptions,
  type SqlRow,
  type SqlSource,
  type SqlStatement,
} from "../../src/backends/sql.ts";
import { toSqlClient } from "../../src/backends/sql/to_sql_client.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { text } from "../../src/codecs/text.ts";
import { DurableMap } from "../../src/cache/durable_map.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
const database = (...statements: readonly string[]) => {
  const database = new DatabaseSync(":memory:");
  for (const statement of statements) database.exec(statement);
  return database;
};
type Database = ReturnType<typeof database>;
const query = (database: Database, text: string): Record<string, unknown>[] =>
  database.prepare(text).all().map((row) => ({ ...row }));

async function failsWith(code: StoreErrorCode, call: () => Promise<unknown>, message = ""): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, message);
  assertEquals(error.code, code, error.message);
  return error;
}

/** The client, and how often it was asked. */
function counted(source: SqlSource): SqlClient & { calls: number; texts: string[] } {
  const inner = toSqlClient(source);
  const client = {
    dialect: inner.dialect,
    maxValues: inner.maxValues,
    calls: 0,
    texts: [] as string[],
    run: (statement: SqlStatement) => {
      client.calls++;
      client.texts.push(statement.text);
      return inner.run(statement);
    },
    batch: (statements: readonly SqlStatement[]) => {
      client.calls++;
      client.texts.push(...statements.map(({ text }) => text));
      return inner.batch!(statements);
    },
  };
  return client;
}

const HOSTILE = `'"; DROP TABLE bystander; -- \\ \` ]] é`;

describe("sql names and values", () => {
  test("are never statements, whatever they look like", async () => {
    const db = database("CREATE TABLE bystander (a)");
    const store = new Store<unknown>(sql(db, {
      table: `table${HOSTILE}`,
      keyColumn: `key${HOSTILE}`,
      valueColumn: `value${HOSTILE}`,
      expiresColumn: `expires${HOSTILE}`,
      versionColumn: `version${HOSTILE}`,
      where: { [`tenant${HOSTILE}`]: HOSTILE },
      create: true,
      revision: true,
    }));
    await store.setMany([[HOSTILE, HOSTILE], ["%", 1], ["_", 2]], { ttl: 1000 });
    assertEquals(await store.get(HOSTILE), HOSTILE);
    assertEquals(await Array.fromAsync(store.keys({ prefix: HOSTILE })), [HOSTILE]);
    assertEquals(await Array.fromAsync(store.keys({ prefix: "%" })), ["%"]);
    assertEquals(await store.deleteMany([HOSTILE, "_"]), 2);
    await store.clear({ prefix: HOSTILE });
    assertEquals([await store.size, query(db, "SELECT count(*) AS n FROM bystander")], [1, [{ n: 0 }]]);
  });

  test("no text of a statement holds a key, a value or a filter", async () => {
    const client = counted(database());
    const store = new Store<string>(sql(client, { table: "t", where: { tenant: "SECRET0" }, create: true }));
    await store.set("SECRET1", "SECRET2", { ttl: 1000 });
    await store.update("SECRET1", () => "SECRET3");
    await store.setMany([["SECRET1", "SECRET2"], ["SECRET3", "SECRET4"]]);
    await store.getMany(["SECRET1", "SECRET3"]);
    await Array.fromAsync(store.keys({ prefix: "SECRET", after: "SECRET0" }));
    await store.clear({ prefix: "SECRET" });
    for (const text of client.texts) assert(!text.includes("SECRET"), text);
  });

  test("a key with U+0000 is refused, and a prefix with it finds nothing", async () => {
    const store = new Store<number>(sql(database(), { table: "t", create: true }));
    await store.set("a", 1);
    for (const key of ["\0", "a\0b"]) {
      await failsWith("invalid-key", () => store.set(key, 1));
      await failsWith("invalid-key", () => store.getMany(["a", key]));
      assertEquals(await Array.fromAsync(store.keys({ prefix: key })), []);
      await store.clear({ prefix: key });
    }
    await store.set("b", 2);
    assertEquals(await Array.fromAsync(store.keys({ after: "a\0b" })), ["b"]);
    assertEquals(await store.size, 2);
  });

  test("illegal names, unknown options and clients are mistakes of the program", () => {
    const db = database();
    for (const table of ["", "a\0b", "sqlite_x", "\ud800", 1 as unknown as string]) {
      assertThrows(() => sql(db, { table }), TypeError);
    }
    const wrong: readonly (readonly [Partial<SqlOptions>, string])[] = [
      [{ keyColum: "x" } as Partial<SqlOptions>, "keyColum"],
      [{ keyColumn: "" }, "legal name"],
      [{ valueColumn: "key" }, "twice"],
      [{ where: { key: 1 } }, "twice"],
      [{ where: { a: {} as string } }, "where"],
      [{ valueType: "xml" as "text" }, "valueType"],
      [{ expiresUnit: "hours" as "seconds" }, "expiresUnit"],
      [{ rows: true, create: true } as unknown as Partial<SqlOptions>, "columns are not known"],
    ];
    for (const [options, message] of wrong) {
      assertThrows(() => sql(db, { table: "t", ...options }), TypeError, message);
    }
    assertThrows(() => sql(db, { table: "t", timeout: 0 }), RangeError);
    assertThrows(() => sql({} as SqlClient, { table: "t" }), TypeError, "its client is none of");
    assertThrows(() => sql(null as unknown as SqlClient, { table: "t" }), TypeError, "its client is none of");
    const own = { dialect: "postgres", run: () => ({ rows: [], changes: 0 }) } as const;
    assertThrows(() => sql(own, { table: "t".repeat(64) }), TypeError, "63 bytes");
    assertThrows(() => sql(own, { table: "t".repeat(63), revision: true }), TypeError, "63 bytes");
  });
});

describe("sql columns", () => {
  test("what others wrote as text is read, and a column of text gets text", async () => {
    const db = database(
      "CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB, note TEXT)",
      `INSERT INTO settings VALUES ('blob', CAST('{"a":1}' AS BLOB), 'x'), ('text', '{"a":2}', 'y'), ('number', 36, 'z')`,
      "CREATE TABLE texts (key TEXT PRIMARY KEY, value VARCHAR(100), other INT DEFAULT 5)",
      "CREATE TABLE documents (key TEXT PRIMARY KEY, value JSON)",
    );
    const settings = new Store<unknown>(sql(db, { table: "settings" }));
    assertEquals([...await settings.getMany(["blob", "text", "number"])], [["blob", { a: 1 }], ["text", { a: 2 }], [
      "number",
      36,
    ]]);
    for (const table of ["texts", "documents"]) {
      const store = new Store<unknown>(sql(db, { table }));
      await store.set("object", { b: "é" });
      await store.setMany([["list", [1]], ["text", "x"], ["mark", "\ufeff"]]);
      assertEquals(await store.get("mark"), "\ufeff");
      assertEquals(query(db, `SELECT value FROM ${table} ORDER BY key`).map(({ value }) => value), [
        "[1]",
        '"\ufeff"',
        '{"b":"é"}',
        '"x"',
      ]);
    }
    const raw = new Store<Uint8Array>(sql(db, { table: "texts" }), { codec: bytes() });
    await failsWith("unsupported", () => raw.set("k", Uint8Array.of(255)), "keeps text");
    const plain = new Store<string>(sql(db, { table: "texts" }), { codec: text() });
    await failsWith("unsupported", () => plain.setMany([["fine", "a"], ["k", "a\0b"]]), "keeps text");
    assertEquals([await plain.has("k"), await plain.has("fine")], [false, false]);
    // A write changes its own column alone.
    db.exec("UPDATE texts SET other = 6");
    await plain.set("object", "again");
    assertEquals(query(db, "SELECT * FROM texts WHERE key = 'object'"), [{ key: "object", value: "again", other: 6 }]);
  });

  test("a column in which SQLite makes numbers of texts keeps all their digits, or refuses them", async () => {
    const numbers = [Math.PI, 0.1 + 0.2, 2 ** 60, 2 ** 63, 1e21, -5e-324, 7, -1.5, 0];
    for (const type of ["JSON", "NUMERIC", "REAL", "INTEGER"]) {
      const db = database(`CREATE TABLE t (key TEXT PRIMARY KEY, value ${type})`);
      const store = new Store<unknown>(sql(db, { table: "t", valueType: "text" }));
      for (const value of [...numbers, "7", "007", [1.5]]) {
        await store.set("key", value);
        assertEquals(await store.get("key"), value, type);
        assertEquals((await store.getMany(["key"])).get("key"), value, type);
      }
      const plain = new Store<string>(sql(db, { table: "t", valueType: "text" }), { codec: text() });
      for (const value of ["", "7", "1.5", "x", "1e", "- 1", "0x10", "1 2"]) {
        await plain.set("key", value);
        assertEquals(await plain.get("key"), value, type);
      }
      for (const value of ["007", " 7", "7\n", "+7", "7.", ".5", "1.0", "1e5", "1E+21", "-0", "0.10", "1e999"]) {
        await failsWith("unsupported", () => plain.set("key", value), "makes a number of it");
      }
      assertEquals(await plain.get("key"), "1 2");
    }
  });

  test("an empty value is a hit, one that is NULL is absent for every call", async () => {
    const db = database("CREATE TABLE t (key TEXT PRIMARY KEY, value BLOB)", "INSERT INTO t VALUES ('null', NULL)");
    const store = new Store<Uint8Array>(sql(db, { table: "t" }), { codec: bytes() });
    await store.set("empty", new Uint8Array(0));
    assertEquals(await store.get("empty"), new Uint8Array(0));
    assertEquals([await store.get("null"), await store.has("null"), await store.size], [undefined, false, 1]);
    assertEquals([await store.delete("null"), await store.add("null", Uint8Array.of(1))], [false, true]);
    assertEquals(await store.add("null", Uint8Array.of(2)), false);
    assertEquals(await store.get("null"), Uint8Array.of(1));
  });

  test("a moment of expiry is a number of either unit or a date, and null or far away means never (CT)", async () => {
    const kinds: readonly (readonly [string, Partial<SqlOptions>, unknown])[] = [
      ["REAL", {}, 1_000_000_001_500.5],
      ["INTEGER", {}, 1_000_000_001_501],
      ["INTEGER NOT NULL", { expiresUnit: "seconds" }, 1_000_000_002],
      ["REAL", { expiresUnit: "seconds" }, 1_000_000_001.5005],
      ["datetime NOT NULL", {}, "2001-09-09 01:46:41.500"],
      ["TEXT", {}, "2001-09-09 01:46:41.500"],
    ];
    for (const [type, options, kept] of kinds) {
      const clock = new FakeClock(1_000_000_000_000);
      const db = database(`CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT, until ${type})`);
      const store = new Store<number>(sql(db, { table: "t", expiresColumn: "until", now: clock.now, ...options }));
      await store.set("key", 1, { ttl: 1500.5 });
      await store.set("stays", 2);
      assertEquals(query(db, "SELECT until FROM t WHERE key = 'key'"), [{ until: kept }], type);
      assertEquals((await store.entry("stays"))?.expiresAt, undefined);
      const { expiresAt } = (await store.entry("key"))!;
      assert(expiresAt! >= 1_000_000_001_500 && expiresAt! <= 1_000_000_002_000, `${expiresAt}`);
      clock.advance(1400);
      assertEquals(await store.get("key"), 1);
      clock.advance(700);
      assertEquals([await store.get("key"), await store.size], [undefined, 1]);
      assertEquals([await store.prune(), await store.get("stays")], [1, 2]);
    }
  });

  test("dates of others are understood with and without T, Z and fractions", async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 2));
    const dates = [
      "2026-01-02 00:00:01",
      "2026-01-02T00:00:00.001Z",
      "2026-01-02 00:00:00.5",
      "2026-01-02 01:00+00:30",
    ];
    const gone = ["2026-01-02 00:00:00", "2026-01-01T23:59:59.999Z", "2026-01-02"];
    const db = database("CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT, until datetime)");
    for (const date of [...dates, ...gone]) db.prepare("INSERT INTO t VALUES (?1, '1', ?1)").run(date);
    const store = new Store<number>(sql(db, { table: "t", expiresColumn: "until", now: clock.now }));
    assertEquals(await Array.fromAsync(store.keys()), dates.toSorted());
  });

  test("numbers that others keep in a column of dates are moments in the unit that was said", async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 2));
    for (const [expiresUnit, unit] of [["milliseconds", 1], ["seconds", 1000]] as const) {
      const db = database("CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT, until datetime)");
      const insert = db.prepare("INSERT INTO t VALUES (?1, '1', ?2)");
      insert.run("lives", (clock.now() + 1000) / unit);
      insert.run("gone", clock.now() / unit);
      insert.run("date", "2026-01-02 00:00:00.5");
      insert.run("never", null);
      const store = new Store<number>(sql(db, { table: "t", expiresColumn: "until", expiresUnit, now: clock.now }));
      assertEquals(await Array.fromAsync(store.keys()), ["date", "lives", "never"]);
      assertEquals((await store.entry("lives"))?.expiresAt, clock.now() + 1000);
      assertEquals([await store.prune(), await store.size], [1, 3]);
    }
  });
});

describe("sql tables", () => {
  test("that do not fit are told apart, and one that appears later is found", async () => {
    const db = database(
      "CREATE TABLE numbers (key INTEGER PRIMARY KEY, value TEXT)",
      "CREATE TABLE free (key TEXT, value TEXT)",
      "CREATE TABLE fine (key TEXT PRIMARY KEY, value TEXT, until BLOB)",
      "CREATE TABLE partial (key TEXT, value TEXT)",
      "CREATE UNIQUE INDEX some ON partial (key) WHERE value IS NOT NULL",
      "CREATE TABLE folding (key TEXT COLLATE NOCASE PRIMARY KEY, value TEXT)",
    );
    const open = (table: string, options: Partial<SqlOptions> = {}) =>
      new Store<unknown>(sql(db, { table, ...options }));
    await failsWith("unsupported", () => open("numbers").get("1"), "does not hold text");
    await failsWith("unsupported", () => open("free").set("a", 1), "no unique index");
    await failsWith("unsupported", () => open("partial").set("a", 1), "no unique index");
    await failsWith("unsupported", () => open("folding").set("a", 1), "no unique index");
    await failsWith("unsupported", () => open("fine", { valueColumn: "nope" }).get("a"), 'no column "nope"');
    await failsWith("unsupported", () => open("fine", { where: { nope: 1 } }).get("a"), 'no column "nope"');
    await failsWith("unsupported", () => open("fine", { expiresColumn: "until" }).get("a"), "no moments");
    await failsWith("unsupported", () => open("fine", { versionColumn: "until" }).get("a"), "no versions");
    await failsWith("unavailable", () => open("fine", { revision: true }).get("a"), "fine_revision");
    await failsWith("unsupported", () => open("fine").set("a", 1, { ttl: 1 }));
    const later = open("later");
    const error = await failsWith("unavailable", () => later.get("a"), 'there is no table "later"');
    assertEquals([error.retryable, error.key, error.store], [false, "a", "sql(later)"]);
    const both = await Promise.allSettled([later.get("a"), later.set("b", 1)]) as PromiseRejectedResult[];
    assertEquals(both.map(({ reason: { operation, key } }) => [operation, key]), [["read", "a"], ["write", "b"]]);
    db.exec("CREATE TABLE later (key TEXT PRIMARY KEY, value TEXT)");
    assertEquals(await later.get("a"), undefined);
    db.exec("DROP TABLE later");
    await failsWith("unavailable", () => later.get("a"));
    db.exec("CREATE TABLE later (value BLOB, key TEXT PRIMARY KEY)");
    await later.set("a", 1);
    assertEquals(query(db, "SELECT typeof(value) AS type FROM later"), [{ type: "blob" }]);
  });

  test("in another schema are used there", async () => {
    const db = database("ATTACH ':memory:' AS other", "CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT)");
    const store = new Store<number>(sql(db, { table: "t", schema: "other", create: true, revision: true }));
    await store.set("a", 1);
    assertEquals([query(db, "SELECT * FROM main.t"), query(db, "SELECT key FROM other.t")], [[], [{ key: "a" }]]);
    assertNotEquals(await store.revision(), "0");
  });

  test("a constraint that fails is a conflict, and of many writes none is left", async () => {
    const db = database("CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT CHECK (length(value) < 5), n INT UNIQUE)");
    const store = new Store<unknown>(sql(db, { table: "t" }));
    const error = await failsWith("conflict", () => store.set("a", "too long"), "a constraint");
    assertEquals([error.retryable, error.message.includes("too long")], [false, false]);
    await failsWith("conflict", () => store.setMany([["a", 1], ["b", "too long"], ["c", 2]]));
    assertEquals(await store.size, 0);
    const rows = new Store<SqlRow>(sql(db, { table: "t", rows: true }));
    await rows.set("a", { n: 1 });
    await failsWith("conflict", () => rows.setMany([["b", { n: 2 }], ["c", { n: 1 }]]));
    assertEquals(await Array.fromAsync(rows.keys()), ["a"]);
  });

  test("a database that may not be written to is read-only", async () => {
    const db = database("CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT)", "PRAGMA query_only = ON");
    const store = new Store<number>(sql(db, { table: "t" }));
    await failsWith("read-only", () => store.set("a", 1));
    await failsWith("read-only", () => store.setMany([["a", 1], ["b", 2]]));
    assertEquals(await store.get("a"), undefined);
  });

  test("calls may stand inside a transaction of the program", async () => {
    const db = database();
    const store = new Store<number>(sql(db, { table: "t", create: true, revision: true }));
    await store.set("a", 1);
    db.exec("BEGIN");
    await store.setMany([["a", 2], ["b", 2]]);
    assertEquals(await store.size, 2);
    db.exec("ROLLBACK");
    assertEquals([await store.size, await store.get("a")], [1, 1]);
  });
});

describe("sql rows", () => {
  const people = () =>
    database(
      `CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, born INT, photo BLOB,
        note TEXT DEFAULT 'none', twice INT AS (born * 2))`,
      "INSERT INTO people (id, name, born) VALUES (7, 'ada', 1815)",
    );
  const open = (db: Database, options = {}) =>
    new Store<SqlRow>(sql(db, { table: "people", keyColumn: "name", rows: true, ...options }));

  test("are values with all their columns, and are written whole (DD-40, DD-41, DD-42, DD-45)", async () => {
    const store = open(people());
    const ada = { id: 7, name: "ada", born: 1815, photo: null, note: "none", twice: 3630 };
    assertEquals(await store.get("ada"), ada);
    assertEquals(await Array.fromAsync(store), [["ada", ada]]);
    await store.set("ada", { note: "first", photo: Uint8Array.of(1, 0) });
    const changed = { ...ada, born: null, photo: Uint8Array.of(1, 0), note: "first", twice: null };
    assertEquals(await store.get("ada"), changed);
    assertEquals(await store.take("ada"), changed);
    await store.set("bob", { id: 3, name: "bob" });
    await store.setMany([["cy", { born: 1 }], ["bob", { note: null }], ["dan", { born: 2, note: "n" }]]);
    assertEquals((await store.getMany(["bob", "cy", "dan"])).get("cy")?.["note"], "none");
    assertEquals([(await store.get("bob"))?.["id"], (await store.get("bob"))?.["note"]], [3, null]);
  });

  test("are updated from what is there, and only if nobody else was first", async () => {
    const db = people();
    const store = open(db);
    await store.update("ada", (row) => ({ ...row, born: 1816 }));
    assertEquals(query(db, "SELECT id, born, note FROM people"), [{ id: 7, born: 1816, note: "none" }]);
    const { version } = (await store.entry("ada"))!;
    db.exec("UPDATE people SET note = 'other'");
    assertEquals(await store.replace("ada", { born: 1 }, { version: version! }), false);
    const now = (await store.entry("ada"))!.version!;
    assertEquals(await store.replace("ada", { born: 1 }, { version: now }), true);
    assertEquals(query(db, "SELECT id, born, note FROM people"), [{ id: 7, born: 1, note: "none" }]);
    assertEquals(await store.add("ada", { born: 2 }), false);
  });

  test("keep whole numbers that JavaScript has none for, as text", async () => {
    const db = people();
    const store = open(db);
    const numbers = ["9007199254740993", "-9223372036854775808", "9223372036854775807"];
    for (const born of numbers) {
      db.exec(`UPDATE people SET born = ${born}, note = '${born}'`);
      for (const row of [await store.get("ada"), (await store.getMany(["ada"])).get("ada")]) {
        assertEquals([row?.["born"], row?.["note"], row?.["id"]], [born, born, 7]);
      }
      await store.update("ada", (row) => ({ ...row, note: "changed" }));
      assertEquals(query(db, "SELECT typeof(born) AS type, CAST(born AS TEXT) AS born FROM people"), [
        { type: "integer", born },
      ]);
    }
  });

  test("get a column that was added meanwhile, with the next call at the latest", async () => {
    const db = people();
    const store = open(db);
    await failsWith("unsupported", () => store.set("ada", { nick: "a" }), 'no column "nick"');
    db.exec("ALTER TABLE people ADD COLUMN nick TEXT");
    await store.set("ada", { nick: "a" });
    assertEquals((await store.get("ada"))?.["nick"], "a");
  });

  test("name no column but their own, and say what the store says", async () => {
    const store = open(people(), { where: { note: "none" } });
    await failsWith("unsupported", () => store.set("ada", { nope: 1 }), 'no column "nope"');
    await assertRejects(() => store.set("ada", { name: "bob" }), TypeError, '"name"');
    await assertRejects(() => store.set("ada", { note: "other" }), TypeError, '"note"');
    await assertRejects(() => store.set("ada", { born: new Date() }), TypeError, "keeps no Date");
    await assertRejects(() => store.set("ada", { born: true }), TypeError, "keeps no boolean");
    await assertRejects(() => store.set("ada", { born: NaN }), TypeError, "keeps no NaN");
    await assertRejects(() => store.set("ada", { born: 2n ** 63n }), TypeError, "keeps no bigint");
    await assertRejects(() => store.set("ada", 5 as unknown as SqlRow), TypeError, "a row is an object");
    assertEquals((await store.get("ada"))?.["born"], 1815);
  });
});

describe("sql filters", () => {
  test("keep tenants apart in everything", async () => {
    const db = database();
    const [a, b] = ["a", "b"].map((tenant) =>
      new Store<string>(sql(db, { table: "t", where: { tenant }, create: true, revision: true }))
    ) as [Store<string>, Store<string>];
    await a.setMany([["x", "of a"], ["y", "of a"]]);
    const revision = await a.revision();
    await b.setMany([["x", "of b"], ["z", "of b"]]);
    assertEquals(await a.revision(), revision);
    assertEquals([...await a.getMany(["x", "y", "z"])], [["x", "of a"], ["y", "of a"]]);
    assertEquals([await a.has("z"), await a.delete("z"), await a.take("z"), await a.size], [
      false,
      false,
      undefined,
      2,
    ]);
    assertEquals(await Array.fromAsync(b.keys()), ["x", "z"]);
    await a.clear();
    assertEquals([await a.size, await b.size], [0, 2]);
    assertNotEquals(await a.revision(), revision);
  });

  test("a key that a row outside of them has is a conflict, and stays as it is", async () => {
    const db = database(
      "CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT, kind TEXT)",
      "INSERT INTO t VALUES ('x', '1', 'other'), ('y', '2', 'flag'), ('n', '3', NULL)",
    );
    const store = new Store<number>(sql(db, { table: "t", where: { kind: "flag" } }));
    const before = query(db, "SELECT * FROM t ORDER BY key");
    for (const key of ["x", "n"]) {
      assertEquals([await store.get(key), await store.delete(key)], [undefined, false]);
      await failsWith("conflict", () => store.set(key, 5), "outside");
      await failsWith("conflict", () => store.getOrInsert(key, 5), "outside");
      await failsWith("conflict", () => store.setMany([["a", 5], [key, 5], ["z", 5]]), "outside");
    }
    assertEquals(query(db, "SELECT * FROM t ORDER BY key"), before);
    await store.setMany([["a", 5], ["y", 6]]);
    assertEquals([await store.get("y"), await store.size], [6, 2]);
    const inner = toSqlClient(db);
    const run: SqlClient["run"] = (statement) => {
      if (statement.text.startsWith("SELECT 1")) db.exec("DELETE FROM t WHERE key = 'x'");
      return inner.run(statement);
    };
    const late = new Store<number>(sql({ ...inner, run }, { table: "t", where: { kind: "flag" } }));
    await failsWith("conflict", () => late.set("x", 5), "outside");
    const others = new Store<number>(sql(db, { table: "t", where: { kind: null } }));
    assertEquals(await Array.fromAsync(others), [["n", 3]]);
  });
});

describe("sql revision", () => {
  const open = (db: Database) => new Store<unknown>(sql(db, { table: "flags", create: true, revision: true }));

  test("does not move when a store is opened, nor when add() finds something (DD-43, DD-44)", async () => {
    const db = database();
    const store = open(db);
    await store.set("a", 1);
    const revision = await store.revision();
    const other = open(db);
    await other.get("a");
    await other.getOrInsert("a", 2);
    assertEquals(await other.add("a", 2), false);
    assertEquals([await store.revision(), await other.revision()], [revision, revision]);
  });

  test("moves by one with a write of one or of many, in its transaction (DD-34, DD-46)", async () => {
    const db = database();
    const store = open(db);
    await store.set("a", 1);
    const revision = Number(await store.revision());
    await store.set("a", 2);
    await store.setMany(Array.from({ length: 100 }, (_, index) => [`${index}`, index]));
    await store.deleteMany(["1", "2", "nobody"]);
    assertEquals(Number(await store.revision()), revision + 3);
    db.exec("CREATE TRIGGER no BEFORE UPDATE ON flags_revision BEGIN SELECT RAISE(ABORT, 'no'); END");
    await assertRejects(() => store.set("a", 3));
    await assertRejects(() => store.delete("3"));
    assertEquals([await store.get("a"), await store.has("3"), Number(await store.revision())], [2, true, revision + 3]);
  });

  test("stays when entries expire or are pruned", async () => {
    const db = database();
    const clock = new FakeClock();
    const store = new Store(sql(db, { table: "flags", create: true, revision: true, now: clock.now }));
    await store.set("g/a", 1, { ttl: 1 });
    await store.set("b", 1, { ttl: 1 });
    const revision = await store.revision();
    clock.advance(1);
    await store.clear({ prefix: "g/" });
    assertEquals([await store.prune(), await store.revision()], [1, revision]);
  });

  test("that is lost begins anew at a number it never had, and all values stay (DD-47)", async () => {
    const db = database();
    const store = open(db);
    await store.set("a", 1);
    const seen = new Set([await store.revision()]);
    db.exec("DELETE FROM flags_revision");
    for (const value of [2, 3]) {
      await store.set("b", value);
      const revision = await store.revision();
      assert(!seen.has(revision), "a revision came twice");
      seen.add(revision);
    }
    assertEquals(await Array.fromAsync(store), [["a", 1], ["b", 3]]);
  });
});

describe("sql under a durable map", () => {
  test("one change of ten thousand keys is one question and one value (DD-08, DD-20)", async () => {
    const db = database();
    const options = { table: "flags", create: true, revision: true } as const;
    const writer = new Store<number>(sql(db, options));
    await writer.setMany(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, index]));
    const client = counted(db);
    const map = await DurableMap.open(new Store<number>(sql(client, options)));
    assertEquals([await map.get("key5"), await map.size], [5, 10_000]);
    client.texts.length = 0;
    assertEquals(await map.get("key5"), 5);
    assertEquals(client.texts.length, 1);
    await writer.set("key5", 6);
    client.texts.length = 0;
    assertEquals([await map.get("key5"), await map.get("key6")], [6, 6]);
    const reads = client.texts.filter((text) => /"value" AS "v"/.test(text));
    assertEquals(reads.length, 1, reads.join("\n"));
    assert(/json_each/.test(reads[0]!), "it must ask for some keys alone");
    await map.set("own", 1);
    assertEquals([map.snapshot.get("own"), await writer.get("own")], [1, 1]);
    await map.close();
  });

  test("whole rows are its values (DD-40, DD-45)", async () => {
    const db = database(
      "CREATE TABLE flags (name TEXT PRIMARY KEY, enabled INT)",
      "INSERT INTO flags VALUES ('beta', 1)",
      "CREATE TABLE flags_revision (name TEXT PRIMARY KEY, revision INT)",
    );
    const rows = sql(db, { table: "flags", keyColumn: "name", rows: true, revision: true });
    const map = await DurableMap.open(new Store<SqlRow>(rows));
    assertEquals(await map.get("beta"), { name: "beta", enabled: 1 });
    await map.update("beta", (row) => ({ ...row, enabled: 0 }));
    assertEquals(query(db, "SELECT * FROM flags"), [{ name: "beta", enabled: 0 }]);
    // Who writes past the store counts up what is there.
    db.exec("UPDATE flags SET enabled = 5; UPDATE flags_revision SET revision = revision + 1");
    assertEquals((await map.get("beta"))?.["enabled"], 5);
    await map.close();
  });
});

describe("sql round trips", () => {
  test("a call for a thousand entries is one, on every kind of SQLite", async () => {
    for (const maxValues of [undefined, 100]) {
      const client = Object.assign(counted(database()), { maxValues });
      const store = new Store<number>(sql(client, { table: "t", create: true, revision: true }));
      await store.size;
      const keys = Array.from({ length: 1000 }, (_, index) => `key${index}`);
      client.calls = 0;
      await store.setMany(keys.map((key, index) => [key, index]));
      assertEquals((await store.getMany(keys)).size, 1000);
      assertEquals(await store.deleteMany(keys), 1000);
      assertEquals([client.calls, await store.size], [3, 0]);
    }
  });

  test("a call for one entry is one, and none more after the first", async () => {
    const client = counted(database());
    const store = new Store<number>(sql(client, { table: "t", create: true, revision: true }));
    await store.size;
    for (
      const call of [
        () => store.set("a", 1),
        () => store.get("a"),
        () => store.entry("a"),
        () => store.add("a", 1),
        () => store.touch("a", 1000),
        () => store.take("a"),
        () => store.delete("a"),
        () => store.size,
        () => store.revision(),
      ]
    ) {
      client.calls = 0;
      await call();
      assertEquals(client.calls, 1, `${call}`);
    }
  });
});

describe("sql clients", () => {
  test("are left open, for others, unless the store owns them", async () => {
    const db = database();
    const first = new Store(sql(db, { table: "t", create: true }));
    const backend = sql(db, { table: "t" });
    await first.set("a", 1);
    await first.close();
    await backend.close!();
    await failsWith("closed", async () => await backend.read("a"));
    const second = new Store<number>(sql(db, { table: "t", ownsClient: true }));
    assertEquals(await second.get("a"), 1);
    const third = new Store<number>(sql(db, { table: "t" }));
    assertEquals(await third.get("a"), 1);
    await second.close();
    await failsWith("closed", () => third.get("a"));
  });

  test("that do not answer in time are a timeout, and an abort rejects with its reason", async () => {
    let asked = 0;
    const hanging: SqlClient = { dialect: "postgres", run: () => (asked++, new Promise(() => {})) };
    const store = new Store<number>(sql(hanging, { table: "t", timeout: 20 }));
    const error = await failsWith("timeout", () => store.get("a"), "20 ms");
    assert(error.retryable);
    await failsWith("timeout", () => store.setMany([["a", 1]]));
    let isHanging = true;
    const inner = toSqlClient(database("CREATE TABLE t (key TEXT PRIMARY KEY, value TEXT)"));
    const run: SqlClient["run"] = (statement) => isHanging ? new Promise(() => {}) : inner.run(statement);
    const recovered = new Store<number>(sql({ ...inner, run }, { table: "t", timeout: 20 }));
    await failsWith("timeout", () => recovered.get("a"));
    isHanging = false;
    assertEquals(await recovered.get("a"), undefined);
    const slowly: SqlClient["run"] = async (statement) => {
      await new Promise((next) => setTimeout(next, 20));
      return await inner.run(statement);
    };
    assertEquals(await new Store(sql({ ...inner, run: slowly }, { table: "t", timeout: 2 ** 32 })).get("a"), undefined);
    const patient = new Store<number>(sql(hanging, { table: "t", timeout: Infinity }));
    const reason = new Error("enough");
    const controller = new AbortController();
    const call = patient.get("a", { signal: controller.signal });
    controller.abort(reason);
    assertEquals(await assertRejects(() => call), reason);
    asked = 0;
    const { signal } = controller;
    assertEquals(await assertRejects(() => patient.get("a", { signal })), reason);
    const backend = sql(hanging, { table: "t" });
    assertEquals(await assertRejects(async () => await backend.write("a", Uint8Array.of(1), { signal })), reason);
    assertEquals(asked, 0);
  });

  test("with errors of their own pass on mistakes of the program as they are", async () => {
    const mistake = new RangeError("no");
    const client: SqlClient = { dialect: "postgres", run: () => Promise.reject(mistake) };
    assertEquals(await assertRejects(() => new Store(sql(client, { table: "t" })).get("a")), mistake);
  });
});

describe("sql elsewhere", () => {
  const libsql = createClient({ url: ":memory:" });
  let miniflare: Miniflare;
  let d1: D1Like;
  before(async () => {
    const script = 'export default { fetch: () => new Response("") }';
    miniflare = new Miniflare({ modules: true, script, d1Databases: ["DB"] });
    d1 = await miniflare.getD1Database("DB") as unknown as D1Like;
  });
  after(async () => {
    libsql.close();
    await miniflare.dispose();
  });

  test("on d1 a write of many binds no more values than a statement may, its filter among them", async () => {
    await d1.batch(
      [d1.prepare("CREATE TABLE g (key TEXT PRIMARY KEY, value BLOB, tenant TEXT, until REAL, v INT)")] as never,
    );
    const options = { table: "g", where: { tenant: "a" }, expiresColumn: "until", versionColumn: "v" };
    const store = new Store<number>(sql(d1, options));
    await store.setMany(Array.from({ length: 50 }, (_, index) => [`${index}`, index]), { ttl: { hours: 1 } });
    assertEquals(await store.size, 50);
  });

  for (const name of ["libsql", "d1"]) {
    test(`on ${name} entries, rows, batches, conflicts and revisions are the same`, async () => {
      const client: SqlSource = name === "d1" ? d1 : libsql;
      const store = new Store<unknown>(sql(client, { table: "t", create: true, revision: true }));
      await store.setMany(Array.from({ length: 60 }, (_, index) => [`key${index}`, { index }]));
      await store.set("bytes", Uint8Array.of(0, 255), { ttl: { hours: 1 } });
      assertEquals(await store.get("bytes"), Uint8Array.of(0, 255));
      assertEquals([await store.size, (await store.getMany(["key1", "key59", "nobody"])).size], [61, 2]);
      const before = await store.revision();
      const { version } = (await store.entry("key1"))!;
      assertEquals(await store.replace("key1", 1, { version: version! }), true);
      assertEquals(await store.replace("key1", 2, { version: version! }), false);
      assertEquals([await store.take("key1"), await store.deleteMany(["key2", "key3", "x"])], [1, 2]);
      assertEquals(Number(await store.revision()), Number(before) + 3);
      const rows = new Store<SqlRow>(sql(client, { table: "t", rows: true, expiresColumn: "expires_at" }));
      const row = await rows.get("bytes");
      assertEquals([row?.["key"], row?.["value"] instanceof Uint8Array], ["bytes", true]);
      await failsWith("conflict", () => rows.set("new", { value: "text" }));
      await failsWith("conflict", () => rows.setMany([["one", { version: 1, value: Uint8Array.of(1) }], ["two", {}]]));
      assertEquals(await rows.has("one"), false);
      await store.clear();
      const make = "CREATE TABLE numbered (key TEXT PRIMARY KEY, id BIGINT, n INT)";
      const fill = "INSERT INTO numbered VALUES ('a', 9007199254740993, 0)";
      for (const statement of [make, fill]) {
        await toSqlClient(client).run({ text: statement, values: [], hasRows: false });
      }
      const numbered = new Store<SqlRow>(sql(client, { table: "numbered", rows: true }));
      await numbered.update("a", (row) => ({ ...row, n: 1 }));
      assertEquals(await numbered.get("a"), { key: "a", id: "9007199254740993", n: 1 });
      await numbered.set("b", { id: 9007199254740995n, n: 2n });
      assertEquals(await numbered.get("b"), { key: "b", id: "9007199254740995", n: 2 });
      const second = new Store<SqlRow>(sql(client, { table: "numbered", rows: true, where: { n: 2n } }));
      assertEquals(await Array.fromAsync(second.keys()), ["b"]);
      const missing = new Store(sql(client, { table: "nowhere" }));
      await failsWith("unavailable", () => missing.get("a"), "no table");
    });
  }
});
