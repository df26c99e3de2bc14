/**
 * A process of its own with a durable map on a store: it does what each line on stdin says and answers with one line of JSON,
 * with what it did to the store meanwhile.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { DurableMap } from "../../src/cache/durable_map.ts";
import { Store } from "../../src/core/store.ts";
import { Calls, distant } from "./following.ts";
import { openPlace } from "./durable_place.ts";

const [place, mode] = process.argv.slice(2) as [string, string];
const calls = new Calls();
const store = new Store<unknown>(distant(new Store<unknown>(await openPlace(place)).backend, calls));
const autosync = Number.isNaN(Number(mode)) ? mode === "true" : { maxStaleness: Number(mode) };
const open = () => DurableMap.open(store, { autosync, retryAfter: 0 });
// A busy machine may need more time for a first connection than an outage in a test shall take.
const map = await open().catch(open).catch(open).catch(open);
calls.take();

const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** A number that others count up too, so many times. */
async function count(times: number): Promise<unknown> {
  for (let done = 0; done < times; done++) await map.update("count", (count) => Number(count ?? 0) + 1);
  return await map.get("count");
}

const DEEDS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  get: (key: string) => map.get(key),
  set: async (key: string, value: unknown) => void await map.set(key, value),
  delete: (key: string) => map.delete(key),
  sync: async () => void await map.sync(),
  size: () => map.size,
  peek: (key: string) => map.snapshot.get(key),
  stale: () => map.stale,
  look: async (key: string) => [await map.get(key), map.stale],
  all: async () => [await Array.fromAsync(map), map.stale],
  snapshot: () => [...map.snapshot],
  setMany: async (entries: [string, unknown][]) => void await map.setMany(entries),
  add: (key: string, value: unknown) => map.add(key, value),
  take: (key: string) => map.take(key),
  clear: async (prefix: string) => void await map.clear({ prefix }),
  count,
};

say("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [deed, ...args] = JSON.parse(line) as [string, ...never[]];
  try {
    const value = await DEEDS[deed]!(...args);
    say({ value, calls: calls.take() });
  } catch (error) {
    say({ error: (error as { code?: unknown }).code ?? String(error), calls: calls.take() });
  }
}
await map.close();
process.exit();
