/**
 * `sqlite()` beside bare prepared statements of `node:sqlite` and beside `@keyv/sqlite`: 10,000 keys, values of 1 KB that
 * differ with every write (SQLite skips pages that would not change), on a file in the folder for temporary files. Each turn
 * opens and closes its file: on Deno all open databases share one page cache, and those opened first would win.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { sqlite } from "../../src/backends/sqlite.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { compare } from "./harness.ts";

const COUNT = 10_000;
const BATCH = 1000;
const folder = mkdtempSync(join(tmpdir(), "everymap-bench-"));
const keys = Array.from({ length: COUNT }, (_, index) => `key:${index}`);
const batches = Array.from(
  { length: COUNT / BATCH },
  (_, index) => keys.slice(index * BATCH, (index + 1) * BATCH),
);

let round = 0;
const nextBytes = () => new Uint8Array(1024).fill(++round);
const nextText = () => String.fromCharCode(97 + ++round % 26).repeat(1024);

const BYTES = { codec: bytes() };

interface Raw {
  readonly set: StatementSync;
  readonly get: StatementSync;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly keys: StatementSync;
}

/** A turn of bare statements. */
function raw(work: (raw: Raw) => void) {
  return () => {
    const database = new DatabaseSync(join(folder, "raw.db"));
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    database.exec(
      "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB)",
    );
    work({
      set: database.prepare(
        "INSERT INTO entries VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
      ),
      get: database.prepare("SELECT value FROM entries WHERE key = ?"),
      begin: database.prepare("BEGIN IMMEDIATE"),
      commit: database.prepare("COMMIT"),
      keys: database.prepare("SELECT key FROM entries ORDER BY key"),
    });
    database.close();
    return COUNT;
  };
}

/** A turn of a store. */
function ours(
  work: (store: Store<Uint8Array>) => Promise<void>,
  revision = false,
) {
  return async () => {
    const store = new Store(
      sqlite(join(folder, `everymap-${revision}.db`), { revision }),
      BYTES,
    );
    await work(store);
    await store.close();
    return COUNT;
  };
}

async function set(store: Store<Uint8Array>) {
  const value = nextBytes();
  for (const key of keys) await store.set(key, value);
}

async function setMany(store: Store<Uint8Array>) {
  const value = nextBytes();
  for (const batch of batches) {
    await store.setMany(batch.map((key) => [key, value] as const));
  }
}

await compare("sqlite: set, 1 KB", {
  "node:sqlite": raw(({ set }) => {
    const value = nextBytes();
    for (const key of keys) set.run(key, value);
  }),
  "everymap": ours(set),
  "everymap, revision": ours(set, true),
});

await compare("sqlite: get, 1 KB", {
  "node:sqlite": raw(({ get }) => {
    for (const key of keys) get.get(key);
  }),
  "everymap": ours(async (store) => {
    for (const key of keys) await store.get(key);
  }),
});

await compare(`sqlite: setMany of ${BATCH}, 1 KB`, {
  "node:sqlite": raw(({ set, begin, commit }) => {
    const value = nextBytes();
    for (const batch of batches) {
      begin.run();
      for (const key of batch) set.run(key, value);
      commit.run();
    }
  }),
  "everymap": ours(setMany),
  "everymap, revision": ours(setMany, true),
});

await compare(`sqlite: getMany of ${BATCH}, 1 KB`, {
  "node:sqlite": raw(({ get, begin, commit }) => {
    for (const batch of batches) {
      const found = new Map<string, unknown>();
      begin.run();
      for (const key of batch) found.set(key, get.get(key)?.["value"]);
      commit.run();
    }
  }),
  "everymap": ours(async (store) => {
    for (const batch of batches) await store.getMany(batch);
  }),
});

await compare("sqlite: all keys", {
  "node:sqlite": raw(({ keys }) => void keys.all()),
  "everymap": ours(async (store) => void await Array.fromAsync(store.keys())),
});

try {
  // From the folder of the packages, where its binary was built.
  const require = createRequire(import.meta.url);
  const { default: Keyv } = require("keyv");
  const { default: KeyvSqlite } = require("@keyv/sqlite");
  const keyv = new Keyv({
    store: new KeyvSqlite(`sqlite://${join(folder, "keyv.db")}`),
  });
  const adapter = new KeyvSqlite(`sqlite://${join(folder, "keyv-wal.db")}`);
  const keyvWal = new Keyv({ store: adapter });
  // As it comes it mostly waits for the disk, and it has no option against that.
  await adapter.query("PRAGMA journal_mode = WAL");
  await adapter.query("PRAGMA synchronous = NORMAL");
  const texts = new Store<string>(sqlite(join(folder, "texts.db")));

  type Peer = Pick<Store<string>, "set" | "get">;
  const setting = (store: Peer, keys: readonly string[]) => async () => {
    const value = nextText();
    for (const key of keys) await store.set(key, value);
    return keys.length;
  };
  const getting = (store: Peer, keys: readonly string[]) => async () => {
    for (const key of keys) await store.get(key);
    return keys.length;
  };
  const [few, some] = [keys.slice(0, 50), keys.slice(0, 500)];
  await compare("sqlite: set, 1 KB of text", {
    "@keyv/sqlite": setting(keyv, few),
    "@keyv/sqlite, WAL": setting(keyvWal, some),
    "everymap": setting(texts, some),
  }, { rounds: 5 });
  await compare("sqlite: get, 1 KB of text", {
    "@keyv/sqlite": getting(keyv, few),
    "@keyv/sqlite, WAL": getting(keyvWal, some),
    "everymap": getting(texts, some),
  });
  await compare("sqlite: setMany of 500, 1 KB of text", {
    "@keyv/sqlite, WAL": async () => {
      const value = nextText();
      await keyvWal.setMany(some.map((key) => ({ key, value })));
      return some.length;
    },
    "everymap": async () => {
      const value = nextText();
      await texts.setMany(some.map((key) => [key, value] as const));
      return some.length;
    },
  });
  await Promise.all([keyv.disconnect(), keyvWal.disconnect(), texts.close()]);
} catch (error) {
  console.log(
    `\n@keyv/sqlite does not run here: ${(error as Error).message.split("\n")[0]}`,
  );
}

rmSync(folder, { recursive: true });
