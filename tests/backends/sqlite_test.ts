import { assert, assertEquals, assertInstanceOf, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Buffer } from "node:buffer";
import process from "node:process";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { sqlite, sqliteFromUrl, type SqliteOptions } from "../../src/backends/sqlite.ts";
import { toFailure } from "../../src/backends/sqlite/failure.ts";
import { keyRange } from "../../src/backends/sqlite/key_range.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { EXPIRED } from "../../src/core/lifetime.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { type SqliteDatabase, sqliteDriver } from "../../src/platform/sqlite_driver.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { checkStoreLaws } from "../support/laws.ts";

const folder = mkdtempSync(join(tmpdir(), "everymap-sqlite-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(folder, `${++files}.db`);

/** The file as anybody else may open it. */
function raw(file: string): SqliteDatabase & { exec(sql: string): void } {
  return sqliteDriver()!.open(file) as SqliteDatabase & { exec(sql: string): void };
}

function query(file: string, sql: string): unknown[] {
  const database = raw(file);
  const rows = database.prepare(sql).all();
  database.close();
  return rows.map((row) => Object.values(row)[0]);
}

function failsWith(code: StoreErrorCode, work: () => unknown): StoreError {
  const error = assertThrows(work, StoreError);
  assertEquals(error.code, code, error.message);
  return error;
}

const one = Uint8Array.of(1);
const two = Uint8Array.of(2);

for (const revision of [false, true]) {
  const { supports } = sqlite(":memory:", { revision });
  checkStoreLaws(`sqlite in a file, revision ${revision}`, supports, {
    make: (clock) => {
      const file = newFile();
      return { open: () => sqlite(file, { now: clock.now, revision }) };
    },
  });
  checkStoreLaws(`sqlite in memory, revision ${revision}`, supports, {
    make: (clock) => {
      const backend = sqlite(":memory:", { now: clock.now, revision });
      return { open: () => backend };
    },
  });
}

describe("sqlite keys", () => {
  const keys = [
    "",
    "\0",
    "a\0b",
    "a\0c",
    "a",
    "A",
    "__proto__",
    "é",
    "e\u0301",
    "😀",
    "\uffff",
    "\u{10ffff}",
    "\ufeffmark",
    "a%",
    "a_",
    "x'00'",
    "k".repeat(1024),
    " ",
    "1",
    "1.0",
  ];

  test("are exact, also with NUL and as twins, and come in the order of their bytes", () => {
    const store = sqlite(newFile());
    for (const [index, key] of keys.entries()) store.write(key, Uint8Array.of(index));
    for (const [index, key] of keys.entries()) assertEquals(store.read(key), { value: Uint8Array.of(index) });
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assertEquals([...store.list() as Iterable<string>], byBytes);
    assertEquals([...(store.readMany!(keys) as Map<string, unknown>).keys()], keys);
    for (const key of keys) assertEquals(store.take!(key) !== undefined && !store.has!(key), true, JSON.stringify(key));
    assertEquals(store.count!(), 0);
    store.close!();
  });

  test("a prefix is a range up to the next character, whatever that is (X-03, X-04)", () => {
    const prefixes = ["", "a", "a\0", "\ud7ff", "\uffff", "\u{10ffff}", "a\u{10ffff}", "\u{10ffff}\u{10ffff}", "😀"];
    const all = [
      ...new Set(prefixes.flatMap((prefix) => [prefix, `${prefix}\0`, `${prefix}z`, `${prefix}\u{10ffff}`])),
    ];
    all.push("b", "\ue000", "\ud83d\ude01");
    const store = sqlite(newFile());
    store.writeMany!(new Map(all.map((key) => [key, one])));
    for (const prefix of [...prefixes, "\ud83d", "a\ud83d", "\ude00", "\ud83d\ud83d"]) {
      const expected = all.filter((key) => key.startsWith(prefix)).toSorted();
      assertEquals([...store.list({ prefix }) as Iterable<string>].toSorted(), expected, JSON.stringify(prefix));
      assertEquals(store.count!({ prefix }), expected.length);
    }
    for (const prefix of prefixes.toReversed()) {
      const rest = [...store.list() as Iterable<string>].filter((key) => !key.startsWith(prefix));
      store.clear!({ prefix });
      assertEquals([...store.list() as Iterable<string>], rest, JSON.stringify(prefix));
    }
    store.close!();
  });

  test("the range of a prefix without a next character is open", () => {
    assertEquals(keyRange("a\ud7ff"), ["a\ud7ff", "a\ue000"]);
    assertEquals(keyRange("a\u{10ffff}"), ["a\u{10ffff}", "b"]);
    assertInstanceOf(keyRange("\u{10ffff}")[1], Uint8Array);
  });
});

describe("sqlite values", () => {
  test("empty bytes are a hit, and what is read is a plain array of its own (X-12)", () => {
    const store = sqlite(newFile());
    const whole = Uint8Array.of(9, 1, 2, 9);
    for (const empty of [new Uint8Array(0), new TextEncoder().encode(""), Buffer.alloc(0), whole.subarray(2, 2)]) {
      store.write("key", empty);
      assertEquals(store.read("key"), { value: new Uint8Array(0) });
    }
    store.write("key", whole.subarray(1, 3));
    const { value } = store.read("key") as { value: Uint8Array };
    assertEquals([value, value.buffer.byteLength, value.constructor], [Uint8Array.of(1, 2), 2, Uint8Array]);
    store.close!();
  });

  test("null, false, 0 and the empty string are hits after a restart (X-10, X-12)", async () => {
    const file = newFile();
    const values = [null, false, 0, ""];
    const before = new Store<unknown>(sqlite(file));
    await before.setMany(values.map((value, index) => [`${index}`, value]));
    await before.close();
    const now = new Store<unknown>(sqlite(file));
    for (const [index, value] of values.entries()) assertEquals(await now.get(`${index}`), value);
    await now.close();
  });

  test("an entry tells when it was written and when it expires", () => {
    const clock = new FakeClock(1000);
    const store = sqlite(newFile(), { now: clock.now });
    const version = store.write("key", one, { expiresAt: 5000 });
    const entry = store.read("key", { details: true });
    assertEquals(entry, { value: one, version: version as string, expiresAt: 5000, createdAt: 1000 });
    clock.advance(500);
    assertEquals(store.touch!("key", undefined), true);
    const touched = store.take!("key") as { version: string };
    assertNotEquals(touched.version, version);
    assertEquals({ ...touched, version: "" }, { value: one, version: "", expiresAt: undefined, createdAt: 1000 });
    store.close!();
  });
});

describe("sqlite lifetimes", () => {
  test("add() writes over an expired entry, and only then (X-01)", () => {
    const clock = new FakeClock();
    const store = sqlite(newFile(), { now: clock.now });
    const condition = "absent";
    assert(store.write("key", one, { expiresAt: clock.now() + 10 }));
    assertEquals(store.write("key", two, { condition }), false);
    clock.advance(10);
    assert(store.write("key", two, { condition }));
    assertEquals(store.write("key", one, { condition }), false);
    assertEquals(store.read("key"), { value: two });
    store.close!();
  });

  test("a moment that has passed leaves the key absent, a far one stays exact (X-02)", () => {
    const clock = new FakeClock();
    const store = sqlite(newFile(), { now: clock.now });
    for (const expiresAt of [EXPIRED, 0, -1, clock.now(), clock.now() - 0.5]) {
      store.write("key", one);
      assertEquals([store.write("key", two, { expiresAt }), store.has!("key")], [true, false]);
      store.writeMany!(new Map([["key", one]]));
      store.writeMany!(new Map([["key", two]]), { expiresAt });
      assertEquals([store.count!(), store.write("key", one, { condition: "absent", expiresAt })], [0, true]);
      store.write("key", one);
      assertEquals([store.touch!("key", expiresAt), store.has!("key")], [true, false]);
    }
    for (const expiresAt of [clock.now() + 0.5, Number.MAX_SAFE_INTEGER * 4, 1e300, Infinity]) {
      store.write("key", one, { expiresAt });
      assertEquals((store.read("key", { details: true }) as { expiresAt: number }).expiresAt, expiresAt);
    }
    store.close!();
  });

  test("an expired entry is absent for every method and not counted", () => {
    const clock = new FakeClock();
    const store = sqlite(newFile(), { now: clock.now });
    store.write("a/stays", one);
    const version = store.write("a/goes", one, { expiresAt: clock.now() + 1 }) as string;
    clock.advance(1);
    assertEquals(store.read("a/goes"), undefined);
    assertEquals(store.has!("a/goes"), false);
    assertEquals(store.take!("a/goes"), undefined);
    assertEquals(store.remove("a/goes"), false);
    assertEquals(store.removeMany!(["a/goes"]), 0);
    assertEquals(store.remove("a/goes", { condition: { version } }), false);
    assertEquals(store.write("a/goes", two, { condition: { version } }), false);
    assertEquals(store.touch!("a/goes", undefined), false);
    assertEquals([store.count!(), store.count!({ prefix: "a/" }), store.count!({ prefix: "b" })], [1, 1, 0]);
    assertEquals([...store.list() as Iterable<string>], ["a/stays"]);
    assertEquals([...(store.readMany!(["a/goes", "a/stays"]) as Map<string, unknown>).keys()], ["a/stays"]);
    store.close!();
  });

  test("prune() drops all that has expired, in any number", () => {
    const clock = new FakeClock();
    const file = newFile();
    const store = sqlite(file, { now: clock.now });
    const many = new Map(Array.from({ length: 2500 }, (_, index) => [`${index}`, one]));
    store.writeMany!(many, { expiresAt: clock.now() + 1 });
    store.write("stays", one);
    clock.advance(1);
    assertEquals(store.prune!(), 2500);
    assertEquals(store.prune!(), 0);
    assertEquals(query(file, "SELECT key FROM entries"), ["stays"]);
    store.close!();
  });

  test("writes drop what has expired, so that it cannot pile up", () => {
    const clock = new FakeClock();
    const file = newFile();
    const count = "SELECT count(*) FROM entries";
    const store = sqlite(file, { now: clock.now });
    for (let index = 0; index < 2000; index++) {
      store.write(`${index}`, one, { expiresAt: clock.now() + 100 });
      clock.advance(1);
    }
    assert(Number(query(file, count)[0]) < 300, `${query(file, count)[0]} rows`);
    store.close!();
    clock.advance(1000);
    const next = sqlite(file, { now: clock.now });
    next.write("only write of a short process", one);
    assert(Number(query(file, count)[0]) < 150, `${query(file, count)[0]} rows`);
    next.close!();
  });
});

describe("sqlite revision", () => {
  test("is a feature to be asked for", async () => {
    const store = new Store(sqlite(newFile()));
    assertEquals((await assertRejects(() => store.revision(), StoreError)).code, "unsupported");
    await store.close();
  });

  test("moves with the writes of those who did not ask for it, and stays when entries expire or are pruned", () => {
    const clock = new FakeClock();
    const file = newFile();
    const counting = sqlite(file, { revision: true, now: clock.now });
    const other = sqlite(file, { now: clock.now });
    const before = counting.revision!();
    other.write("key", one);
    other.write("going", one, { expiresAt: clock.now() + 1 });
    const after = counting.revision!();
    assertNotEquals(after, before);
    clock.advance(1);
    assertEquals(other.remove("going"), false);
    assertEquals(other.prune!(), 1);
    assertEquals(counting.revision!(), after);
    other.write("g/going", one, { expiresAt: clock.now() + 1 });
    const written = counting.revision!();
    clock.advance(1);
    counting.clear!({ prefix: "g/" });
    assertEquals([counting.revision!(), query(file, "SELECT count(*) FROM entries")], [written, [1]]);
    other.clear!();
    assertNotEquals(counting.revision!(), written);
    counting.close!();
    other.close!();
  });

  test("lasts over a restart and does not come again after the tables were dropped", () => {
    const file = newFile();
    const store = sqlite(file, { revision: true });
    store.write("key", one);
    const revision = store.revision!();
    store.close!();
    const again = sqlite(file, { revision: true });
    assertEquals(again.revision!(), revision);
    again.close!();
    const database = raw(file);
    database.exec("DROP TABLE entries; DROP TABLE entries_revision");
    database.close();
    const fresh = sqlite(file, { revision: true });
    assertNotEquals(fresh.revision!(), revision);
    fresh.close!();
  });
});

describe("sqlite transactions", () => {
  test("a write of many that fails changes nothing", () => {
    const file = newFile();
    const store = sqlite(file);
    store.write("a", one);
    const bad = new Map<string, Uint8Array>([["a", two], ["b", two], ["c", {} as Uint8Array]]);
    assertThrows(() => store.writeMany!(bad));
    assertEquals([store.read("a"), store.count!()], [{ value: one }, 1]);
    store.write("b", two);
    assertEquals(store.count!(), 2);
    store.close!();
  });

  test("a listing holds nothing open: others write, and the log can be emptied", () => {
    const file = newFile();
    const store = sqlite(file);
    const keys = Array.from({ length: 600 }, (_, index) => `key${String(index).padStart(4, "0")}`);
    store.writeMany!(new Map(keys.map((key) => [key, one])));
    const seen: string[] = [];
    for (const key of store.list() as Iterable<string>) {
      if (seen.push(key) !== 300) continue;
      const other = sqlite(file, { busyTimeout: 0 });
      other.writeMany!(new Map([["key0000", two], ["key0599", two], ["key0599x", two]]));
      assertEquals(query(file, "PRAGMA wal_checkpoint(TRUNCATE)"), [0]);
      other.close!();
    }
    assertEquals(seen, [...keys, "key0599x"]);
    store.close!();
  });

  test("a file that another one writes to for too long is locked, and the old value stays", () => {
    const file = newFile();
    const store = sqlite(file, { busyTimeout: 1 });
    store.write("key", one);
    const writer = raw(file);
    writer.exec("BEGIN IMMEDIATE");
    for (
      const write of [
        () => store.write("key", two),
        () => store.writeMany!(new Map([["key", two]])),
        () => store.remove("key"),
        () => store.take!("key"),
        () => store.clear!(),
      ]
    ) assertEquals(failsWith("locked", write).retryable, true);
    assertEquals(store.read("key"), { value: one });
    writer.exec("COMMIT");
    writer.close();
    assert(store.write("key", two));
    store.close!();
  });

  test("the log is on, and durable waits for the disk", () => {
    const file = newFile();
    const store = sqlite(file, { durable: true });
    store.write("key", one);
    assertEquals(query(file, "PRAGMA journal_mode"), ["wal"]);
    assertEquals(existsSync(`${file}-wal`), true);
    store.close!();
    assertEquals(existsSync(`${file}-wal`), false);
  });
});

describe("sqlite files", () => {
  test("a store opens with its first call, and a path, a URL and a table name what it opens", () => {
    const file = newFile();
    const unused = sqlite(file);
    unused.close!();
    assertEquals(existsSync(file), false);
    const [a, b] = [
      sqlite(file, { table: 'a"; DROP TABLE entries; --' }),
      sqlite(pathToFileURL(file), { table: "b c" }),
    ];
    a.write("key", one);
    b.write("key", two);
    const again = sqlite(file, { table: 'a"; DROP TABLE entries; --' });
    assertEquals([again.read("key"), b.read("key")], [{ value: one }, { value: two }]);
    for (const store of [a, b, again]) store.close!();
    assertEquals(a.name, `sqlite(${files}.db)`);
  });

  test("calls after close() fail, closing again does not", () => {
    const store = sqlite(newFile());
    store.write("key", one);
    const listing = (store.list() as Iterable<string>)[Symbol.iterator]();
    store.close!();
    store.close!();
    failsWith("closed", () => store.read("key"));
    failsWith("closed", () => listing.next());
  });

  test("a file that is no database is corrupt and stays as it is", () => {
    const file = newFile();
    writeFileSync(file, "Dear diary, ".repeat(1000));
    const error = failsWith("corrupt", () => sqlite(file).write("key", one));
    assertEquals(error.message, `Cannot write "key" in sqlite(${files}.db): it is not an SQLite database`);
    assertEquals(readFileSync(file, "utf8"), "Dear diary, ".repeat(1000));
  });

  test("a damaged database is corrupt, not a miss", () => {
    const file = newFile();
    const store = sqlite(file);
    store.writeMany!(new Map(Array.from({ length: 200 }, (_, index) => [`${index}`, new Uint8Array(1000)])));
    store.close!();
    const length = readFileSync(file).length;
    const handle = openSync(file, "r+");
    writeSync(handle, new Uint8Array(length - 4096 * 2).fill(0xaa), 0, length - 4096 * 2, 4096 * 2);
    closeSync(handle);
    const damaged = sqlite(file);
    failsWith("corrupt", () => Array.from({ length: 200 }, (_, index) => damaged.read(`${index}`)));
    damaged.close!();
  });

  test("a folder and a file in a folder that is missing are unavailable", () => {
    assertEquals(failsWith("unavailable", () => sqlite(folder).read("key")).message.endsWith("it is a folder"), true);
    const lost = sqlite(join(folder, "missing", "x.db"));
    const error = failsWith("unavailable", () => lost.read("key"));
    assertEquals(error.message, `Cannot read "key" in sqlite(x.db): its folder does not exist`);
    assertEquals([error.retryable, existsSync(join(folder, "missing"))], [false, false]);
  });

  test("a read-only file is read, and a write to it is refused", () => {
    const file = newFile();
    const store = sqlite(file);
    store.write("key", one);
    store.close!();
    // A write version that SQLite does not know makes a database read-only (https://sqlite.org/fileformat.html#file_format_version_numbers).
    const handle = openSync(file, "r+");
    writeSync(handle, Uint8Array.of(3), 0, 1, 18);
    closeSync(handle);
    const reader = sqlite(file);
    assertEquals(reader.read("key"), { value: one });
    for (const write of [() => reader.write("key", two), () => reader.remove("key"), () => reader.clear!()]) {
      assertEquals(failsWith("read-only", write).retryable, false);
    }
    assertEquals(reader.read("key"), { value: one });
    reader.close!();
    failsWith("read-only", () => sqlite(file, { table: "another" }).read("key"));
  });

  test("a table of somebody else and text that is not UTF-8 are refused before anything is touched", () => {
    const setups: readonly (readonly [string, SqliteOptions])[] = [
      ["CREATE TABLE entries (id INTEGER PRIMARY KEY, name TEXT)", {}],
      ["CREATE TABLE ENTRIES (key TEXT PRIMARY KEY, value BLOB)", {}],
      ["CREATE VIEW entries AS SELECT 1 AS key", {}],
      ["CREATE TABLE entries_revision (id INTEGER)", { revision: true }],
      ["PRAGMA encoding = 'UTF-16'; CREATE TABLE other (a)", {}],
    ];
    for (const [sql, options] of setups) {
      const file = newFile();
      const database = raw(file);
      database.exec(sql);
      database.close();
      const before = readFileSync(file);
      const error = failsWith("unsupported", () => sqlite(file, options).write("key", one));
      assertEquals(error.operation, "write");
      assertEquals(readFileSync(file), before, sql);
    }
  });

  test("a store lives beside other tables of the file", () => {
    const file = newFile();
    const database = raw(file);
    database.exec("CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('Ada')");
    database.close();
    const store = sqlite(file);
    store.write("key", one);
    store.clear!();
    store.close!();
    assertEquals(query(file, "SELECT name FROM people"), ["Ada"]);
  });

  test("a full disk and a value beyond SQLite's limit have their own codes", () => {
    const file = newFile();
    const database = raw(file);
    database.exec("CREATE TABLE t (value BLOB); PRAGMA max_page_count = 5");
    const context = { store: "sqlite", operation: "write", key: "key", look: () => "other" as const };
    const codeOf = (sql: string) => {
      const error = toFailure(assertThrows(() => database.prepare(sql).run()), context);
      return error instanceof StoreError && error.code;
    };
    assertEquals(codeOf("INSERT INTO t VALUES (zeroblob(100000))"), "unavailable");
    assertEquals(codeOf("INSERT INTO t VALUES (zeroblob(2000000000))"), "too-large");
    assertEquals(codeOf("INSERT INTO nowhere VALUES (1)"), "unavailable");
    database.close();
    const store = sqlite(newFile());
    store.write("key", one);
    failsWith("too-large", () => store.write("key", new Uint8Array(1_000_000_001)));
    assertEquals(store.read("key"), { value: one });
    store.close!();
  });

  test("what is no error of SQLite comes through as it is, and a missing permission is denied", () => {
    const context = { store: "sqlite", operation: "read", look: () => "other" as const };
    const mistake = new TypeError("a mistake");
    assertEquals(toFailure(mistake, context), mistake);
    const refused = Object.assign(new Error("Requires read access"), { name: "NotCapable", code: "ERR_SQLITE_ERROR" });
    assertEquals((toFailure(refused, context) as StoreError).code, "denied");
    const unopened = Object.assign(new Error("unable to open"), { code: "ERR_SQLITE_ERROR" });
    assertEquals((toFailure(unopened, context) as StoreError).code, "denied");
  });

  test("a runtime without SQLite is told so", () => {
    const { getBuiltinModule } = process;
    const store = sqlite(":memory:");
    try {
      process.getBuiltinModule = (() => undefined) as typeof getBuiltinModule;
      failsWith("unsupported", () => store.read("key"));
    } finally {
      process.getBuiltinModule = getBuiltinModule;
    }
  });
});

describe("sqlite options", () => {
  test("what is no file, no table or no option is refused at once", () => {
    for (const file of ["", "a\0b", "file:x.db", "FILE:///x.db", undefined as unknown as string]) {
      assertThrows(() => sqlite(file), TypeError);
    }
    assertThrows(() => sqlite(new URL("https://example.com/x.db")), TypeError);
    for (const table of ["", "a\0b", "sqlite_master", "\ud800", 5 as unknown as string]) {
      assertThrows(() => sqlite(":memory:", { table }), TypeError);
    }
    for (const busyTimeout of [-1, NaN, Infinity]) assertThrows(() => sqlite(":memory:", { busyTimeout }), RangeError);
    assertThrows(() => sqlite(":memory:", { tabel: "x" } as SqliteOptions), TypeError, '"tabel"');
  });

  test("a URL names the file and the options", async () => {
    const file = join(folder, "with space & more.db");
    const url = new URL(
      `sqlite://${pathToFileURL(file).pathname}?table=users&durable=true&revision=true&busyTimeout=100`,
    );
    const backend = sqliteFromUrl(url);
    assertEquals([backend.name, backend.supports.revision], ["sqlite(with space & more.db)", true]);
    const store = new Store(backend, { codec: bytes() });
    await store.set("key", one);
    await store.close();
    assertEquals(query(file, "SELECT key FROM users"), ["key"]);
    assertEquals(sqliteFromUrl(new URL("sqlite::memory:")).name, "sqlite(:memory:)");
    assertEquals(sqliteFromUrl(new URL("sqlite:./data/my%20cache.db?revision=false")).name, "sqlite(my cache.db)");
    assertEquals(sqliteFromUrl(new URL("sqlite:cache.db")).supports.revision, false);
  });

  test("a URL that says something else is refused", () => {
    for (
      const url of [
        "sqlite:",
        "sqlite:x.db?tabel=x",
        "sqlite:x.db?durable=yes",
        "sqlite:x.db?busyTimeout=soon",
        "sqlite://host/x.db",
        "sqlite:x.db#part",
        "sqlite:100%.db",
      ]
    ) assertThrows(() => sqliteFromUrl(new URL(url)), TypeError, "Cannot make sqlite");
  });
});
