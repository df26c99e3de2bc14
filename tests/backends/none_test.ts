import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { none, noneFromUrl } from "../../src/backends/none.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

describe("none", () => {
  test("takes every write and keeps nothing (CT-14, DP-N01)", async () => {
    const store = new Store<number>(none());
    assertEquals(await store.set("key", 1, { ttl: 1000 }), store);
    assertEquals(await store.setMany([["key", 1]]), store);
    assertEquals([await store.add("key", 1), await store.add("key", 1)], [true, true]);
    assertEquals(await store.get("key"), undefined);
    assertEquals(await store.entry("key"), undefined);
    assertEquals(await store.has("key"), false);
    assertEquals(await store.getMany(["key", "other"]), new Map());
    assertEquals([await store.delete("key"), await store.deleteMany(["key"]), await store.take("key")], [
      false,
      0,
      undefined,
    ]);
    assertEquals([await store.touch("key", 1000), await store.replace("key", 1, { version: "1" })], [false, false]);
    assertEquals([await store.size, await Array.fromAsync(store), await store.prune()], [0, [], 0]);
    await store.clear();
    assertEquals((await assertRejects(() => store.getOrThrow("key"), StoreError)).code, "not-found");
  });

  test("computes each time anew, and answers what was computed", async () => {
    const store = new Store<number>(none());
    let runs = 0;
    const compute = () => ++runs;
    assertEquals([await store.getOrInsertComputed("key", compute), await store.update("key", compute)], [1, 2]);
    assertEquals(await store.getOrInsertComputed("key", compute), 3);
  });

  test("never changes, and promises no lock and no stream", async () => {
    const store = new Store<number>(none());
    const before = await store.revision();
    await store.set("key", 1);
    assertEquals(await store.revision(), before);
    assertEquals([none().supports.create, none().supports.stream], [false, false]);
  });

  test("refuses what every store refuses", async () => {
    const store = new Store<unknown>(none());
    await assertRejects(() => store.set("key", undefined), TypeError);
    assertEquals((await assertRejects(() => store.get("\ud800"), StoreError)).code, "invalid-key");
    await assertRejects(() => store.set("key", 1, { ttl: NaN }), RangeError);
    await store.close();
    assertEquals((await assertRejects(() => store.get("key"), StoreError)).code, "closed");
  });

  test("is what none: and dummy: name, and nothing more", () => {
    for (const url of ["none:", "dummy:"]) assertEquals(noneFromUrl(new URL(url)).name, "none");
    for (const url of ["none:?size=1", "none:place", "none://host", "none:#a"]) {
      assertThrows(() => noneFromUrl(new URL(url)), TypeError, "Cannot make none");
    }
  });
});

// All others find a value again.
const LAWS = [
  "get() of an absent key is undefined",
  "a key with a lone surrogate is refused",
  "a key that is no string is a TypeError",
  "after expiry has() is false",
  "after expiry touch() is false",
  "a backend that is handed a moment in the past keeps nothing",
  "empty batches do nothing",
  "one bad key refuses the whole batch",
  "closing twice is fine",
];

describe("none obeys the laws that hold without memory", () => {
  for (const start of LAWS) {
    test(start, async () => {
      const found = storeLawsFor(none().supports).filter(({ title }) => title.startsWith(start));
      assertEquals(found.length, 1);
      for (const law of found) await law.run({ make: () => ({ open: () => none() }) });
    });
  }
});
