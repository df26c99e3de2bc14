import { describe, test } from "node:test";
import { assert, assertEquals, assertFalse, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { faulty, type FaultyCall } from "../../src/testing/faulty.ts";
import { counted, fourMethods } from "../support/backends.ts";

/** A gate that a test opens. */
function gate(): {
  readonly opened: Promise<void>;
  readonly reached: Promise<void>;
  pass: () => Promise<void>;
  open(): void;
} {
  const opening = Promise.withResolvers<void>();
  const reaching = Promise.withResolvers<void>();
  return {
    opened: opening.promise,
    reached: reaching.promise,
    open: opening.resolve,
    pass: () => {
      reaching.resolve();
      return opening.promise;
    },
  };
}

const is = (...methods: string[]) => ({ method }: FaultyCall) => methods.includes(method);
const turn = () => new Promise((resolve) => setTimeout(resolve));

describe("tiered", () => {
  test("a read fills the near tier, and the next one stays there", async () => {
    const near = memory<number>();
    const { backend: far, calls } = counted(memory({ map: new Map([["a", 1]]) }));
    const store = new Store(tiered(near, far));
    assertStrictEquals(await store.get("a"), 1);
    assertStrictEquals(await store.get("a"), 1);
    assertStrictEquals(await store.get("absent"), undefined);
    assertEquals(calls, ["read", "read"]);
    assertEquals(await near.read("a"), { value: 1 });
  });

  test("a copy keeps the deadline of the entry, and its own limit", async () => {
    const clock = new FakeClock();
    const near = memory<number>({ now: clock.now });
    const far = lru<number>({ maxEntries: 10, now: clock.now });
    const start = clock.now();
    await far.write("short", 1, { expiresAt: start + 10 });
    await far.write("long", 2, { expiresAt: start + 1000 });
    await far.write("for ever", 3);
    const store = new Store(tiered(near, far, { ttl: 100 }));
    for (const key of ["short", "long", "for ever"]) await store.get(key);
    await store.set("written", 4, { ttl: 1000 });
    const deadlines = async () => {
      const entries = [];
      for (const key of ["short", "long", "for ever", "written"]) {
        entries.push((await near.read(key, { details: true }))?.expiresAt);
      }
      return entries.map((expiresAt) => expiresAt === undefined ? undefined : expiresAt - start);
    };
    assertEquals(await deadlines(), [10, 100, 100, 100]);
    // A copy does not grow older than its limit by being touched.
    await store.touch("written", 1000);
    assertStrictEquals(await near.read("written"), undefined);
    assertStrictEquals((await store.entry("written"))?.expiresAt, clock.now() + 1000);
  });

  test("getMany() asks near once, and far once for the rest", async () => {
    const near = counted(memory<number>());
    const far = counted(memory({ map: new Map([["a", 1], ["b", 2], ["c", 3]]) }));
    const store = new Store(tiered(near.backend, far.backend));
    await store.get("b");
    near.calls.length = far.calls.length = 0;
    assertEquals([...await store.getMany(["c", "b", "absent", "a"])], [["c", 3], ["b", 2], ["a", 1]]);
    assertEquals(near.calls, ["readMany", "writeMany"]);
    assertEquals(far.calls, ["readMany"]);
    await store.getMany(["a", "b", "c"]);
    assertEquals(far.calls, ["readMany"]);
    await store.setMany([["a", 4], ["d", 5]]);
    await store.deleteMany(["b", "c"]);
    assertEquals(near.calls.slice(3), ["writeMany", "removeMany"]);
    assertEquals(far.calls.slice(1), ["writeMany", "removeMany"]);
  });

  test("has(), size, listings, versions and conditions are decided by the far tier", async () => {
    const near = memory<number>();
    const far = memory<number>();
    const store = new Store(tiered(near, far));
    const other = new Store(far);
    await store.set("a", 1);
    await other.delete("a");
    assertFalse(await store.has("a"));
    assertStrictEquals(await store.size, 0);
    assertEquals(await Array.fromAsync(store.keys()), []);
    assert(await store.add("a", 2));
    const { version } = (await store.entry("a"))!;
    await other.set("a", 3);
    assertFalse(await store.replace("a", 4, { version: version! }));
    // The condition has shown that the copy was outdated.
    assertStrictEquals(await store.get("a"), 3);
    assertStrictEquals(await store.update("a", (value = 0) => value + 1), 4);
    assertEquals([await store.get("a"), await other.get("a")], [4, 4]);
    assertStrictEquals(await store.take("a"), 4);
    assertEquals([await store.get("a"), await other.get("a")], [undefined, undefined]);
  });

  test("a failure of the far tier is an error, never a miss", async () => {
    const far = faulty(memory<number>(), { when: is("read", "readMany") });
    const store = new Store(tiered(memory<number>(), far));
    await assertRejects(() => store.get("a"), StoreError, "faulty");
    await assertRejects(() => store.getMany(["a"]), StoreError, "faulty");
  });

  test("a near tier that fails on every call does not fail the store", async () => {
    for (const fault of ["fail", "lose-reply"] as const) {
      const far = memory<number>();
      const store = new Store(tiered(faulty(memory<number>(), { fault }), far));
      await store.set("a", 1);
      await store.setMany([["b", 2], ["c", 3]]);
      assertStrictEquals(await store.get("a"), 1);
      assertEquals([...await store.getMany(["a", "b", "c"])], [["a", 1], ["b", 2], ["c", 3]]);
      await store.set("a", 4);
      assertStrictEquals(await store.get("a"), 4);
      await store.touch("a", 1000);
      await store.delete("a");
      assertStrictEquals(await store.get("a"), undefined);
      await store.clear();
      assertStrictEquals(await store.get("b"), undefined);
      await store.prune();
    }
  });

  test("a copy that could be neither written nor dropped is not read", async () => {
    let isDown = false;
    const inner = memory<number>();
    const near = faulty(inner, { when: ({ method }) => isDown && method !== "read" });
    const store = new Store(tiered(near, memory<number>()));
    await store.set("a", 1);
    await store.set("b", 1);
    isDown = true;
    await store.set("a", 2);
    await store.delete("b");
    assertEquals(await inner.read("a"), { value: 1 });
    assertEquals([await store.get("a"), await store.get("b")], [2, undefined]);
    assertEquals([...await store.getMany(["a", "b"])], [["a", 2]]);
    isDown = false;
    assertStrictEquals(await store.get("a"), 2);
    assertEquals(await inner.read("a"), { value: 2 });
  });

  test("copies that could not be cleared are not read until they could be", async () => {
    let isDown = false;
    const inner = memory<number>();
    const near = faulty(inner, { when: ({ method }) => isDown && method !== "read" });
    const store = new Store(tiered(near, memory<number>()));
    await store.set("a", 1);
    isDown = true;
    await store.clear();
    assertStrictEquals(await store.get("a"), undefined);
    isDown = false;
    assertStrictEquals(await store.get("a"), undefined);
    await turn();
    assertEquals([...inner.list() as Iterable<string>], []);
    await store.set("a", 2);
    await store.get("a");
    assertEquals(await inner.read("a"), { value: 2 });
  });

  test("a far write that fails drops the copy, whether or not it happened", async () => {
    for (const fault of ["fail", "lose-reply"] as const) {
      const near = memory<number>();
      const far = faulty(memory<number>(), { fault, when: is("write", "writeMany", "remove"), every: 2 });
      const store = new Store(tiered(near, far));
      await store.set("a", 1);
      await assertRejects(() => store.set("a", 2), StoreError);
      assertStrictEquals(await near.read("a"), undefined);
      assertStrictEquals(await store.get("a"), fault === "fail" ? 1 : 2);
      await store.set("a", 3);
      await assertRejects(() => store.delete("a"), StoreError);
      assertStrictEquals(await store.get("a"), fault === "fail" ? 3 : undefined);
    }
  });

  test("a torn far batch drops the copies of all of it", async () => {
    const near = memory<number>();
    const { backend } = counted(memory<number>());
    let isTorn = false;
    const store = new Store(tiered(near, faulty(backend, { fault: "tear", when: () => isTorn })));
    await store.setMany([["a", 1], ["b", 1]]);
    isTorn = true;
    await assertRejects(() => store.setMany([["a", 2], ["b", 2]]), StoreError);
    isTorn = false;
    assertEquals([...near.list() as Iterable<string>], []);
    assertEquals([...await store.getMany(["a", "b"])], [["a", 2], ["b", 1]]);
  });

  const overtaking: readonly [string, (store: Store<number>) => Promise<unknown>, number | undefined][] = [
    ["set()", (store) => store.set("a", 2), 2],
    ["setMany()", (store) => store.setMany([["a", 2], ["b", 3]]), 2],
    ["delete()", (store) => store.delete("a"), undefined],
    ["deleteMany()", (store) => store.deleteMany(["a", "b"]), undefined],
    ["take()", (store) => store.take("a"), undefined],
    ["clear()", (store) => store.clear(), undefined],
    ["update()", (store) => store.update("a", () => 2), 2],
  ];
  for (const [name, overtake, expected] of overtaking) {
    test(`a read that ${name} overtakes does not bring the old value back`, async () => {
      const slow = gate();
      const near = memory<number>();
      const inner = memory({ map: new Map([["a", 1]]) });
      // The far tier reads the old value at once, and its reply arrives late.
      let isFirst = true;
      const far: Backend<number> = {
        ...fourMethods(inner),
        read: async (key, options) => {
          const entry = await inner.read(key, options);
          if (isFirst) {
            isFirst = false;
            await slow.pass();
          }
          return entry;
        },
      };
      const store = new Store(tiered(near, far));
      const reading = store.get("a");
      await slow.reached;
      await overtake(store);
      slow.open();
      assertStrictEquals(await reading, 1);
      assertStrictEquals(await store.get("a"), expected);
      assertStrictEquals((await near.read("a"))?.value, expected);
    });
  }

  test("a read during a write that takes long does not keep what it saw", async () => {
    const slow = gate();
    const inner = memory({ map: new Map([["a", 1]]) });
    const far: Backend<number> = {
      ...fourMethods(inner),
      write: async (key, value, options) => {
        await slow.pass();
        return await inner.write(key, value, options);
      },
    };
    const near = memory<number>();
    const store = new Store(tiered(near, far));
    const writing = store.set("a", 2);
    await slow.reached;
    assertStrictEquals(await store.get("a"), 1);
    assertStrictEquals(await near.read("a"), undefined);
    slow.open();
    await writing;
    assertEquals(await near.read("a"), { value: 2 });
  });

  test("writes that overlap leave no copy: whose came last is the far tier's to say", async () => {
    const slow = gate();
    const inner = memory<number>();
    // The first write happens last.
    const far = faulty(inner, { fault: "none", when: is("write"), times: 1, gate: slow.pass });
    const near = memory<number>();
    const store = new Store(tiered(near, far));
    const first = store.set("a", 1);
    await slow.reached;
    await store.set("a", 2);
    slow.open();
    await first;
    assertStrictEquals(await near.read("a"), undefined);
    assertStrictEquals(await store.get("a"), 1);
    // Afterwards copies are kept again.
    await store.set("a", 3);
    assertEquals(await near.read("a"), { value: 3 });
  });

  test("a write during clear() leaves no copy of what clear() removed", async () => {
    const slow = gate();
    const inner = memory<number>();
    const far = faulty(inner, { fault: "lose-reply", when: is("clear"), times: 1, gate: slow.pass });
    const near = memory<number>();
    const store = new Store(tiered(near, far));
    const clearing = assertRejects(() => store.clear(), StoreError);
    await slow.reached;
    await store.set("a", 1);
    assertStrictEquals(await near.read("a"), undefined);
    slow.open();
    await clearing;
    assertStrictEquals(await store.get("a"), undefined);
  });

  test("changes of copies stay in order in a near tier that is slow", async () => {
    const slow = gate();
    const inner = memory<number>();
    const near = faulty(fourMethods(inner), { fault: "none", when: is("write"), times: 1, gate: slow.pass });
    const store = new Store(tiered(near, memory<number>()));
    const first = store.set("a", 1);
    await slow.reached;
    const second = store.delete("a");
    await turn();
    slow.open();
    await Promise.all([first, second]);
    assertStrictEquals(await inner.read("a"), undefined);
    assertStrictEquals(await store.get("a"), undefined);
  });

  test("a write overtakes copies of several deadlines that are still being written", async () => {
    const slow = gate();
    const inner = memory<number>();
    const near = faulty(fourMethods(inner), { fault: "none", when: is("write"), times: 1, gate: slow.pass });
    const far = counted(memory<number>()).backend;
    await far.write("a", 1, { expiresAt: Date.now() + 1e6 });
    await far.write("b", 1, { expiresAt: Date.now() + 2e6 });
    const store = new Store(tiered(near, far));
    const reading = store.getMany(["a", "b"]);
    await slow.reached;
    const writing = store.set("b", 2);
    await turn();
    slow.open();
    await Promise.all([reading, writing]);
    assertStrictEquals(inner.readSync!("b"), 2);
    assertStrictEquals(await store.get("b"), 2);
  });

  test("clear() also drops copies of what others have removed", async () => {
    for (const far of [memory<number>(), fourMethods(memory<number>())]) {
      const store = new Store(tiered(memory<number>(), far));
      await store.setMany([["a:1", 1], ["a:2", 2], ["b:1", 3]]);
      await far.remove("a:1");
      await store.clear({ prefix: "a:" });
      assertEquals([...await store.getMany(["a:1", "a:2", "b:1"])], [["b:1", 3]]);
      assertEquals(await Array.fromAsync(store.keys()), ["b:1"]);
    }
  });

  test("a near tier without lifetimes keeps no copies of what expires", async () => {
    const inner = memory<number>();
    const near: Backend<number> = {
      ...fourMethods(inner),
      supports: { ...inner.supports, ttl: false, revision: false },
    };
    const clock = new FakeClock();
    const store = new Store(tiered(near, memory<number>({ now: clock.now })));
    await store.set("a", 1, { ttl: 10 });
    await store.get("a");
    await store.set("b", 2);
    assertEquals([...inner.list() as Iterable<string>], ["b"]);
    clock.advance(10);
    assertStrictEquals(await store.get("a"), undefined);
    assertThrows(() => tiered(near, memory<number>(), { ttl: 1 }), TypeError, "lifetimes");
  });

  test("keys too long for the near tier are far only", async () => {
    const inner = memory<number>();
    const near: Backend<number> = { ...fourMethods(inner), maxKeyBytes: 3 };
    const store = new Store(tiered(near, memory<number>()));
    await store.setMany([["abc", 1], ["abcd", 2], ["äöü", 3]]);
    assertEquals([...await store.getMany(["abc", "abcd", "äöü"])].length, 3);
    assertStrictEquals(await store.get("abcd"), 2);
    assert(await store.delete("abcd"));
    assertEquals([...inner.list() as Iterable<string>], ["abc"]);
  });

  test("three tiers are two tiers of tiers", async () => {
    const [a, b] = [lru<number>({ maxEntries: 10 }), memory<number>()];
    const c = memory({ map: new Map([["key", 1]]) });
    const store = new Store(tiered(a, tiered(b, c)));
    assertStrictEquals(await store.get("key"), 1);
    assertEquals([a.readSync!("key"), b.readSync!("key")], [1, 1]);
    // The tier in the middle answers for the last one.
    a.remove("key");
    c.remove("key");
    assertStrictEquals(await store.get("key"), 1);
    assertEquals([...await store.getMany(["key"])], [["key", 1]]);
    await store.set("key", 2);
    assertEquals([a, b, c].map((tier) => tier.readSync!("key")), [2, 2, 2]);
    await store.delete("key");
    assertEquals([a, b, c].map((tier) => tier.readSync!("key")), [undefined, undefined, undefined]);
  });

  test("closing closes both tiers, also if one of them fails", async () => {
    const closed: string[] = [];
    const closing = (name: string): Backend<number> => ({
      ...fourMethods(memory<number>()),
      close: () => {
        closed.push(name);
        if (name === "near") throw new Error("near");
      },
    });
    const store = new Store(tiered(closing("near"), closing("far")));
    await assertRejects(() => store.close(), Error, "near");
    assertEquals(closed, ["near", "far"]);
  });

  test("an abort while the near tier is asked does not ask the far one", async () => {
    const { backend, calls } = counted(memory<number>());
    const store = new Store(tiered(faulty(memory<number>(), { fault: "hang" }), backend));
    const controller = new AbortController();
    const reading = assertRejects(() => store.get("a", { signal: controller.signal }));
    const readingMany = assertRejects(() => store.getMany(["a"], { signal: controller.signal }));
    await turn();
    controller.abort(new Error("enough"));
    assertStrictEquals((await reading).message, "enough");
    assertStrictEquals((await readingMany).message, "enough");
    assertEquals(calls, []);
  });

  test("options that make no sense are refused", () => {
    assertThrows(() => tiered(memory(), memory(), { ttl: 0 }), RangeError, "ttl");
    assertThrows(() => tiered(memory(), memory(), { tll: 1 } as object), TypeError, "tll");
  });

  test("random calls at once, with a shaky near tier, end with both tiers equal", async () => {
    const near = memory<number>({ clone: true });
    const far = memory<number>({ clone: true });
    let seed = 5;
    const random = (below: number) => (seed = Math.imul(seed, 48271) >>> 1) % below;
    const lag = async () => {
      for (let turns = random(5); turns > 0; turns--) await null;
    };
    const shaky = faulty(near, { fault: "fail", gate: lag, when: () => random(10) === 0 });
    const store = new Store(tiered(
      faulty(shaky, { fault: "none", gate: lag }),
      faulty(faulty(far, { fault: "none", gate: lag }), {
        fault: "lose-reply",
        gate: lag,
        when: () => random(10) === 0,
      }),
    ));
    for (let round = 0; round < 60; round++) {
      await Promise.allSettled(Array.from({ length: 12 }, (_, n) => {
        const key = `${random(4)}`;
        const value = round * 100 + n;
        const calls = [
          () => store.get(key),
          () => store.getMany(["0", "1", "2", "3"]),
          () => store.set(key, value),
          () => store.setMany([[key, value], [`${random(4)}`, value]]),
          () => store.delete(key),
          () => store.add(key, value),
          () => store.clear({ prefix: key }),
        ];
        return calls[random(calls.length)]!();
      }));
      for (const key of ["0", "1", "2", "3"]) {
        let seen: number | undefined | "failed" = "failed";
        while (seen === "failed") seen = await store.get(key).catch(() => "failed" as const);
        assertStrictEquals(seen, far.readSync!(key), `key ${key} in round ${round}`);
      }
    }
  });
});
