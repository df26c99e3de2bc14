/** The README says what is so; its examples are run by `deno test --doc README.md`. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { disk } from "../src/backends/disk.ts";
import { lru } from "../src/backends/lru.ts";
import { memcached } from "../src/backends/memcached.ts";
import { memory } from "../src/backends/memory.ts";
import { none } from "../src/backends/none.ts";
import { redis } from "../src/backends/redis.ts";
import { s3 } from "../src/backends/s3.ts";
import { sieve } from "../src/backends/sieve.ts";
import { sql } from "../src/backends/sql.ts";
import { sqlite } from "../src/backends/sqlite.ts";
import { upstash } from "../src/backends/upstash.ts";
import { zookeeper } from "../src/backends/zookeeper.ts";
import type { Supports } from "../src/core/backend.ts";
import { Store } from "../src/core/store.ts";

const database = { dialect: "sqlite", run: () => ({ rows: [], changes: 0 }), batch: () => [] } as const;
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
const BACKENDS: Readonly<Record<string, { readonly supports: Supports }>> = {
  "`memory()`, `new Map()`": memory(),
  "`lru({ maxEntries })`": lru({ maxEntries: 1 }),
  "`sieve({ maxEntries })`": sieve({ maxEntries: 1 }),
  "`none()`": none(),
  "`disk(folder)`": disk("folder"),
  "`sqlite(file)`": sqlite(":memory:"),
  "`sqlite(file, { revision: true })`": sqlite(":memory:", { revision: true }),
  "`s3({ bucket, … })`": s3({ bucket: "bucket", credentials }),
  "`redis(url)`": redis("redis://host"),
  "`redis(url, { revision: true })`": redis("redis://host", { prefix: "a:", revision: true }),
  "`upstash({ url, token })`": upstash({ url: "https://host", token: "token" }),
  "`memcached(servers)`": memcached("host"),
  "`zookeeper(place)`": zookeeper("host"),
  "`sql(client, { table })`": sql(database, { table: "t" }),
  "`sql(client, { create: true, … })`": sql(database, { table: "t", create: true }),
};

test("the table of stores in the README says what backends support", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = readme.split("\n").filter((line) => /^\| `/.test(line) && line.split("|").length === 7);
  const told = Object.fromEntries(rows.map((row) => {
    const cells = row.split("|").map((cell) => cell.trim());
    return [cells[1], cells[5]];
  }));
  const names = (supports: Supports) =>
    (Object.keys(memory().supports) as (keyof Supports)[]).filter((name) => supports[name]).join(" ");
  const actual = Object.entries(BACKENDS).map(([title, { supports }]) => [title, names(supports)]);
  assertEquals(told, Object.fromEntries(actual));
  assertEquals(names(new Store(new Map()).backend.supports), names(memory().supports));
});
