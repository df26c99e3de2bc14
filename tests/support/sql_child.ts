/**
 * A process of its own on a table of Postgres: `<url> <table> <name>`. It starts when a line comes in on stdin, so that several
 * of them start together, counts up one key 50 times, writes one of its own, and says so.
 *
 * @module
 */

import process from "node:process";
import postgres from "postgres";
import { sql } from "../../src/backends/sql.ts";
import { Store } from "../../src/core/store.ts";

const [url, table, name] = process.argv.slice(2) as [string, string, string];
const client = postgres(url, { max: 2, onnotice: () => {} });
const store = new Store<number>(sql(client, { table, create: true, revision: true, ownsClient: true }));

// Not `console.log`: what was said must be out before the next step.
const say = (line: string) => new Promise<void>((done) => process.stdout.write(`${line}\n`, () => done()));

void say("ready");
process.stdin.once("data", async () => {
  for (let round = 0; round < 50; round++) await store.update("count", (count = 0) => count + 1);
  await store.setMany([["a", 1], ["b", 2], [`of ${name}`, 3]]);
  await say(`${await store.size}`);
  await store.close();
  process.exit();
});
