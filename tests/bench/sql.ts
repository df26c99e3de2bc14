/**
 * `sql()` on a real Postgres beside hand-written statements through the same client (`postgres`), and beside
 * `@keyv/postgres`: values of 1 KB that differ with every write. The server does not wait for its disk.
 *
 * @module
 */

import { createRequire } from "node:module";
import postgres from "postgres";
import { sql } from "../../src/backends/sql.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { postgresIsMissing, startPostgres } from "../support/postgres_server.ts";
import { compare } from "./harness.ts";

const missing = postgresIsMissing();
if (missing) throw new Error(missing);
const server = await startPostgres();
const db = postgres(server.url, { max: 4, onnotice: () => {} });

const BATCH = 1000;
const COUNT = 300;
const keys = Array.from({ length: BATCH }, (_, index) => `key:${index}`);
const some = keys.slice(0, COUNT);
/** Differences of a few percent want more rounds than those of several times. */
const PRECISE = { rounds: 101, warmups: 8 };
let round = 0;
const nextBytes = () => new Uint8Array(1024).fill(++round);
const nextText = () => String.fromCharCode(97 + ++round % 26).repeat(1024);

await db.unsafe(`CREATE TABLE raw (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL)`);
await db.unsafe(`CREATE TABLE raw_text (key text COLLATE "C" PRIMARY KEY, value text NOT NULL)`);
await db.unsafe(`CREATE TABLE plain (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL)`);
const BYTES = { codec: bytes() };
const plain = new Store(sql(db, { table: "plain" }), BYTES);
const made = new Store(sql(db, { table: "made", create: true }), BYTES);
const revised = new Store(sql(db, { table: "revised", create: true, revision: true }), BYTES);
const texts = new Store<string>(sql(db, { table: "texts", create: true, valueType: "text" }));
const OURS = { "everymap": plain, "everymap, made": made, "everymap, revision": revised };

/** The same work for all stores. */
function ours(work: (store: Store<Uint8Array>) => Promise<unknown>, count: number) {
  const contenders = Object.entries(OURS).map(([name, store]) =>
    [name, async () => {
      await work(store);
      return count;
    }] as const
  );
  return Object.fromEntries(contenders);
}

const upsert = `INSERT INTO raw (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`;
const select = "SELECT value FROM raw WHERE key = $1";
const PREPARED = { prepare: true };

await compare(`sql: setMany of ${BATCH}, 1 KB`, {
  "one statement": async () => {
    const value = nextBytes();
    await db`INSERT INTO raw ${db(keys.map((key) => ({ key, value })), "key", "value")}
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`;
    return BATCH;
  },
  ...ours((store) => {
    const value = nextBytes();
    return store.setMany(keys.map((key) => [key, value] as const));
  }, BATCH),
}, PRECISE);

await compare(`sql: getMany of ${BATCH}, 1 KB`, {
  "one statement": async () => {
    const found = new Map<string, Uint8Array>();
    for (const { key, value } of await db`SELECT key, value FROM raw WHERE key = ANY (${keys})`) found.set(key, value);
    return BATCH;
  },
  ...ours((store) => store.getMany(keys), BATCH),
}, PRECISE);

await compare("sql: set, 1 KB", {
  "postgres": async () => {
    const value = nextBytes();
    for (const key of some) await db.unsafe(upsert, [key, value], PREPARED);
    return COUNT;
  },
  ...ours(async (store) => {
    const value = nextBytes();
    for (const key of some) await store.set(key, value);
  }, COUNT),
});

await compare("sql: get, 1 KB", {
  "postgres": async () => {
    for (const key of some) await db.unsafe(select, [key], PREPARED);
    return COUNT;
  },
  ...ours(async (store) => {
    for (const key of some) await store.get(key);
  }, COUNT),
});

await compare("sql: 1,000 get at once, 1 KB", {
  "postgres": async () => {
    await Promise.all(keys.map((key) => db.unsafe(select, [key], PREPARED)));
    return BATCH;
  },
  ...ours((store) => Promise.all(keys.map((key) => store.get(key))), BATCH),
});

try {
  // From the folder of the packages.
  const require = createRequire(import.meta.url);
  const { default: Keyv } = require("keyv");
  const { default: KeyvPostgres } = require("@keyv/postgres");
  const keyv = new Keyv({ store: new KeyvPostgres({ uri: server.url }) });
  type Peer = Pick<Store<string>, "set" | "get">;
  const setting = (store: Peer) => async () => {
    const value = nextText();
    for (const key of some) await store.set(key, value);
    return COUNT;
  };
  const getting = (store: Peer) => async () => {
    for (const key of some) await store.get(key);
    return COUNT;
  };
  await compare("sql: set, 1 KB of text", { "@keyv/postgres": setting(keyv), "everymap": setting(texts) });
  await compare("sql: get, 1 KB of text", { "@keyv/postgres": getting(keyv), "everymap": getting(texts) });
  await compare(`sql: getMany of ${COUNT}, 1 KB of text`, {
    "@keyv/postgres": async () => {
      await keyv.get(some);
      return COUNT;
    },
    "everymap": async () => {
      await texts.getMany(some);
      return COUNT;
    },
  });
  await compare(`sql: setMany of ${COUNT}, 1 KB of text`, {
    "@keyv/postgres": async () => {
      const value = nextText();
      await keyv.setMany(some.map((key) => ({ key, value })));
      return COUNT;
    },
    "everymap": async () => {
      const value = nextText();
      await texts.setMany(some.map((key) => [key, value] as const));
      return COUNT;
    },
  });
  await keyv.disconnect();
} catch (error) {
  console.log(`\n@keyv/postgres does not run here: ${(error as Error).message.split("\n")[0]}`);
}

await db.end();
await server.stop();
