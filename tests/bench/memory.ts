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
import { coarseNow } from "../../src/core/clock.ts";
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

/** What a store owes beyond that, and nothing else: a key that is not found is refused if it is no good text. */
class CheckingMap {
  readonly #map = new Map<string, number>();
  // deno-lint-ignore require-await -- what is measured is the promise
  async get(key: string): Promise<number | undefined> {
    const value = this.#map.get(key);
    if (value === undefined && !key.isWellFormed()) {
      throw new TypeError("lone surrogate");
    }
    return value;
  }
  // deno-lint-ignore require-await -- what is measured is the promise
  async set(key: string, value: number): Promise<this> {
    this.#map.set(key, value);
    return this;
  }
}

/** And a lifetime is kept beside the value, in what was there before. */
class ExpiringMap {
  readonly #map = new Map<string, { value: number; expiresAt: number }>();
  // deno-lint-ignore require-await -- what is measured is the promise
  async get(key: string): Promise<number | undefined> {
    const slot = this.#map.get(key);
    return slot && slot.expiresAt > coarseNow() ? slot.value : undefined;
  }
  // deno-lint-ignore require-await -- what is measured is the promise
  async set(key: string, value: number, options: unknown): Promise<this> {
    const expiresAt = coarseNow() + (options as { ttl: number }).ttl;
    const slot = this.#map.get(key);
    if (slot) {
      slot.value = value;
      slot.expiresAt = expiresAt;
    } else this.#map.set(key, { value, expiresAt });
    return this;
  }
}

interface MapLike {
  get(key: string): Promise<unknown>;
  set(key: string, value: number, options?: unknown): Promise<unknown>;
}

/** The same loop once more, so that each contender is compiled by itself, as in a program that has one kind of store. */
function ownLoop<Args extends unknown[]>(loop: (...args: Args) => Promise<number>, ...args: Args) {
  const own = new Function(`return ${loop}`)() as typeof loop;
  return () => own(...args);
}
const readAll = async (
  store: MapLike,
  keys: readonly string[],
  turns: number,
) => {
  for (let turn = 0; turn < turns; turn++) {
    for (const key of keys) await store.get(key);
  }
  return turns * keys.length;
};
const writeAll = async (
  store: MapLike,
  keys: readonly string[],
  turns: number,
  options: unknown,
) => {
  for (let turn = 0; turn < turns; turn++) {
    for (let index = 0; index < keys.length; index++) {
      await store.set(keys[index]!, index, options);
    }
  }
  return turns * keys.length;
};
const readAndWrite = async (
  store: MapLike,
  keys: readonly string[],
  turns: number,
) => {
  for (let turn = 0; turn < turns; turn++) {
    for (let index = 0; index < keys.length; index++) {
      if (index % 10 === 0) await store.set(keys[index]!, index);
      else await store.get(keys[index]!);
    }
  }
  return turns * keys.length;
};
const reads = (store: MapLike, keys: readonly string[]) => ownLoop(readAll, store, keys, TURNS);
const writes = (store: MapLike, options?: unknown) => ownLoop(writeAll, store, keys, TURNS, options);
const mixed = (store: MapLike) => ownLoop(readAndWrite, store, picked, TURNS);

// Zipf with exponent 0.99 over the keys, from a small generator with a fixed seed.
let seed = 42;
const random = () => (seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32;
const shares: number[] = [];
for (let rank = 1, sum = 0; rank <= KEYS; rank++) {
  shares.push(sum += 1 / rank ** 0.99);
}
const picked = keys.map(() => {
  const aim = random() * shares.at(-1)!;
  let [low, high] = [0, KEYS - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shares[middle]! < aim) low = middle + 1;
    else high = middle;
  }
  return keys[low]!;
});

const map = new AsyncMap();
const checking = new CheckingMap();
const bare = new ExpiringMap();
const store = new Store<number>(memory());
const expiring = new Store<number>(memory());
const keyv = new Keyv<number>({ serialization: false });
const manager = createCache();
const storage = createStorage<number>();
const lifetime = { ttl: HOUR };
// One after the other, as a program that has one of them would: filled in turn, their entries lie scattered in memory.
for (const each of [map, checking, store, keyv, manager, storage]) {
  await writes(each)();
}
for (const each of [bare, expiring]) await writes(each, lifetime)();

console.log(machine());
await compare("get, a hit among 10,000 keys", {
  "async Map": reads(map, keys),
  "everymap memory": reads(store, keys),
  "async Map of values with lifetimes": reads(bare, keys),
  "everymap memory, with lifetimes": reads(expiring, keys),
  keyv: reads(keyv, keys),
  "cache-manager": reads(manager, keys),
  unstorage: reads(storage, keys),
}, PRECISE);
await compare("get, a miss", {
  "async Map": reads(map, absent),
  "the same, looking at the key": reads(checking, absent),
  "everymap memory": reads(store, absent),
  keyv: reads(keyv, absent),
  "cache-manager": reads(manager, absent),
  unstorage: reads(storage, absent),
}, PRECISE);
await compare("set, overwriting 10,000 keys", {
  "async Map": writes(map),
  "everymap memory": writes(store),
  "async Map of values with lifetimes": writes(bare, lifetime),
  "everymap memory, with a lifetime": writes(expiring, lifetime),
  keyv: writes(keyv),
  "cache-manager": writes(manager),
  unstorage: writes(storage),
}, PRECISE);
await compare("9 gets to 1 set, Zipf 0.99", {
  "async Map": mixed(map),
  "everymap memory": mixed(store),
  keyv: mixed(keyv),
  "cache-manager": mixed(manager),
  unstorage: mixed(storage),
}, PRECISE);
