/**
 * `lru()` and `sieve()` beside their peers: speed of get-or-set through the async `Map`, and share of hits.
 *
 * The trace: 200,000 requests for 100,000 keys, drawn with zipf 0.99, to 10,000 entries that start empty; with scans every third request asks for the next
 * key of a walk that never asks twice. Hits are counted among the drawn requests.
 *
 * @module
 */

import { createCache } from "cache-manager";
import { LRUCache } from "lru-cache";
import QuickLRU from "quick-lru";
import { createStorage } from "unstorage";
import unstorageLru from "unstorage/drivers/lru-cache";
import { lru } from "../../src/backends/lru.ts";
import { sieve } from "../../src/backends/sieve.ts";
import { Store } from "../../src/core/store.ts";
import { compare } from "./harness.ts";

const MAX_ENTRIES = 10_000;
const KEYS = 100_000;
const REQUESTS = 200_000;

/** A seeded generator of numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Which keys are asked for, one after the other. */
function zipf(keys: number, requests: number, skew: number): string[] {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) {
    sums[rank] = sum += 1 / (rank + 1) ** skew;
  }
  const next = random(1);
  const names = Array.from({ length: keys }, (_, rank) => `key:${rank}`);
  return Array.from({ length: requests }, () => {
    const point = next() * sum;
    let low = 0;
    for (let high = keys - 1; low < high;) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < point) low = middle + 1;
      else high = middle;
    }
    return names[low]!;
  });
}

const drawn = zipf(KEYS, REQUESTS, 0.99);
let walked = 0;
const withScans = drawn.map((key, at) => at % 3 === 2 ? `scan:${walked++}` : key);

interface SyncCache {
  get(key: string): unknown;
  set(key: string, value: number): unknown;
}

interface AsyncCache {
  get(key: string): Promise<unknown>;
  set(key: string, value: number): Promise<unknown>;
}

function hitRatio(cache: SyncCache, trace: readonly string[]): number {
  let hits = 0;
  let asked = 0;
  for (const key of trace) {
    const isHit = cache.get(key) !== undefined;
    if (!isHit) cache.set(key, 1);
    if (key.startsWith("scan:")) continue;
    asked++;
    if (isHit) hits++;
  }
  return hits / asked;
}

function sync(cache: SyncCache): () => number {
  return () => {
    for (const key of drawn) {
      if (cache.get(key) === undefined) cache.set(key, 1);
    }
    return drawn.length;
  };
}

function awaited(cache: AsyncCache): () => Promise<number> {
  return async () => {
    for (const key of drawn) {
      const value = await cache.get(key);
      if (value === undefined || value === null) await cache.set(key, 1);
    }
    return drawn.length;
  };
}

function syncView(policy: typeof lru): SyncCache {
  const backend = policy<number>({ maxEntries: MAX_ENTRIES });
  return {
    get: (key) => backend.readSync!(key),
    set: (key, value) => backend.writeSync!(key, value),
  };
}

const caches: Record<string, () => SyncCache> = {
  lru: () => syncView(lru),
  sieve: () => syncView(sieve),
  "lru-cache": () => new LRUCache<string, number>({ max: MAX_ENTRIES }),
  "quick-lru (up to twice its size)": () => new QuickLRU<string, number>({ maxSize: MAX_ENTRIES }),
};

console.log("\n| hit ratio | zipf 0.99 | with 1/3 scans |\n|---|---:|---:|");
for (const [name, make] of Object.entries(caches)) {
  console.log(
    `| ${name} | ${hitRatio(make(), drawn).toFixed(3)} | ${hitRatio(make(), withScans).toFixed(3)} |`,
  );
}

const unstorage = createStorage({ driver: unstorageLru({ max: MAX_ENTRIES }) });
await compare("Get or set, awaited, 10,000 entries, zipf 0.99", {
  "Store(lru)": awaited(new Store<number>(lru({ maxEntries: MAX_ENTRIES }))),
  "Store(sieve)": awaited(
    new Store<number>(sieve({ maxEntries: MAX_ENTRIES })),
  ),
  "unstorage, lru driver": awaited({
    get: (key) => unstorage.getItem(key),
    set: (key, value) => unstorage.setItem(key, value),
  }),
  "cache-manager (no limit)": awaited(createCache()),
}, { rounds: 15 });

await compare(
  "Get or set, synchronous, 10,000 entries, zipf 0.99",
  Object.fromEntries(
    Object.entries(caches).map(([name, make]) => [name, sync(make())]),
  ),
  { rounds: 15 },
);
