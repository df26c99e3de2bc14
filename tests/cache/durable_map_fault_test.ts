/** A durable map when stores fail or others disagree. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { type Conflict, DurableMap, type DurableMapOptions } from "../../src/cache/durable_map.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { layer } from "../../src/core/layer.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { type FaultPlan, faulty } from "../../src/testing/faulty.ts";

const ALL_BUT_CLOSE = ["read", "write", "remove", "list", "readMany", "writeMany", "removeMany", "touch"] as const;

describe("a DurableMap in an outage", () => {
  /** A map over a store that is down while the test says so. */
  async function shaky(options: DurableMapOptions<string> = {}, plan: FaultPlan = {}) {
    const clock = new FakeClock();
    const shared = memory<string>({ now: clock.now });
    const others = new Store(shared);
    await others.set("a", "1");
    const outage = { isDown: false, questions: 0 };
    const backend = faulty(shared, {
      when: () => outage.isDown,
      onCall: ({ method }) => outage.questions += method === "revision" ? 1 : 0,
      ...plan,
    });
    const map = await DurableMap.open(new Store(backend), options);
    outage.questions = 0;
    return { map, others, outage, clock };
  }

  test("answers from memory, says that it may be old, asks once a second, and recovers", async () => {
    const errors: unknown[] = [];
    const { map, others, outage, clock } = await shaky({ onError: (error) => errors.push(error) });
    assertEquals([map.stale, map.error], [false, undefined]);
    outage.isDown = true;
    await others.set("a", "2");
    assertEquals([await map.get("a"), await map.size, await map.has("b")], ["1", 1, false]);
    assertEquals([outage.questions, errors.length, map.stale], [1, 1, true]);
    assert(map.error instanceof StoreError && map.error.code === "unavailable" && map.error === errors[0]);
    clock.advance(1000);
    assertEquals([await map.get("a"), outage.questions], ["1", 2]);
    await assertRejects(() => map.set("a", "3"), StoreError, "faulty");
    await assertRejects(() => map.sync(), StoreError, "faulty");
    await assertRejects(() => map.update("a", () => "3"), StoreError, "faulty");
    assertEquals([map.snapshot.get("a"), await others.get("a")], ["1", "2"]);
    outage.isDown = false;
    assertEquals([await map.get("a"), map.stale], ["1", true]);
    clock.advance(1000);
    assertEquals([await map.get("a"), map.stale, map.error], ["2", false, undefined]);
  });

  test('rejects with onOutage: "throw", and asks each time', async () => {
    const { map, others, outage } = await shaky({ onOutage: "throw" });
    outage.isDown = true;
    await assertRejects(() => map.get("a"), StoreError, "faulty");
    await assertRejects(() => Array.fromAsync(map), StoreError, "faulty");
    assertEquals([outage.questions, map.stale, map.snapshot.get("a")], [2, true, "1"]);
    await others.set("a", "2");
    outage.isDown = false;
    assertEquals([await map.get("a"), map.stale], ["2", false]);
  });

  test("that begins in the middle of a reload leaves the old state whole", async () => {
    let down = "";
    const { map, others, clock } = await shaky({}, { when: ({ method, key }) => method === "read" && key === down });
    await others.setMany([["a", "2"], ["b", "2"]]);
    down = "b";
    assertEquals([await Array.fromAsync(map), map.stale], [[["a", "1"]], true]);
    down = "";
    clock.advance(1000);
    assertEquals([await Array.fromAsync(map), map.stale], [[["a", "2"], ["b", "2"]], false]);
  });

  test("that swallows the answer to a write shows the write as soon as the store speaks again", async () => {
    const { map, others } = await shaky({}, {
      fault: "lose-reply",
      when: ({ method }) => method === "write",
      times: 1,
    });
    await assertRejects(() => map.set("a", "2"), StoreError, "faulty");
    assertEquals([await map.get("a"), await others.get("a")], ["2", "2"]);
  });

  test("does not start without a store or a copy", async () => {
    const down = new Store(faulty(memory<string>(), {}));
    await assertRejects(() => DurableMap.open(down), StoreError, "faulty");
    await assertRejects(() => DurableMap.open(down, { local: new Store(memory<string>()) }), StoreError, "faulty");
  });

  test("lets a reader go who gives up, and all when the map is closed", async () => {
    const { map, outage } = await shaky({}, { fault: "hang" });
    outage.isDown = true;
    const controller = new AbortController();
    const reading = map.get("a", { signal: controller.signal });
    const other = map.get("a");
    controller.abort("enough");
    assertEquals(await reading.catch((reason) => reason), "enough");
    await map.close();
    for (const call of [other, map.get("a"), map.set("a", "2"), map.sync(), Array.fromAsync(map), map.size]) {
      const error = await assertRejects(() => call, StoreError);
      assertEquals(error.code, "closed");
    }
    await map.close();
    assertEquals(map.snapshot.get("a"), "1");
  });
});

