import { describe, test } from "node:test";
import { assert, assertEquals, assertLess, assertStrictEquals, assertThrows } from "@std/assert";
import { Deadlines } from "../../src/core/deadlines.ts";
import { EvictionIndex, type EvictionPolicy, type Slot } from "../../src/core/eviction_index.ts";
import { readQuery } from "../../src/core/url_query.ts";

function indexOf(policy: EvictionPolicy, keys: string): EvictionIndex<number> {
  const index = new EvictionIndex<number>(policy);
  for (const key of keys) index.add(key, 0, 1);
  return index;
}

/** The keys in the order in which they go. */
function order(index: EvictionIndex<number>): string {
  let keys = "";
  for (let slot = index.victim(); slot; slot = index.victim()) {
    keys += slot.key;
    index.delete(slot);
  }
  return keys;
}

function use(index: EvictionIndex<number>, ...keys: string[]): void {
  for (const key of keys) index.use(index.slots.get(key)!);
}

describe("EvictionIndex", () => {
  test("lru lets the least recently used go first", () => {
    const index = indexOf("lru", "abcde");
    use(index, "a", "c", "a", "e");
    assertEquals(order(index), "bdcae");
    assertEquals(index.slots.size, 0);
    assertEquals(index.bytes, 0);
  });

  test("sieve lets the oldest unused go first, and forgives a use once", () => {
    const index = indexOf("sieve", "abcdef");
    use(index, "a", "c", "c");
    assertStrictEquals(index.victim()!.key, "b");
    index.delete(index.slots.get("b")!);
    index.add("g", 0, 1);
    // The hand goes on from where it stopped: c is forgiven, d goes, then e, f, g, and a and c in the second round.
    assertEquals(order(index), "defgac");
  });

  test("a slot added as the oldest goes first", () => {
    for (const policy of ["lru", "sieve"] as const) {
      const index = indexOf(policy, "bc");
      index.add("a", 0, 1, undefined, true);
      assertEquals(order(index), "abc", policy);
    }
  });

  test("a skipped slot is not chosen, and nothing is when all are skipped", () => {
    for (const policy of ["lru", "sieve"] as const) {
      const index = indexOf(policy, "abc");
      use(index, "c");
      assertStrictEquals(index.victim((slot) => slot.key !== "c")!.key, "c", policy);
      assertStrictEquals(index.victim(() => true), undefined);
      assertEquals(order(index).length, 3);
      assertStrictEquals(index.victim(), undefined);
    }
  });

  test("the slot under the hand can be deleted", () => {
    const index = indexOf("sieve", "abc");
    use(index, "a");
    const slot = index.victim()!;
    index.delete(slot);
    index.delete(index.slots.get("c")!);
    assertEquals(order(index), "a");
  });

  test("bytes are those of the slots", () => {
    const index = indexOf("lru", "ab");
    index.resize(index.slots.get("a")!, 10);
    assertEquals(index.bytes, 11);
    index.delete(index.slots.get("a")!);
    assertEquals(index.bytes, 1);
  });

  test("keys keep the order in which they were added, whatever is used", () => {
    const index = indexOf("lru", "abc");
    use(index, "b", "a");
    assertEquals([...index.slots.keys()], ["a", "b", "c"]);
  });

  test("expired slots come by deadline, and a deleted one lets go of its value", () => {
    const index = new EvictionIndex<object | undefined>("lru");
    const slot = index.add("b", {}, 0, 20);
    index.add("a", {}, 0, 10);
    assertStrictEquals(index.expired(9), undefined);
    assertStrictEquals(index.expired(20)!.key, "a");
    index.delete(index.slots.get("a")!);
    assertStrictEquals(index.expired(19), undefined);
    index.expire(slot, 30);
    assertStrictEquals(index.expired(29), undefined);
    assertStrictEquals(index.expired(30)!.key, "b");
    index.expire(slot, undefined);
    assertStrictEquals(index.expired(Infinity), undefined);
    index.expire(slot, 40);
    index.delete(slot);
    assertStrictEquals(slot.value, undefined);
    assertStrictEquals(index.expired(Infinity), undefined);
  });

  test("lru agrees with a model for any sequence of calls", () => {
    const index = new EvictionIndex<number>("lru");
    let model: string[] = [];
    let seed = 1;
    const random = (below: number) => (seed = Math.imul(seed, 48271) >>> 1) % below;
    for (let step = 0; step < 5000; step++) {
      const key = `${random(40)}`;
      const slot = index.slots.get(key);
      const others = model.filter((other) => other !== key);
      const action = random(4);
      if (action === 0 && slot) index.delete(slot), model = others;
      else if (action === 1) {
        const victim = index.victim();
        assertStrictEquals(victim?.key, model[0]);
        if (victim) index.delete(victim), model.shift();
      } else {
        if (slot) index.use(slot);
        else index.add(key, 0, 1);
        model = [...others, key];
      }
      assertEquals(index.slots.size, model.length);
    }
    assertEquals(order(index), model.join(""));
  });
});

describe("Deadlines", () => {
  test("any order of adding comes out sorted", () => {
    const deadlines = new Deadlines<{ expiresAt: number | undefined }>();
    const items = Array.from({ length: 500 }, (_, at) => ({ expiresAt: (at * 7919) % 503 as number | undefined }));
    for (const item of items) deadlines.add(item, item.expiresAt!, items.length);
    let last = -1;
    for (let count = 0; count < items.length; count++) {
      const item = deadlines.due(1000)!;
      assert(item.expiresAt! >= last);
      last = item.expiresAt!;
      item.expiresAt = undefined;
    }
    assertStrictEquals(deadlines.due(1000), undefined);
  });

  test("deadlines that are changed again and again take room for the current ones only", () => {
    const deadlines = new Deadlines<Pick<Slot<never>, "expiresAt">>();
    const item = { expiresAt: 0 };
    let reads = 0;
    Object.defineProperty(item, "expiresAt", { get: () => (reads++, 10_000) });
    for (let time = 0; time <= 10_000; time++) deadlines.add(item, time, 1);
    // Each forgetting looks at the few that are kept, so together they stay in proportion to what was added.
    assertLess(reads, 20_000);
    assertStrictEquals(deadlines.due(9_999), undefined);
    assertStrictEquals(deadlines.due(10_000), item);
  });
});

describe("readQuery", () => {
  const read = (query: string) =>
    readQuery(new URL(`lru:${query}`), { maxEntries: "integer", clone: "boolean", name: "text" });

  test("parameters are read by their kind", () => {
    assertEquals(read("?maxEntries=12&clone=true&name=12"), { maxEntries: 12, clone: true, name: "12" });
    assertEquals(read(""), {});
  });

  test("a parameter that is unknown, malformed or there twice is a TypeError", () => {
    const bad = [
      "?max=1",
      "?maxEntries=1e3",
      "?maxEntries=-1",
      "?maxEntries=",
      "?clone=yes",
      "?name=a&name=b",
      "?toString=1",
    ];
    for (const query of bad) assertThrows(() => read(query), TypeError, "Cannot open lru");
  });
});
