/**
 * A process of its own with a region: `<url> <task>`. It says `ready`, starts when a line comes in on stdin, and says as
 * JSON what came of it. It counts calls of its creators in a file of lines beside.
 *
 * @module
 */

import { appendFile } from "node:fs/promises";
import process from "node:process";
import { Region } from "../../src/cache/region.ts";
import { open } from "../../src/open/open.ts";

const [url, task, calls, creation] = process.argv.slice(2) as [string, string, string, string];
const say = (line: string) => new Promise<void>((done) => process.stdout.write(`${line}\n`, () => done()));
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const region = new Region<string>({ store: await open(url), ttl: 600_000, lease: { ttl: 1000 } });

async function create(): Promise<string> {
  await appendFile(calls, `${process.pid}\n`);
  await pause(Number(creation));
  return `made by ${process.pid}`;
}

/** 250 callers of one key, each line a new one: what they got, and how long the slowest of 99 in 100 took. */
async function stampede(key: string): Promise<void> {
  const times: number[] = [];
  const values = await Promise.all(Array.from({ length: 250 }, async () => {
    const began = performance.now();
    const value = await region.getOrCreate(key, create);
    times.push(performance.now() - began);
    return value;
  }));
  times.sort((a, b) => a - b);
  await say(JSON.stringify({ values: [...new Set(values)], p99: times[247] }));
}

/** Takes the lease and dies. */
async function die(key: string): Promise<void> {
  await region.getOrCreate(key, async () => {
    await create();
    await say("dying");
    process.kill(process.pid, "SIGKILL");
    return await new Promise<never>(() => {});
  });
}

// The way is warm before the start.
await region.get("nothing");
await say("ready");
let rest = "";
process.stdin.on("data", (data) => {
  const lines = (rest + data).split("\n");
  rest = lines.pop()!;
  for (const line of lines) {
    if (line === "end") void region.close().then(() => process.exit());
    else void { stampede, die }[task]!(line);
  }
});
