/**
 * What `lru()` and `sieve()` have in common, as tests.
 *
 * @module
 */

import { describe, test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { Backend } from "../../src/core/backend.ts";
import type { EvictingOptions } from "../../src/core/evicting_backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { checkStoreLaws } from "./laws.ts";

type Make = <V>(options: EvictingOptions<V>) => Backend<V>;

/** Registers the tests. */
export function checkEvicting(name: string, make: Make, fromUrl: (url: URL) => Backend<unknown>): void {
  checkStoreLaws(`${name} obeys the laws`, make({ maxEntries: 1 }).supports, {
    make: ({ now }) => {
      const backend = make<unknown>({ maxEntries: 1000, maxBytes: 1e9, sizeOf: () => 1, now });
      return { open: () => backend };
    },
  });

  describe(name, () => {
    const keys = (store: Store<never>) => Array.fromAsync(store.keys());

    test("never holds more than maxEntries", async () => {
      const store = new Store<number>(make({ maxEntries: 3 }));
      for (let n = 0; n < 10; n++) await store.set(`${n}`, n);
      assertEquals(await store.size, 3);
      assertStrictEquals(await store.get("9"), 9);
      await store.setMany([["a", 1], ["b", 2], ["c", 3], ["d", 4]]);
      assertEquals(await store.size, 3);
    });

    test("overwriting at the limit evicts nothing (X-16)", async () => {
      const evicted: string[] = [];
      const store = new Store<number>(make({ maxEntries: 2, onEvict: (key) => evicted.push(key) }));
      await store.setMany([["a", 1], ["b", 2]]);
      await store.set("a", 3);
      await store.set("b", 4);
      await store.update("a", () => 5);
      await store.add("a", 6);
      assertEquals(evicted, []);
      assertEquals([...await store.getMany(["a", "b"])], [["a", 5], ["b", 4]]);
    });

    test("has(), listings and counts do not change who goes next (X-15)", async () => {
      const store = new Store<number>(make({ maxEntries: 2 }));
      await store.setMany([["a", 1], ["b", 2]]);
      await store.has("a");
      await keys(store as Store<never>);
      assertEquals(await store.size, 2);
      await store.add("a", 9);
      await store.set("c", 3);
      assertEquals(await keys(store as Store<never>), ["b", "c"]);
    });

    test("reading, reading many, entry(), overwriting and touch() are uses", async () => {
      const uses: ((store: Store<number>) => Promise<unknown>)[] = [
        (store) => store.get("a"),
        (store) => store.getMany(["a"]),
        (store) => store.entry("a"),
        (store) => store.set("a", 2),
        (store) => store.touch("a", Infinity),
        (store) => store.get("a", { signal: new AbortController().signal }),
      ];
      for (const [at, use] of uses.entries()) {
        const store = new Store<number>(make({ maxEntries: 2 }));
        await store.setMany([["a", 1], ["b", 2]]);
        await use(store);
        await store.set("c", 3);
        assertEquals(await keys(store as Store<never>), ["a", "c"], `use ${at}`);
      }
    });

    test("what has expired goes before anything alive", async () => {
      const clock = new FakeClock();
      const evicted: unknown[] = [];
      const onEvict = (...event: unknown[]) => evicted.push(event);
      const store = new Store<number>(make<number>({ maxEntries: 3, now: clock.now, onEvict }));
      await store.set("oldest", 1);
      await store.set("short", 2, { ttl: 10 });
      await store.set("long", 3, { ttl: 20 });
      await store.get("short");
      clock.advance(10);
      await store.set("new", 4);
      assertEquals(evicted, [["short", 2, "expired"]]);
      assertEquals(await keys(store as Store<never>), ["oldest", "long", "new"]);
      await store.get("oldest");
      await store.set("more", 5);
      assertEquals(evicted.length, 2);
      assertStrictEquals((evicted[1] as unknown[])[2], "limit");
    });

    test("a lifetime given by touch() counts as one given by a write", async () => {
      const clock = new FakeClock();
      const store = new Store<number>(make({ maxEntries: 2, now: clock.now }));
      await store.setMany([["a", 1], ["b", 2], ["c", 3]]);
      await store.touch("c", 10);
      await store.set("d", 4);
      assertEquals(await keys(store as Store<never>), ["c", "d"]);
      await store.get("c");
      clock.advance(10);
      await store.set("e", 5);
      assertEquals(await keys(store as Store<never>), ["d", "e"]);
      await store.set("f", 6);
      clock.advance(1000);
      assertEquals(await store.size, 2);
    });

    test("maxBytes counts bytes, strings, and what sizeOf says", async () => {
      const bytes = new Store<Uint8Array>(make({ maxEntries: 9, maxBytes: 10 }));
      for (const key of ["a", "b", "c"]) await bytes.set(key, new Uint8Array(4));
      assertEquals(await bytes.size, 2);
      const texts = new Store<string>(make({ maxEntries: 9, maxBytes: 10 }));
      for (const key of ["a", "b", "c"]) await texts.set(key, "xy");
      assertEquals(await texts.size, 2);
      const sized = new Store<number>(
        make({ maxEntries: 9, maxBytes: 10, sizeOf: (value, key) => value + key.length }),
      );
      await sized.setMany([["a", 4], ["b", 4]]);
      assertEquals(await sized.size, 2);
      await sized.set("b", 5);
      assertEquals(await keys(sized as unknown as Store<never>), ["b"]);
    });

    test("an entry larger than maxBytes is refused before anything is touched", async () => {
      const store = new Store<string>(make({ maxEntries: 9, maxBytes: 10 }));
      await store.setMany([["a", "x"], ["b", "y"]]);
      const error = await assertRejects(() => store.set("a", "too long"), StoreError, "16 bytes of 10");
      assertStrictEquals(error.code, "too-large");
      assertStrictEquals(error.key, "a");
      assertEquals(await Array.fromAsync(store), [["a", "x"], ["b", "y"]]);
    });

    test("a value that cannot be measured is refused before anything is touched", async () => {
      const store = new Store<unknown>(make<unknown>({ maxEntries: 9, maxBytes: 10 }));
      await assertRejects(() => store.set("a", { b: 1 }), TypeError, "needs a sizeOf");
      const wrong = new Store<number>(make({ maxEntries: 9, maxBytes: 10, sizeOf: (value) => value }));
      for (const size of [NaN, -1, 1.5]) await assertRejects(() => wrong.set("a", size), RangeError, "whole number");
      assertEquals([await store.size, await wrong.size], [0, 0]);
    });

    test("onEvict() sees a consistent store, may write to it, and its errors stay its own", async () => {
      const seen: unknown[] = [];
      const backend = make<number>({
        maxEntries: 2,
        onEvict: (key, value, reason) => {
          seen.push([key, value, reason, [...backend.list() as Iterable<string>]]);
          if (seen.length === 1) backend.write("from onEvict", 0);
          throw new Error("not for the caller");
        },
      });
      const store = new Store<number>(backend);
      await store.setMany([["a", 1], ["b", 2]]);
      await store.set("c", 3);
      assertEquals(seen, [["a", 1, "limit", ["b", "c"]], ["b", 2, "limit", ["c", "from onEvict"]]]);
      assertEquals(await keys(store as Store<never>), ["c", "from onEvict"]);
    });

    test("deleting, taking, clearing and overwriting are no evictions", async () => {
      const evicted: string[] = [];
      const store = new Store<number>(make({ maxEntries: 9, onEvict: (key) => evicted.push(key) }));
      await store.setMany([["a", 1], ["b", 2], ["c", 3]]);
      await store.set("a", 2);
      await store.delete("a");
      await store.take("b");
      await store.clear();
      assertEquals(evicted, []);
    });

    test("prune() drops what has expired and counts it; reading it evicts it as well", async () => {
      const clock = new FakeClock();
      const evicted: unknown[] = [];
      const onEvict = (...event: unknown[]) => evicted.push(event);
      const store = new Store<number>(make<number>({ maxEntries: 9, now: clock.now, onEvict }));
      await store.setMany([["a", 1], ["b", 2]], { ttl: 5 });
      await store.setMany([["c", 3], ["d", 4]], { ttl: 6 });
      clock.advance(5);
      assertStrictEquals(await store.get("b"), undefined);
      assertStrictEquals(await store.prune(), 1);
      assertStrictEquals(await store.prune(), 0);
      assertEquals(evicted, [["b", 2, "expired"], ["a", 1, "expired"]]);
      assertEquals(await keys(store as Store<never>), ["c", "d"]);
    });

    test("a key that is refused evicts nothing", async () => {
      const store = new Store<number>(make({ maxEntries: 2 }));
      await store.setMany([["a", 1], ["b", 2]]);
      await assertRejects(() => store.set("\ud800", 3), StoreError, "lone surrogate");
      await assertRejects(() => store.set("\ud800", 3, { ttl: 1000 }), StoreError, "lone surrogate");
      assertEquals(await Array.fromAsync(store), [["a", 1], ["b", 2]]);
    });

    test("a write that has expired already leaves the key absent and evicts nothing", async () => {
      const clock = new FakeClock();
      const backend = make<number>({ maxEntries: 2, now: clock.now });
      await backend.write("a", 1);
      await backend.write("b", 2);
      await backend.write("c", 3, { expiresAt: clock.now() });
      await backend.write("b", 3, { expiresAt: -Infinity });
      assertEquals([...backend.list() as Iterable<string>], ["a"]);
    });

    test("an entry kept under pressure of bytes is not the one that goes", async () => {
      const store = new Store<string>(make({ maxEntries: 9, maxBytes: 10 }));
      await store.setMany([["a", "x"], ["b", "y"], ["c", "z"]]);
      await store.set("a", "xxxx");
      assertEquals([await store.size, await store.get("a")], [2, "xxxx"]);
      await store.set("a", "xxxxx");
      assertEquals(await Array.fromAsync(store), [["a", "xxxxx"]]);
    });

    test("limits that are none are refused", () => {
      for (const maxEntries of [0, -1, 1.5, NaN, Infinity, undefined, "1"]) {
        assertThrows(() => make({ maxEntries: maxEntries as number }), RangeError, "maxEntries");
      }
      assertThrows(() => make({ maxEntries: 1, maxBytes: 0 }), RangeError, "maxBytes");
      assertThrows(() => make({ maxEntries: 1, max: 1 } as { maxEntries: number }), TypeError, '"max"');
      assertThrows(() => make({ maxEntries: 1, onEvict: 1 as unknown as () => void }), TypeError, "onEvict");
    });

    test("a URL names it with its limits (PS-01)", async () => {
      const store = new Store<string>(fromUrl(new URL(`${name}:?maxEntries=2&maxBytes=8`)) as Backend<string>);
      await store.setMany([["a", "1"], ["b", "2"], ["c", "3"]]);
      assertEquals(await store.size, 2);
      await assertRejects(() => store.set("a", "12345"), StoreError, "8");
    });

    test("a URL that is not understood is refused (PS-02)", () => {
      for (
        const query of ["?maxEntries=2&max=3", "?maxEntries=two", "?maxEntries=2&maxEntries=3", "place?maxEntries=2"]
      ) {
        assertThrows(() => fromUrl(new URL(`${name}:${query}`)), TypeError);
      }
      assertThrows(() => fromUrl(new URL(`${name}:`)), RangeError, "maxEntries");
      assertThrows(() => fromUrl(new URL(`${name}:?maxEntries=0`)), RangeError, "maxEntries");
    });
  });
}
