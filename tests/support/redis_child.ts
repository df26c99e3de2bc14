/**
 * A process of its own on a Redis: `<task> <url> [prefix]`. Tasks that race start when a line comes in on stdin.
 *
 * @module
 */

import process from "node:process";
import { open } from "../../src/open/open.ts";

const [task, url, prefix = "child:"] = process.argv.slice(2) as ["once" | "count", string, string?];
const store = await open<number>(`${url}${url.includes("?") ? "&" : "?"}prefix=${encodeURIComponent(prefix)}`);

// Not `console.log`: what was said must be out before the next step.
const say = (line: string) => new Promise<void>((done) => process.stdout.write(`${line}\n`, () => done()));

/** Uses the store a little and closes it; then the process has to end by itself. */
async function once(): Promise<void> {
  await store.set("key", 1, { ttl: 1000 });
  await store.update("key", (old = 0) => old + 1);
  await Promise.all([store.get("key"), store.get("absent")]);
  await store.close();
  await say("done");
}

/** Counts up one key 50 times. */
async function count(): Promise<void> {
  await say("ready");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  for (let round = 0; round < 50; round++) await store.update("count", (count = 0) => count + 1);
  await store.close();
  process.exit();
}

await (task === "once" ? once : count)();
