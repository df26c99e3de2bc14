import { utimes } from "node:fs/promises";
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { disk } from "../../src/backends/disk.ts";
import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { bounded } from "../../src/layers/bounded.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { counted, fourMethods } from "../support/backends.ts";
import { inTemporaryFolder } from "../support/runtime.ts";

const keysOf = (backend: Backend<never>) => Array.fromAsync(backend.list() as Iterable<string>);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `${from + n}`);

describe("bounded", () => {
  test("150 writes through a limit of 100 leave the 100 used last (PS-13)", async () => {
    const inner = fourMethods(memory<number>());
    const store = new Store(bounded(inner, { maxEntries: 100 }));
    for (let n = 0; n < 150; n++) {
      await store.set(`${n}`, n);
      assertStrictEquals(await store.get("0"), 0);
      assert(await store.size <= 100);
    }
    const expected = ["0", ...Array.from({ length: 99 }, (_, n) => `${n + 51}`)];
    assertEquals((await keysOf(inner as Backend<never>)).sort(), expected.sort());
  });

  test("a folder limited to 100 files holds exactly the 100 used last, also after a restart (PS-13)", async () => {
    const fileSystem = new MemoryFileSystem();
    const open = () => new Store<{ n: number }>(bounded(disk("/data", { fileSystem }), { maxEntries: 100 }));
    const store = open();
    for (let n = 0; n < 150; n++) {
      await store.set(`${n}`, { n });
      await store.get("0");
    }
    const expected = ["0", ...Array.from({ length: 99 }, (_, n) => `${n + 51}`)].sort();
    assertEquals((await Array.fromAsync(store.keys())).sort(), expected);
    await store.close();
    const again = open();
    assertEquals(await again.get("0"), { n: 0 });
    await again.get("149");
    for (let n = 150; n < 248; n++) await again.set(`${n}`, { n });
    assertEquals(await again.size, 100);
    assertEquals([await again.has("0"), await again.has("149"), await again.has("148")], [true, true, false]);
    const items = (await Array.fromAsync(fileSystem.items("/data"))).flat();
    assertEquals(items.filter(({ name }) => name.endsWith(".json")).length, 100);
  });

  test("after a restart the oldest written of 100 files are the first to go (PS-13)", async () => {
    const clock = new FakeClock();
    const fileSystem = new MemoryFileSystem({ now: clock.now });
    const evicted: string[] = [];
    const onEvict = (key: string) => evicted.push(key);
    const open = () => {
      return new Store<number>(bounded(disk("/data", { fileSystem, now: clock.now }), { maxEntries: 100, onEvict }));
    };
    const set = async (store: Store<number>, n: number) => {
      clock.advance(1);
      await store.set(`${n}`, n);
    };
    const store = open();
    for (let n = 0; n < 150; n++) {
      await set(store, n);
      assertStrictEquals(await store.get("0"), 0);
    }
    assertEquals(evicted, range(1, 51));
    // Newer now than where the listing has them.
    for (let n = 51; n < 61; n++) await set(store, n);
    await store.close();
    const kept = ["0", ...range(51, 150)];
    assertEquals((await Array.fromAsync(disk("/data", { fileSystem }).list())).sort(), kept.sort());

    evicted.length = 0;
    const again = open();
    // A use, though it was written first of all.
    assertStrictEquals(await again.get("0"), 0);
    for (let n = 150; n < 200; n++) await set(again, n);
    assertEquals(evicted, range(61, 111));
    assertStrictEquals(await again.size, 100);
    await again.close();
    evicted.length = 0;
    const third = open();
    await set(third, 200);
    // What was read is not written anywhere.
    assertEquals(evicted, ["0"]);
  });

  test("on real files it is their time that counts, and a lower limit holds with the first write (PS-13)", async () => {
    await inTemporaryFolder(async (folder) => {
      const open = (maxEntries: number) => new Store<number>(bounded(disk(folder), { maxEntries }));
      const store = open(100);
      for (let n = 0; n < 150; n++) {
        await store.set(`${n}`, n);
        assertStrictEquals(await store.get("0"), 0);
      }
      await store.close();
      const kept = ["0", ...range(51, 150)];
      const files = disk(folder);
      assertEquals((await Array.fromAsync(files.list())).sort(), kept.sort());
      // As if they had been written the other way round, "0" in between.
      for (const [at, n] of [...range(51, 101), "0", ...range(101, 150)].entries()) {
        await utimes(`${folder}/${n}.json`, 2e9 - at, 2e9 - at);
      }
      const again = open(60);
      await again.set("new", 1);
      const left = ["0", "new", ...range(51, 101), ...range(101, 109)];
      assertEquals((await Array.fromAsync(files.list())).sort(), left.sort());
      for (let n = 0; n < 9; n++) await again.set(`new ${n}`, n);
      assertEquals([await again.size, await again.has("0"), await again.has("100")], [60, false, true]);
    });
  });

  test("after a restart what has expired takes no room, and what will expire is known (PS-13)", async () => {
    const clock = new FakeClock();
    const fileSystem = new MemoryFileSystem({ now: clock.now });
    const evicted: string[][] = [];
    const onEvict = (...event: string[]) => evicted.push(event);
    const open = (maxEntries: number) => {
      return new Store<number>(bounded(disk("/data", { fileSystem, now: clock.now }), { maxEntries, onEvict }));
    };
    const store = open(4);
    await store.set("a", 1, { ttl: 100 });
    await store.set("b", 1);
    await store.set("c", 1, { ttl: 10 });
    clock.advance(10);
    const again = open(3);
    await again.set("d", 1);
    const items = (await Array.fromAsync(fileSystem.items("/data"))).flat().map(({ name }) => name);
    assertEquals(items.filter((name) => name.endsWith(".json")).sort(), ["a.json", "b.json", "d.json"]);
    assertEquals(evicted, []);
    clock.advance(100);
    await again.set("e", 1);
    assertEquals(evicted, [["a", "expired"]]);
  });

  test("entries of unknown age are older than those of a known one", async () => {
    const inner = memory<number>();
    const ages: Readonly<Record<string, number>> = { b: 3, c: 0, d: -1, f: 2 };
    const aged: Backend<number> = {
      ...fourMethods(inner),
      read: async (key) => {
        const entry = await inner.read(key);
        return entry && { ...entry, createdAt: ages[key] };
      },
    };
    for (const key of ["a", "b", "c", "d", "e", "f"]) await inner.write(key, 1);
    const evicted: string[] = [];
    const store = new Store(bounded(aged, { maxEntries: 6, onEvict: (key) => evicted.push(key) }));
    for (let n = 0; n < 6; n++) await store.set(`${n}`, n);
    assertEquals(evicted, ["a", "e", "d", "c", "f", "b"]);
  });

  test("one entry that cannot be read does not lift the limit, an outage puts it off", async () => {
    for (const wrap of [(inner: Backend<number>) => inner, fourMethods]) {
      for (const maxBytes of [undefined, 1000]) {
        const inner = counted(memory<number>()).backend;
        for (const key of ["a", "b", "c", "d"]) await inner.write(key, 1);
        let code: "corrupt" | "unavailable" = "unavailable";
        const failIf = (isBroken: boolean) => {
          if (isBroken) throw new StoreError(code, { store: inner.name, operation: "read", key: "b" });
        };
        const broken: Backend<number> = wrap({
          ...inner,
          read: async (key, options) => {
            failIf(key === "b");
            return await inner.read(key, options);
          },
          readMany: async (keys, options) => {
            failIf(keys.includes("b"));
            return await inner.readMany!(keys, options);
          },
        });
        const store = new Store(bounded(broken, { maxEntries: 3, maxBytes, sizeOf: () => 1 }));
        await store.set("e", 1);
        assertEquals(await keysOf(inner as Backend<never>), ["a", "b", "c", "d", "e"]);
        code = "corrupt";
        await store.set("f", 1);
        assertEquals(await keysOf(inner as Backend<never>), ["d", "e", "f"]);
      }
    }
  });

  test("what is removed while the limit looks at what was there leaves no trace", async () => {
    for (const isCleared of [false, true]) {
      const reached = Promise.withResolvers<void>();
      const opening = Promise.withResolvers<void>();
      const inner = memory<number>();
      for (const key of ["x/a", "x/b", "c"]) await inner.write(key, 1);
      const slow: Backend<number> = {
        ...counted(inner).backend,
        readMany: async (keys) => {
          const found = new Map((await Promise.all(keys.map(async (key) => [key, await inner.read(key)] as const)))
            .flatMap(([key, entry]) => entry ? [[key, entry]] : []));
          reached.resolve();
          await opening.promise;
          return found;
        },
        clear: ({ prefix } = {}) => inner.clear!({ prefix }),
      };
      const evicted: string[] = [];
      const backend = bounded(slow, { maxEntries: 2, onEvict: (key) => evicted.push(key) });
      const writing = backend.write("d", 1);
      await reached.promise;
      if (isCleared) await backend.clear!({ prefix: "x/" });
      else await backend.removeMany!(["x/a", "x/b"]);
      opening.resolve();
      await writing;
      assertEquals(await keysOf(inner as Backend<never>), ["c", "d"]);
      assertEquals(evicted, []);
    }
  });

  test("after a restart the limit holds for what was there before, and reading counts as use (PS-13)", async () => {
    const inner = fourMethods(memory<number>());
    for (let n = 0; n < 150; n++) await inner.write(`${n}`, n);
    const store = new Store(bounded(inner, { maxEntries: 100 }));
    // Read before the first write has looked at what there is.
    assertStrictEquals(await store.get("7"), 7);
    assertEquals([...await store.getMany(["3"])], [["3", 3]]);
    await store.set("new", 1);
    const expected = ["3", "7", "new", ...Array.from({ length: 97 }, (_, n) => `${n + 53}`)];
    assertEquals((await keysOf(inner as Backend<never>)).sort(), expected.sort());
  });

  test("uses are reads, writes and new lifetimes, but not has() and listings (X-15)", async () => {
    const uses: readonly [boolean, (store: Store<number>) => Promise<unknown>][] = [
      [true, (store) => store.get("a")],
      [true, (store) => store.getMany(["a"])],
      [true, (store) => store.set("a", 2)],
      [true, (store) => store.setMany([["a", 2]])],
      [true, (store) => store.touch("a", 1000)],
      [true, (store) => store.update("a", () => 2)],
      [false, (store) => store.has("a")],
      [false, (store) => Array.fromAsync(store.keys())],
      [false, (store) => store.size],
      [false, (store) => store.add("a", 2)],
    ];
    for (
      const inner of [() => memory<number>(), () => fourMethods(memory<number>()), () => lru<number>({ maxEntries: 9 })]
    ) {
      for (const [at, [isUse, use]] of uses.entries()) {
        const store = new Store(bounded(inner(), { maxEntries: 2 }));
        await store.set("a", 1);
        await store.set("b", 1);
        await use(store);
        await store.set("c", 1);
        assertEquals((await Array.fromAsync(store.keys())).sort(), [isUse ? "a" : "b", "c"], `use ${at}`);
      }
    }
  });

  test("overwriting at the limit evicts nothing (X-16)", async () => {
    const evicted: string[] = [];
    const store = new Store(bounded(memory<number>(), { maxEntries: 2, onEvict: (key) => evicted.push(key) }));
    await store.setMany([["a", 1], ["b", 2]]);
    await store.set("a", 3);
    await store.setMany([["a", 4], ["b", 4]]);
    assertEquals(evicted, []);
    await store.set("c", 5);
    assertEquals(evicted, ["a"]);
  });

  test("what is removed or taken makes room", async () => {
    const evicted: string[] = [];
    const inner = lru<number>({ maxEntries: 100 });
    const store = new Store(bounded(inner, { maxEntries: 3, onEvict: (key) => evicted.push(key) }));
    await store.setMany([["a", 1], ["b", 2], ["c", 3]]);
    await store.delete("a");
    await store.set("d", 4);
    await store.take("b");
    await store.set("e", 5);
    await store.deleteMany(["c", "d"]);
    await store.setMany([["f", 6], ["g", 7]]);
    await store.clear();
    await store.setMany([["h", 6], ["i", 7], ["j", 8]]);
    assertEquals(evicted, []);
  });

  test("a batch goes down as one call, and so do those that have to go", async () => {
    const { backend, calls } = counted(memory<number>());
    const store = new Store(bounded(backend, { maxEntries: 3 }));
    await store.setMany(["a", "b", "c"].map((key) => [key, 1]));
    await store.setMany(["d", "e"].map((key) => [key, 1]));
    assertEquals(calls, ["writeMany", "list", "writeMany", "removeMany"]);
    assertEquals(await Array.fromAsync(store.keys()), ["c", "d", "e"]);
  });

  test("maxBytes counts what was there before as well", async () => {
    for (const wrap of [fourMethods, (inner: Backend<string>) => counted(inner).backend]) {
      const inner = wrap(memory<string>());
      await inner.write("a", "xxx");
      await inner.write("b", "y");
      const store = new Store(bounded(inner, { maxEntries: 100, maxBytes: 10 }));
      await store.set("c", "z");
      assertEquals(await keysOf(inner as Backend<never>), ["a", "b", "c"]);
      await store.set("d", "z");
      assertEquals(await keysOf(inner as Backend<never>), ["b", "c", "d"]);
      const error = await assertRejects(() => store.set("b", "too long"), StoreError, "16 bytes of 10");
      assertStrictEquals(error.code, "too-large");
      assertEquals([...await store.getMany(["b", "c", "d"])], [["b", "y"], ["c", "z"], ["d", "z"]]);
    }
  });

  test("an eviction that fails does not fail the write, and is tried again with the next", async () => {
    const evicted: string[] = [];
    let isDown = true;
    const inner = memory<number>();
    const shaky = faulty(inner, { when: ({ method }) => isDown && method === "remove" });
    const store = new Store(bounded(shaky, { maxEntries: 2, onEvict: (key) => evicted.push(key) }));
    for (const key of ["a", "b", "c", "d"]) await store.set(key, 1);
    assertEquals([await store.size, evicted.length], [4, 0]);
    isDown = false;
    await store.set("e", 1);
    assertEquals([...inner.list() as Iterable<string>], ["d", "e"]);
    assertEquals(evicted, ["a", "b", "c"]);
  });

  test("a listing that fails does not fail the write, and is tried again with the next", async () => {
    const inner = memory<number>();
    for (const key of ["a", "b", "c"]) await inner.write(key, 1);
    const store = new Store(
      bounded(faulty(inner, { when: ({ method }) => method === "list", times: 1 }), { maxEntries: 2 }),
    );
    await store.set("d", 1);
    assertEquals([...inner.list() as Iterable<string>], ["a", "b", "c", "d"]);
    await store.set("e", 1);
    assertEquals([...inner.list() as Iterable<string>], ["d", "e"]);
  });

  test("a write that fails changes nothing but the order, a lost reply does not break the limit", async () => {
    for (const fault of ["fail", "lose-reply"] as const) {
      const inner = memory<number>();
      let isDown = false;
      const shaky = faulty(inner, { fault, when: ({ method }) => isDown && method === "write" });
      const store = new Store(bounded(shaky, { maxEntries: 2 }));
      await store.set("a", 1);
      await store.set("b", 1);
      isDown = true;
      await assertRejects(() => store.set("c", 1), StoreError);
      isDown = false;
      await store.set("b", 2);
      assertEquals([...inner.list() as Iterable<string>], ["a", "b"]);
    }
  });

  test("what has expired goes before anything alive", async () => {
    const clock = new FakeClock();
    const evicted: string[][] = [];
    const inner = memory<number>({ now: clock.now });
    const onEvict = (...event: string[]) => evicted.push(event);
    const store = new Store(bounded(inner, { maxEntries: 2, onEvict }));
    await store.set("a", 1);
    await store.set("b", 1, { ttl: 10 });
    clock.advance(10);
    await store.set("c", 1);
    assertEquals(await Array.fromAsync(store.keys()), ["a", "c"]);
    await store.set("d", 1, { ttl: 10 });
    clock.advance(10);
    // Noticed by a read, it takes no room any more.
    assertStrictEquals(await store.get("d"), undefined);
    await store.set("e", 1);
    assertEquals(evicted, [["b", "expired"], ["a", "limit"]]);
  });

  test("a key that is being written is not chosen to go", async () => {
    const opening = Promise.withResolvers<void>();
    const inner = memory<number>();
    let isSlow = false;
    const slow = faulty(inner, {
      fault: "none",
      when: ({ method, key }) => isSlow && method === "write" && key === "a",
      gate: () => opening.promise,
    });
    const store = new Store(bounded(slow, { maxEntries: 2 }));
    await store.set("a", 1);
    await store.set("b", 1);
    isSlow = true;
    const writing = store.set("a", 2);
    await store.set("c", 1);
    assertEquals([...inner.list() as Iterable<string>], ["a", "c"]);
    opening.resolve();
    await writing;
    assertEquals([...await store.getMany(["a", "c"])], [["a", 2], ["c", 1]]);
  });

  test("a key that is on its way out is gone before it is written again", async () => {
    const opening = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const inner = memory<number>();
    const slow = faulty(inner, {
      fault: "none",
      when: ({ method }) => method === "remove",
      times: 1,
      gate: () => {
        reached.resolve();
        return opening.promise;
      },
    });
    const store = new Store(bounded(slow, { maxEntries: 2 }));
    await store.set("a", 1);
    await store.set("b", 1);
    const evicting = store.set("c", 1);
    await reached.promise;
    const writing = store.set("a", 2);
    opening.resolve();
    await Promise.all([evicting, writing]);
    assertStrictEquals(await store.get("a"), 2);
    assertStrictEquals(await store.size, 2);
  });

  test("hundreds of writes at once end at the limit", async () => {
    const lag = async () => {
      for (let turns = 0; turns < 3; turns++) await null;
    };
    const inner = memory<number>();
    const store = new Store(bounded(faulty(inner, { fault: "none", gate: lag }), { maxEntries: 10 }));
    await Promise.all(
      Array.from({ length: 500 }, (_, n) => n % 7 ? store.set(`${n % 40}`, n) : store.get(`${n % 40}`)),
    );
    assertStrictEquals([...inner.list() as Iterable<string>].length, 10);
    // The index has no key too many either.
    for (const key of [...inner.list() as Iterable<string>]) assert(await store.has(key));
    await store.set("one more", 1);
    assertStrictEquals(await store.size, 10);
  });

  test("sieve leaves what is used through a walk", async () => {
    const store = new Store(bounded(memory<number>(), { maxEntries: 5, policy: "sieve" }));
    await store.set("used", 1);
    for (let n = 0; n < 50; n++) {
      assertStrictEquals(await store.get("used"), 1);
      await store.set(`walk ${n}`, n);
    }
  });

  test("a stream counts when it is closed, and is cut off at maxBytes", async () => {
    const written = new Map<string, Uint8Array>();
    const base = memory<Uint8Array>({ map: written });
    const inner: Backend<Uint8Array> = {
      ...fourMethods(base),
      supports: { ...base.supports, stream: true, revision: false },
      writable: (key) => {
        let size = 0;
        return new WritableStream({
          write: (chunk) => {
            size += chunk.length;
          },
          close: () => void written.set(key, new Uint8Array(size)),
        });
      },
    };
    const backend = bounded(inner, { maxEntries: 2, maxBytes: 10 });
    const stream = async (key: string, ...sizes: number[]) => {
      const writer = (await backend.writable!(key)).getWriter();
      for (const size of sizes) await writer.write(new Uint8Array(size));
      await writer.close();
    };
    await stream("a", 2, 2);
    await stream("b", 2, 2);
    await stream("c", 2, 2);
    assertEquals([...written.keys()], ["b", "c"]);
    const error = await assertRejects(() => stream("d", 6, 6), StoreError, "more than 10 bytes");
    assertStrictEquals(error.code, "too-large");
    assertEquals([...written.keys()], ["b", "c"]);
  });

  test("what makes no sense is refused", () => {
    for (const maxEntries of [0, 1.5, NaN, undefined]) {
      assertThrows(() => bounded(memory(), { maxEntries: maxEntries as number }), RangeError, "maxEntries");
    }
    assertThrows(() => bounded(memory(), { maxEntries: 1, policy: "fifo" as "lru" }), TypeError, "policy");
    assertThrows(() => bounded(memory(), { maxEntries: 1, size: 1 } as { maxEntries: number }), TypeError, '"size"');
    const inner: Backend<number> = { ...memory<number>(), ...fourMethods(memory<number>()) };
    const blind = { ...inner, supports: { ...inner.supports, list: false } };
    assertThrows(() => bounded(blind, { maxEntries: 1 }), TypeError, "cannot list");
  });
});
