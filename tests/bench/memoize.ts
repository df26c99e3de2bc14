/**
 * A warm hit of a memoized function beside its peers: 1,000 keys, all there, asked for one after the other and all at once.
 *
 * Peers make their keys as they do by themselves: `p-memoize` takes the first argument, and a `cacheKey` where there are
 * two; `async-cache-dedupe` and `lru-cache` are given text.
 *
 * @module
 */

import { createCache } from "async-cache-dedupe";
import { LRUCache } from "lru-cache";
import pMemoize from "p-memoize";
import { lru } from "../../src/backends/lru.ts";
import { memoize } from "../../src/cache/memoize.ts";
import { memoizeMany } from "../../src/cache/memoize_many.ts";
import { Region } from "../../src/cache/region.ts";
import { Store } from "../../src/core/store.ts";
import { compare } from "./harness.ts";

const KEYS = 1000;
const ROUNDS = 20;
const TTL = 3_600_000;

interface User {
  readonly id: string;
}

type Load = (id: string) => Promise<User>;

const ids = Array.from({ length: KEYS }, (_, at) => `user-${at}`);
const load: Load = async (id) => await Promise.resolve({ id });

const bounded = new LRUCache<string, User>({
  max: 10_000,
  ttl: TTL,
  fetchMethod: load,
});
const dedupe = createCache({
  ttl: TTL / 1000,
  storage: { type: "memory", options: { size: 10_000 } },
})
  .define("load", load);

const functions: Readonly<Record<string, Load>> = {
  "memoize": memoize(load, { ttl: TTL, name: "load" }),
  "memoize over lru()": memoize(load, {
    name: "load",
    region: new Region({
      ttl: TTL,
      store: new Store(lru({ maxEntries: 10_000 })),
    }),
  }),
  "p-memoize": pMemoize(load),
  "lru-cache.fetch": async (id) => (await bounded.fetch(id))!,
  "async-cache-dedupe": (id) => dedupe.load!(id) as Promise<User>,
};

for (const one of Object.values(functions)) for (const id of ids) await one(id);

await compare(
  "A warm hit, one after the other",
  Object.fromEntries(
    Object.entries(functions).map(([name, one]) => [name, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const id of ids) await one(id);
      }
      return ROUNDS * KEYS;
    }]),
  ),
);

await compare(
  "A warm hit, a thousand at once",
  Object.fromEntries(
    Object.entries(functions).map(([name, one]) => [name, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(ids.map((id) => one(id)));
      }
      return ROUNDS * KEYS;
    }]),
  ),
);

const page = async (
  id: string,
  options: { readonly page: number; readonly full: boolean },
) => await Promise.resolve({ id, ...options });
type Page = typeof page;
const pages: Readonly<Record<string, Page>> = {
  "memoize": memoize(page, { ttl: TTL, name: "page" }),
  "p-memoize, cacheKey: JSON.stringify": pMemoize(page, {
    cacheKey: (args) => JSON.stringify(args),
  }),
};
const dedupePages = createCache({
  ttl: TTL / 1000,
  storage: { type: "memory", options: { size: 10_000 } },
})
  .define(
    "page",
    async ([id, options]: Parameters<Page>) => await page(id, options),
  );
const withDedupe: Readonly<Record<string, Page>> = {
  ...pages,
  "async-cache-dedupe": (id, options) => dedupePages.page!([id, options]) as ReturnType<Page>,
};
for (const one of Object.values(withDedupe)) {
  for (const id of ids) await one(id, { page: 1, full: true });
}

await compare(
  "A warm hit with an object among the arguments",
  Object.fromEntries(
    Object.entries(withDedupe).map(([name, one]) => [name, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const id of ids) await one(id, { page: 1, full: true });
      }
      return ROUNDS * KEYS;
    }]),
  ),
);

const loadMany = memoizeMany(
  (wanted: string[]) => wanted.map((id): User => ({ id })),
  { ttl: TTL, name: "many" },
);
const one = functions["memoize"]!;
await loadMany(ids);
await compare("A hundred warm hits in one call", {
  "memoizeMany": async () => {
    for (let round = 0; round < 100; round++) await loadMany(ids.slice(0, 100));
    return 100 * 100;
  },
  "Promise.all over memoize": async () => {
    for (let round = 0; round < 100; round++) {
      await Promise.all(ids.slice(0, 100).map((id) => one(id)));
    }
    return 100 * 100;
  },
});