describe("a DurableMap with a copy near by", () => {
  test("starts from it while the store is down, then follows the store again", async () => {
    const clock = new FakeClock();
    const shared = memory<unknown>({ now: clock.now, clone: true });
    const others = new Store(shared);
    const near = sqlite(":memory:", { now: clock.now });
    // What the map closes, the test goes on to use.
    const copy = () => new Store(layer<unknown, unknown>(new Store(near).backend, {}, ALL_BUT_CLOSE));
    await others.setMany([["a", { n: 1 }], ["b", { n: 2 }]]);
    await others.set("brief", 3, { ttl: 5000 });
    const first = await DurableMap.open(new Store(shared), { local: copy() });
    await first.set("own", 4);
    await first.touch("b", 100);
    await first.delete("a");
    await first.close();
    assertEquals((await copy().entry("b"))!.expiresAt, clock.now() + 100);
    const before = await Array.fromAsync(copy());
    assertEquals(new Map(before), new Map<string, unknown>([["b", { n: 2 }], ["brief", 3], ["own", 4]]));

    clock.advance(100);
    let isDown = true;
    const shaky = faulty(shared, { when: () => isDown });
    const second = await DurableMap.open(new Store(shaky), { local: copy() });
    assertEquals([await second.get("own"), await second.get("b"), second.stale], [4, undefined, true]);
    const kept = second.snapshot.get("brief");
    await others.set("own", 5);
    isDown = false;
    clock.advance(1000);
    assertEquals([await second.get("own"), second.stale, second.snapshot.get("brief")], [5, false, kept]);
    clock.advance(4000);
    assertEquals(await second.has("brief"), false);
    await second.close();
    assertEquals(await Array.fromAsync(copy()), [["own", 5]]);
  });

  test("does not suffer when the copy fails", async () => {
    const errors: unknown[] = [];
    const broken = new Store(faulty(memory<string>(), {}));
    const shared = memory<string>();
    const map = await DurableMap.open(new Store(shared), { local: broken, onError: (error) => errors.push(error) });
    await map.set("a", "1");
    assertEquals(await map.get("a"), "1");
    await map.close();
    // Reading, writing, and writing once more at the end.
    assertEquals(errors.length, 3);
  });

  test("keeps all that its copy takes, though that refuses one of many", async () => {
    const errors: unknown[] = [];
    const near = memory<string>();
    // As a server does, it takes a batch whole or not at all.
    const strict: Backend<string> = Object.assign(memory<string>(), {
      write: near.write.bind(near),
      writeMany(entries: ReadonlyMap<string, string>) {
        for (const value of entries.values()) {
          if (value.length > 1000) throw new StoreError("too-large", { store: "copy", operation: "write" });
        }
        for (const [key, value] of entries) near.write(key, value);
      },
    });
    const local = new Store<string>(strict);
    const map = await DurableMap.open(new Store<string>(sqlite(":memory:", { revision: true })), {
      local,
      onError: (error) => errors.push(error),
    });
    await map.setMany([["a", "1"], ["large", "x".repeat(2000)], ["b", "2"]]);
    await map.close();
    assertEquals(await new Store(near).getMany(["a", "large", "b"]), new Map([["a", "1"], ["b", "2"]]));
    assertEquals(errors.map((error) => (error as StoreError).code), ["too-large"]);
  });

  test("brings its copy up to date after that was out of reach", async () => {
    const errors: unknown[] = [];
    const told = Promise.withResolvers<void>();
    const near = memory<string>();
    let isDown = false;
    const shaky = faulty(layer<string, string>(near, {}, ALL_BUT_CLOSE), { when: () => isDown });
    const map = await DurableMap.open(new Store(memory<string>()), {
      local: new Store(shaky),
      onError: (error) => {
        errors.push(error);
        told.resolve();
      },
    });
    isDown = true;
    await map.setMany([["a", "1"], ["b", "1"]]);
    await told.promise;
    isDown = false;
    await map.set("b", "2");
    await map.close();
    assertEquals(new Map(await Array.fromAsync(new Store(near))), new Map([["a", "1"], ["b", "2"]]));
    assertEquals(errors.length, 1);
  });
});

