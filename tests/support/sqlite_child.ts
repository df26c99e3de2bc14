/**
 * A process of its own on an SQLite file: `<task> <file> <name>`. It starts when a line comes in on stdin, so that several
 * of them start together, and says on stdout how far it is.
 *
 * @module
 */

import process from "node:process";
import { sqlite } from "../../src/backends/sqlite.ts";
import { Store } from "../../src/core/store.ts";

const [task, file, name] = process.argv.slice(2) as [string, string, string];
const store = new Store<string | number>(sqlite(file));

// Not `console.log`: what was said must be out before the next step.
const say = (line: string) => new Promise<void>((done) => process.stdout.write(`${line}\n`, () => done()));

/** Writes a thousand values of 3 KB over 50 keys, singly and in batches, and says each round after it is done. */
async function write(): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    const value = `${name} ${round} `.padEnd(3000, "x");
    if (round % 10 === 9) await store.setMany([0, 1, 2, 3, 4].map((index) => [`batch${index}`, value]));
    else await store.set(`key${round % 45}`, value);
    await say(`${round}`);
  }
}

/** Counts up one key 50 times. */
async function count(): Promise<void> {
  for (let round = 0; round < 50; round++) {
    await store.update("count", (count = 0) => (count as number) + 1);
  }
  await say("50");
}

/** Adds one key through four stores and says of each whether it was first. */
async function add(): Promise<void> {
  for (let index = 0; index < 4; index++) {
    const adder = new Store<string>(sqlite(file));
    await say(`${await adder.add("winner", name)}`);
    await adder.close();
  }
}

void say("ready");
process.stdin.once("data", async () => {
  await { write, count, add }[task]!();
  await store.close();
  process.exit();
});
