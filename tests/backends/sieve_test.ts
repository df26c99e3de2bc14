import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { sieve, sieveFromUrl } from "../../src/backends/sieve.ts";
import { Store } from "../../src/core/store.ts";
import { checkEvicting } from "../support/evicting.ts";

checkEvicting("sieve", sieve, sieveFromUrl);

test("sieve evicts as in the paper's example", async () => {
  // Zhang et al., NSDI 2024, figure 1: A, B and G were used; H, A, D, I, B, J are asked for.
  const evicted: string[] = [];
  const store = new Store<number>(sieve({ maxEntries: 7, onEvict: (key) => evicted.push(key) }));
  for (const key of "ABCDEFG") await store.set(key, 1);
  for (const key of "ABG") await store.get(key);
  for (const key of "HADIBJ") if (await store.get(key) === undefined) await store.set(key, 1);
  assertEquals(evicted, ["C", "E", "F"]);
  assertEquals((await Array.fromAsync(store.keys())).join(""), "ABDGHIJ");
});

test("a walk through many keys leaves what is used", async () => {
  const store = new Store<number>(sieve({ maxEntries: 10 }));
  for (let n = 0; n < 5; n++) await store.set(`used ${n}`, n);
  for (let n = 0; n < 1000; n++) {
    await store.get(`used ${n % 5}`);
    await store.set(`walk ${n}`, n);
  }
  assertEquals((await store.getMany(["used 0", "used 1", "used 2", "used 3", "used 4"])).size, 5);
});