describe("a DurableMap that is closed", () => {
  test("syncs no more", async () => {
    const map = await DurableMap.open(new Store(memory<string>()));
    await map.close();
    assertEquals((await assertRejects(() => map.sync(), StoreError)).code, "closed");
  });

  test("lets go of its store though the copy fails to close", async () => {
    let closed = 0;
    const store = new Store<string>(Object.assign(memory<string>(), { close: () => void closed++ }));
    const local = new Store<string>(
      Object.assign(memory<string>(), { close: () => Promise.reject(new Error("copy")) }),
    );
    const map = await DurableMap.open(store, { local });
    await assertRejects(() => map.close(), Error, "copy");
    assertEquals(closed, 1);
  });
});

describe("a DurableMap with onConflict", () => {
  const merge = ({ before = [], value, current = [] }: Conflict<string[]>) => {
    return value && [...current, ...value.filter((word) => !before.includes(word))];
  };

  test("finds out that somebody else has changed the key", async () => {
    const shared = memory<string[]>({ clone: true });
    const others = new Store(shared);
    const asked: Conflict<string[]>[] = [];
    const map = await DurableMap.open(new Store(shared), {
      autosync: false,
      onConflict: async (conflict) => {
        asked.push(conflict);
        if (asked.length === 1) await others.set("list", ["second"]);
        return merge(conflict);
      },
    });
    await map.set("list", ["a"]);
    await map.set("list", ["a", "b"]);
    await map.touch("list", 60_000);
    await map.setMany([["list", ["a"]], ["own", ["x"]]]);
    assertEquals(asked, []);
    await others.set("list", ["first"]);
    await map.set("list", ["a", "c"]);
    assertEquals(asked.map(({ value, current }) => [value, current]), [
      [["a", "c"], ["first"]],
      [["first", "c"], ["second"]],
    ]);
    assertEquals([await others.get("list"), map.snapshot.get("list")], [["second", "first", "c"], [
      "second",
      "first",
      "c",
    ]]);
  });

  test("lets the other one win, for writes and removals", async () => {
    const shared = memory<string>();
    const others = new Store(shared);
    const map = await DurableMap.open(new Store(shared), { autosync: false, onConflict: ({ current }) => current });
    await others.setMany([["a", "theirs"], ["b", "theirs"]]);
    await map.set("a", "own");
    assertEquals(await map.delete("b"), false);
    assertEquals([map.snapshot.get("a"), map.snapshot.get("b")], ["theirs", "theirs"]);
    await others.delete("a");
    await map.set("a", "own");
    assertEquals([await map.get("a"), await map.has("a")], [undefined, false]);
    assertEquals([await map.delete("b"), await map.delete("none"), await others.size], [true, false, 0]);
  });

  test("tells whether it was this map that deleted", async () => {
    const others = new Store(memory<string>());
    await others.set("known", "1");
    const map = await DurableMap.open(new Store(others.backend), { autosync: false, onConflict: ({ value }) => value });
    await others.set("unheard of", "1");
    await others.delete("known");
    assertEquals([await map.delete("unheard of"), await map.delete("known"), await others.size], [true, false, 0]);
  });

  test("needs versions", async () => {
    const backend = { ...faulty(memory<string>(), { fault: "none" }) };
    const plain = new Store({ ...backend, supports: { ...backend.supports, swap: false } });
    await assertRejects(() => DurableMap.open(plain, { onConflict: () => "" }), StoreError, "does not support swap");
  });
});
