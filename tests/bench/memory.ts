/**
 * A store in memory beside an async wrapper over a native `Map`, the limit of any such store, and its peers.
 *
 * `deno run -A tests/bench/memory.ts`, `bun tests/bench/memory.ts`, `node tests/bench/memory.ts`
 *
 * @module
 */

import { createCache } from "cache-manager";
import Keyv from "keyv";
import { createStorage } from "unstorage";
import { memory } from "../../src/backends/memory.ts";
import { Store } from "../../src/core/store.ts";
import { compare, machine } from "./harness.ts";

const KEYS = 10_000;
const TURNS = 10;
const HOUR = 3_600_000;
/** One operation is short, so a pause for garbage shows in a round. */
const PRECISE = { rounds: 25, warmups: 4 };
const keys = Array.from({ length: KEYS }, (_, index) => `key-${index}`);
const absent = Array.from({ length: KEYS }, (_, index) => `absent-${index}`);

class AsyncMap {
  readonly #map = new Map<string, number>();
  // deno-lint-ignore require-await -- what is measured is the promise
  async get(key: string): Promise<number | undefined> {
    return this.#map.get(key);
  }
  // deno-lint-ignore require-await -- what is measured is the promise
  async set(key: string, value: number): Promise<this> {
    this.#map.set(key, value);
    return this;
  }
}

interface Getter {
  get(key: string): Promise<unknown>;
}

const reads = (store: Getter, keys: readonly string[]) => async () => {
  for (let turn = 0; turn < TURNS; turn++) {
    for (const key of keys) await store.get(key);
  }
  return TURNS * keys.length;
};
const writes = (set: (key: string, value: number) => Promise<unknown>) => async () => {
  for (let turn = 0; turn < TURNS; turn++) {
    for (let index = 0; index < KEYS; index++) {
      await set(keys[index]!, index);
    }
  }
  return TURNS * KEYS;
};
const mixed = (store: Getter, set: (key: string, value: number) => Promise<unknown>) => async () => {
  for (let turn = 0; turn < TURNS; turn++) {
    for (let index = 0; index < KEYS; index++) {
      const key = keys[picks[index]!]!;
      if (index % 10 === 0) await set(key, index);
      else await store.get(key);
    }
  }
  return TURNS * KEYS;
};

// Zipf with exponent 0.99 over the keys, from a small generator with a fixed seed.
let seed = 42;
const random = () => (seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32;
const shares: number[] = [];
for (let rank = 1, sum = 0; rank <= KEYS; rank++) {
  shares.push(sum += 1 / rank ** 0.99);
}
const picks = keys.map(() => {
  const aim = random() * shares.at(-1)!;
  let [low, high] = [0, KEYS - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shares[middle]! < aim) low = middle + 1;
    else high = middle;
  }
  return low;
});

const map = new AsyncMap();
const store = new Store<number>(memory());
const expiring = new Store<number>(memory());
const keyv = new Keyv<number>({ serialization: false });
const manager = createCache();
const storage = createStorage<number>();
const lifetime = { ttl: HOUR };
for (const [index, key] of keys.entries()) {
  await map.set(key, index);
  await store.set(key, index);
  await expiring.set(key, index, lifetime);
  await keyv.set(key, index);
  await manager.set(key, index);
  await storage.set(key, index);
}

console.log(machine());
await compare("get, a hit among 10,000 keys", {
  "async Map": reads(map, keys),
  "everymap memory": reads(store, keys),
  "everymap memory, with lifetimes": reads(expiring, keys),
  keyv: reads(keyv, keys),
  "cache-manager": reads(manager, keys),
  unstorage: reads(storage, keys),
}, PRECISE);
await compare("get, a miss", {
  "async Map": reads(map, absent),
  "everymap memory": reads(store, absent),
  keyv: reads(keyv, absent),
  "cache-manager": reads(manager, absent),
  unstorage: reads(storage, absent),
}, PRECISE);
await compare("set, overwriting 10,000 keys", {
  "async Map": writes((key, value) => map.set(key, value)),
  "everymap memory": writes((key, value) => store.set(key, value)),
  "everymap memory, with a lifetime": writes((key, value) => expiring.set(key, value, lifetime)),
  keyv: writes((key, value) => keyv.set(key, value)),
  "cache-manager": writes((key, value) => manager.set(key, value)),
  unstorage: writes((key, value) => storage.set(key, value)),
}, PRECISE);
await compare("9 gets to 1 set, Zipf 0.99", {
  "async Map": mixed(map, (key, value) => map.set(key, value)),
  "everymap memory": mixed(store, (key, value) => store.set(key, value)),
  keyv: mixed(keyv, (key, value) => keyv.set(key, value)),
  "cache-manager": mixed(manager, (key, value) => manager.set(key, value)),
  unstorage: mixed(storage, (key, value) => storage.set(key, value)),
}, PRECISE);
