import { describe, test } from "node:test";
import { assertEquals, assertNotEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { memory, memoryFromUrl } from "../../src/backends/memory.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { checkStoreLaws } from "../support/laws.ts";

checkStoreLaws("memory (BK-13)", memory().supports, {
  make: (clock) => {
    const backend = memory<unknown>({ now: clock.now });
    return { open: () => backend };
  },
});

checkStoreLaws("memory with clone", memory().supports, {
  make: (clock) => {
    const backend = memory<unknown>({ now: clock.now, clone: true });
    return { open: () => backend };
  },
});

test("memory() keeps references, as a Map does (DD-50)", async () => {
  const store = new Store<{ name: string }>(memory());
  const ada = { name: "Ada" };
  await store.set("ada", ada);
  assertStrictEquals(await store.get("ada"), ada);
});

test("memory() with clone hands out copies", async () => {
  const store = new Store<{ tags: string[] }>(memory({ clone: true }));
  const given = { tags: ["a"] };
  await store.set("key", given);
  given.tags.push("b");
  const got = await store.getOrThrow("key");
  assertEquals(got, { tags: ["a"] });
  got.tags.push("c");
  assertEquals(await store.get("key"), { tags: ["a"] });
  assertEquals((await store.take("key"))?.tags, ["a"]);
});

test("memory() uses the map it is given, and sees what is changed past it", async () => {
  const map = new Map([["a", 1]]);
  const store = new Store(memory({ map }));
  assertEquals(await store.get("a"), 1);
  await store.set("b", 2, { ttl: 1000 });
  assertEquals(map.get("b"), 2);
  const version = (await store.entry("a"))!.version!;
  map.set("a", 5);
  assertEquals(await store.replace("a", 6, { version }), false);
  assertNotEquals((await store.entry("a"))!.version, version);
});

test("an entry that was handed out stays as it was when its key is written with another lifetime", async () => {
  const store = new Store<number>(memory());
  await store.set("key", 1, { ttl: 1000 });
  const before = (await store.entry("key"))!;
  const copy = { ...before };
  await store.set("key", 2, { ttl: 5000 });
  assertEquals(before, copy);
  assertEquals(await store.replace("key", 3, { version: before.version! }), false);
  assertEquals(await store.get("key"), 2);
});

test("somebody else's map is not touched for a key that is refused, even one that it has", async () => {
  const calls: string[] = [];
  class Watched extends Map<string, number> {
    override set(key: string, value: number): this {
      calls.push(key);
      return super.set(key, value);
    }
  }
  const map = new Watched();
  map.set("\udc00", 1);
  calls.length = 0;
  const store = new Store(memory({ map }));
  for (const key of ["\ud800", "\udc00"]) {
    await assertRejects(() => store.set(key, 2), StoreError, "lone surrogate");
    await assertRejects(() => store.set(key, 2, { ttl: 1000 }), StoreError, "lone surrogate");
  }
  assertEquals([calls, [...map]], [[], [["\udc00", 1]]]);
});

describe("memory(), with a map of its own and with a given one", () => {
  const places = { "its own": undefined, "a given one": new Map<string, number>() };
  for (const [title, map] of Object.entries(places)) {
    const clock = new FakeClock();
    const open = () => new Store<number>(memory({ map, now: clock.now }));

    test(`${title}: expiry does not move the revision, writing and removing do`, async () => {
      const store = open();
      await store.set("a", 1, { ttl: 1000 });
      await store.set("b", 2, { ttl: 1000 });
      const revision = await store.revision();
      clock.advance(1000);
      assertEquals([await store.get("a"), await store.delete("b"), await store.size], [undefined, false, 0]);
      assertEquals(await store.revision(), revision);
      await store.set("a", 1);
      const written = await store.revision();
      assertNotEquals(written, revision);
      await store.delete("a");
      assertNotEquals(await store.revision(), written);
    });

    test(`${title}: a value that is not equal to itself can be updated and replaced`, async () => {
      const store = open();
      await store.set("a", NaN);
      const { version } = (await store.entry("a"))!;
      assertEquals((await store.entry("a"))!.version, version);
      assertEquals(await store.replace("a", NaN, { version: version! }), true);
      assertEquals(await store.update("a", (value) => Number.isNaN(value) ? 1 : 0), 1);
    });

    test(`${title}: a version does not take a lifetime away, nor a lifetime a version`, async () => {
      const store = open();
      await store.set("a", 1, { ttl: 1000 });
      const { version, expiresAt } = (await store.entry("a"))!;
      assertEquals(expiresAt, clock.now() + 1000);
      assertEquals((await store.entry("a"))!.version, version);
      assertEquals(await store.replace("a", 2, { version: version! }), true);
      assertEquals((await store.entry("a"))!.expiresAt, undefined);
      assertEquals(await store.replace("a", 3, { version: version! }), false);
      clock.advance(1000);
      assertEquals(await store.get("a"), 2);
    });
  }
});

test("what a given map holds are bare values, with a lifetime and a version too", async () => {
  const map = new Map<string, number>();
  const store = new Store(memory({ map }));
  await store.set("a", 1, { ttl: 60_000 });
  await store.set("b", 2);
  await store.entry("b");
  assertEquals([...map], [["a", 1], ["b", 2]]);
  map.set("a", 5);
  assertEquals((await store.entry("a"))!.value, 5);
  map.delete("a");
  assertEquals([await store.get("a"), await store.size], [undefined, 1]);
});

test("keys of a memory store come in the order of a Map", async () => {
  const store = new Store(new Map<string, number>());
  for (const key of ["b", "a", "c"]) await store.set(key, 1);
  await store.set("b", 2);
  assertEquals(await Array.fromAsync(store.keys()), ["b", "a", "c"]);
});

test("expired entries that nobody reads leave memory as others are written", async () => {
  const clock = new FakeClock();
  const map = new Map<string, number>();
  const store = new Store(memory({ map, now: clock.now }));
  for (let index = 0; index < 1000; index++) await store.set(`old${index}`, index, { ttl: 1 });
  clock.advance(1);
  for (let index = 0; index < 10_000; index++) await store.set(`new${index % 100}`, index, { ttl: 60_000 });
  assertEquals(map.size, 100);
});

test("memory() refuses unknown options", () => {
  assertThrows(() => memory({ max: 5 } as object), TypeError, "max");
});

test("a URL names memory, with copies if it says so", async () => {
  for (
    const [url, isCopied] of [["memory:", false], ["memory:?clone=false", false], ["memory:?clone=true", true]] as const
  ) {
    const store = new Store(memoryFromUrl(new URL(url)) as Backend<{ name: string }>);
    const ada = { name: "Ada" };
    await store.set("ada", ada);
    assertEquals(await store.get("ada") !== ada, isCopied, url);
  }
  for (const url of ["memory:?clone=yes", "memory:?copy=true", "memory:place", "memory:?clone=true&clone=true"]) {
    assertThrows(() => memoryFromUrl(new URL(url)), TypeError, "Cannot open memory");
  }
});

test("a backend that answers at once and limits its keys refuses longer ones, to read and to write", async () => {
  const backend: Backend<number> = Object.assign(memory<number>(), { maxKeyBytes: 10 });
  const store = new Store(backend);
  const longest = "k".repeat(10);
  await store.set(longest, 1);
  assertEquals([await store.get(longest), await store.get("k".repeat(9))], [1, undefined]);
  for (const key of ["k".repeat(11), "é".repeat(6)]) {
    for (const call of [() => store.get(key), () => store.set(key, 2), () => store.has(key)]) {
      assertEquals((await assertRejects(call, StoreError)).code, "invalid-key");
    }
  }
});
