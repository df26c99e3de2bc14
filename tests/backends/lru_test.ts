import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { lru, lruFromUrl } from "../../src/backends/lru.ts";
import { Store } from "../../src/core/store.ts";
import { checkEvicting } from "../support/evicting.ts";

checkEvicting("lru", lru, lruFromUrl);

test("lru keeps exactly the entries used last, for any sequence (PS LRU)", async () => {
  const store = new Store<number>(lru({ maxEntries: 5 }));
  const model = new Map<string, number>();
  let seed = 7;
  const random = (below: number) => (seed = Math.imul(seed, 48271) >>> 1) % below;
  for (let step = 0; step < 3000; step++) {
    const key = `${random(12)}`;
    const known = model.get(key);
    if (random(3) === 0) {
      model.delete(key);
      model.set(key, step);
      if (model.size > 5) model.delete(model.keys().next().value!);
      await store.set(key, step);
    } else {
      assertStrictEquals(await store.get(key), known);
      if (known !== undefined) {
        model.delete(key);
        model.set(key, known);
      }
    }
  }
  assertEquals(new Map((await Array.fromAsync(store)).sort()), new Map([...model].sort()));
});

test("listing stays in the order of writing while entries are used", async () => {
  const store = new Store<number>(lru({ maxEntries: 100 }));
  for (let n = 0; n < 100; n++) await store.set(`${n}`, n);
  const seen: string[] = [];
  for await (const key of store.keys()) {
    seen.push(key);
    await store.get(`${(Number(key) * 7) % 100}`);
    await store.set(`${(Number(key) * 3) % 100}`, 0);
  }
  assertEquals(seen, Array.from({ length: 100 }, (_, n) => `${n}`));
});
