/**
 * Durable maps beside what they stand on: a native Map, an async wrapper over one, and the raw question over Redis.
 *
 * @module
 */

import { redis } from "../../src/backends/redis.ts";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { DurableMap } from "../../src/cache/durable_map.ts";
import { Store } from "../../src/core/store.ts";
import { redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { compare, machine, runtime } from "./harness.ts";

const COUNT = 1000;
const KEYS = Array.from({ length: COUNT }, (_, index) => `flag ${index}`);

/** What an async Map costs at the least. */
class AsyncMap<V> {
  readonly #map = new Map<string, V>();
  // deno-lint-ignore require-await -- the promise is what is measured
  async get(key: string): Promise<V | undefined> {
    return this.#map.get(key);
  }
  // deno-lint-ignore require-await -- the promise is what is measured
  async set(key: string, value: V): Promise<this> {
    this.#map.set(key, value);
    return this;
  }
}

let sink: unknown;

console.log(`# Durable maps\n\n${runtime()} on ${machine()}`);

{
  const native = new Map<string, number>();
  const wrapper = new AsyncMap<number>();
  const quiet = await DurableMap.open(new Store(memory<number>()), { autosync: false });
  const bounded = await DurableMap.open(new Store(memory<number>()), { autosync: { maxStaleness: 3_600_000 } });
  const mortal = await DurableMap.open(new Store(memory<number>()), { autosync: false });
  const asking = await DurableMap.open(new Store(memory<number>()));
  for (const [index, key] of KEYS.entries()) {
    native.set(key, index);
    await wrapper.set(key, index);
    for (const map of [quiet, bounded, asking]) await map.set(key, index);
    await mortal.set(key, index, { ttl: { hours: 1 } });
  }
  await bounded.sync();
  const { snapshot } = quiet;
  const rounds = 200;
  const sync = (map: { get(key: string): unknown }) => () => {
    for (let round = 0; round < rounds; round++) for (const key of KEYS) sink = map.get(key);
    return rounds * COUNT;
  };
  const awaited = (map: { get(key: string): Promise<unknown> }) => async () => {
    for (let round = 0; round < rounds / 10; round++) for (const key of KEYS) sink = await map.get(key);
    return rounds / 10 * COUNT;
  };
  await compare("get, synchronous", { "Map": sync(native), "snapshot": sync(snapshot) });
  await compare("get, awaited", {
    "async wrapper over Map": awaited(wrapper),
    "autosync: false": awaited(quiet),
    "autosync: false, all keys with lifetimes": awaited(mortal),
    "maxStaleness": awaited(bounded),
    "autosync: true over memory()": awaited(asking),
  });
}

{
  const file = sqlite(":memory:", { revision: true });
  const store = new Store<number>(file);
  const map = await DurableMap.open(new Store<number>(file));
  await store.setMany(KEYS.map((key, index) => [key, index]));
  await map.sync();
  await compare("get over SQLite", {
    "the store itself": async () => {
      for (const key of KEYS) sink = await store.get(key);
      return COUNT;
    },
    "autosync: true": async () => {
      for (const key of KEYS) sink = await map.get(key);
      return COUNT;
    },
  });
  await map.close();
}

if (redisServerIsMissing()) console.log(`\n${redisServerIsMissing()}`);
else {
  const { createClient } = await import("@redis/client");
  const server = await startRedisServer();
  const raw = createClient({ url: server.url });
  await raw.connect();
  await raw.set("counter", "1700000000000");
  const place = () => redis(server.url, { hash: "flags", revision: true });
  const store = new Store<number>(place());
  await store.setMany(KEYS.map((key, index) => [key, index]));
  const map = await DurableMap.open(new Store<number>(place()));
  const some = KEYS.slice(0, 300);
  await compare("get over Redis, one after the other", {
    "raw GET of a counter": async () => {
      for (const _ of some) sink = await raw.get("counter");
      return some.length;
    },
    "revision()": async () => {
      for (const _ of some) sink = await store.revision();
      return some.length;
    },
    "get(), autosync: true": async () => {
      for (const key of some) sink = await map.get(key);
      return some.length;
    },
    "get() of the store": async () => {
      for (const key of some) sink = await store.get(key);
      return some.length;
    },
  });
  const commands = async () =>
    Number(/total_commands_processed:(\d+)/.exec(`${await server.cli("INFO", "stats")}`)![1]);
  const before = await commands();
  await Promise.all(KEYS.map((key) => map.get(key)));
  console.log(`\n${COUNT} reads at once over Redis: ${await commands() - before - 1} command(s)`);
  await Promise.all([raw.close(), store.close(), map.close()]);
  await server.stop();
}
void sink;
