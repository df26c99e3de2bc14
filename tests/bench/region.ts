/**
 * A region beside what people use for the same: a stampede in one process, warm hits, and four processes on one Redis.
 *
 * @module
 */

import process from "node:process";
import { type CacheEntry, cachified } from "@epic-web/cachified";
import { createCache } from "async-cache-dedupe";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { Cacheable } from "cacheable";
import { LRUCache } from "lru-cache";
import pMemoize from "p-memoize";
import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import { Region } from "../../src/cache/region.ts";
import { Store } from "../../src/core/store.ts";
import { redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { Calls, RegionProcess } from "../support/region_processes.ts";
import { inTemporaryFolder } from "../support/runtime.ts";
import { compare, median, runtime } from "./harness.ts";

const TTL = 600_000;
const CALLERS = 1000;
const CREATION = 50;
const HITS = 100_000;
const KEYS = Array.from({ length: 1000 }, (_, index) => `key:${index}`);

/** A value for a key, made by `create` if there is none. */
type GetOrCreate = (key: string) => Promise<unknown>;

/** Each contender with a cache of its own. */
function contenders(
  create: (key: string) => Promise<string>,
): Record<string, GetOrCreate> {
  const region = new Region<string>({ ttl: TTL });
  const named = new Region<string>({
    ttl: TTL,
    store: new Store(memory<unknown>()),
    name: "pages",
  });
  const bounded = new Region<string>({
    ttl: TTL,
    store: new Store(lru<unknown>({ maxEntries: 10_000 })),
  });
  const lruCache = new LRUCache<string, string>({
    max: 10_000,
    ttl: TTL,
    fetchMethod: (key) => create(key),
  });
  const memoized = pMemoize(create, { cache: new Map() });
  const entries = new Map<string, CacheEntry<unknown>>();
  const cacheable = new Cacheable();
  const bento = new BentoCache({
    default: "m",
    stores: { m: bentostore().useL1Layer(memoryDriver({ maxSize: "10mb" })) },
  });
  const dedupe = createCache({
    ttl: TTL / 1000,
    storage: { type: "memory", options: { size: 10_000 } },
  });
  const { page } = dedupe.define(
    "page",
    (key: string) => create(key),
  ) as unknown as { page: GetOrCreate };
  return {
    "Region": (key) => region.getOrCreate(key, ({ key }) => create(key)),
    "Region over memory()": (key) => named.getOrCreate(key, ({ key }) => create(key)),
    "Region over lru()": (key) => bounded.getOrCreate(key, ({ key }) => create(key)),
    "lru-cache fetch": (key) => lruCache.fetch(key),
    "p-memoize": memoized,
    "async-cache-dedupe": (key) => page.call(dedupe, key),
    "cachified": (key) =>
      cachified({
        key,
        cache: entries,
        ttl: TTL,
        getFreshValue: () => create(key),
      }),
    "bentocache": (key) => bento.getOrSet({ key, ttl: TTL, factory: () => create(key) }),
    "cacheable": (key) => cacheable.getOrSet(key, () => create(key), { ttl: TTL }),
  };
}

/** The value below which 99 of 100 are. */
function p99(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1]!;
}

async function warmHits(): Promise<void> {
  const all = contenders((key) => Promise.resolve(`value of ${key}`));
  for (const call of Object.values(all)) {
    for (const key of KEYS) await call(key);
  }
  await compare(
    "Warm hits, one after the other",
    Object.fromEntries(
      Object.entries(all).map(([name, call]) => [name, async () => {
        const hits = /bento|cacheable/.test(name) ? HITS / 10 : HITS;
        for (let hit = 0; hit < hits; hit++) {
          await call(KEYS[hit % KEYS.length]!);
        }
        return hits;
      }]),
    ),
  );
}

async function stampede(): Promise<void> {
  let calls = 0;
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, CREATION));
  const all = contenders(async (key) => {
    calls++;
    await pause();
    return `value of ${key}`;
  });
  console.log(
    `\nStampede: ${CALLERS} callers of one key in one process, creator of ${CREATION} ms (${runtime()})\n`,
  );
  console.log(
    "| contender | calls | p99 ms | p99 over the creator's own ms |\n|---|---:|---:|---:|",
  );
  for (const [name, call] of Object.entries(all)) {
    const slowest: number[] = [];
    const over: number[] = [];
    let most = 0;
    for (let trial = -3; trial < 15; trial++) {
      const began = performance.now();
      await pause();
      const own = performance.now() - began;
      calls = 0;
      const times: number[] = [];
      await Promise.all(Array.from({ length: CALLERS }, async () => {
        const began = performance.now();
        await call(`stampede ${trial}`);
        times.push(performance.now() - began);
      }));
      if (trial < 0) continue;
      most = Math.max(most, calls);
      slowest.push(p99(times));
      over.push(p99(times) - own);
    }
    console.log(
      `| ${name} | ${most} | ${median(slowest).toFixed(1)} | ${median(over).toFixed(1)} |`,
    );
  }
}

async function processes(): Promise<void> {
  const missing = redisServerIsMissing();
  if (missing) return console.log(`\nFour processes on one Redis: ${missing}`);
  const server = await startRedisServer();
  try {
    await inTemporaryFolder(async (folder) => {
      const calls = new Calls(folder);
      await calls.start();
      const url = `${server.url}?timeout=30000&prefix=bench:`;
      const start = () => RegionProcess.start(url, "stampede", calls.file, CREATION);
      const all = await Promise.all([1, 2, 3, 4].map(start));
      const counts: number[] = [];
      const slowest: number[] = [];
      for (let trial = -3; trial < 50; trial++) {
        const outcomes = await Promise.all(
          all.map((process) => process.stampede(`trial ${trial}`)),
        );
        const made = await calls.count();
        if (trial < 0) continue;
        counts.push(made);
        slowest.push(Math.max(...outcomes.map(({ p99 }) => p99)));
      }
      await Promise.all(all.map((process) => process.end()));
      const once = counts.filter((count) => count === 1).length;
      console.log(
        `\nFour processes of 250 callers on one Redis, creator of ${CREATION} ms (${runtime()})\n`,
      );
      console.log(
        "| trials with 1 call | most calls | p99 ms, median of trials | worst |\n|---|---:|---:|---:|",
      );
      const [middle, worst] = [median(slowest), Math.max(...slowest)].map((
        one,
      ) => one.toFixed(1));
      console.log(
        `| ${once} of ${counts.length} | ${Math.max(...counts)} | ${middle} | ${worst} |`,
      );
    });
  } finally {
    await server.stop();
  }
}

await warmHits();
await stampede();
await processes();
// Some of them keep timers.
process.exit();
