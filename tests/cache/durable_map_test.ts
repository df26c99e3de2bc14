/** A durable map answers from memory, follows its store, and never loses what was written. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { DurableMap, type DurableMapOptions } from "../../src/cache/durable_map.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { json } from "../../src/codecs/json.ts";
import { msgpack } from "../../src/codecs/msgpack.ts";
import type { Backend, ByteBackend } from "../../src/core/backend.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { Calls, distant, Wire, withoutVersions } from "../support/following.ts";

/** A map, the same store as others see it, and the calls that the map has made. */
async function follow<V = unknown>(options: DurableMapOptions<V> = {}, change?: (backend: Backend<V>) => Backend<V>) {
  const clock = new FakeClock();
  const shared = memory<V>({ now: clock.now, clone: true });
  const calls = new Calls();
  const far = distant(shared, calls);
  const map = await DurableMap.open(new Store(change?.(far) ?? far), options);
  const others = new Store(shared);
  calls.take();
  return { map, others, calls, clock, shared };
}

describe("a DurableMap is a Map that persists", () => {
  test("set, get, has, delete: DD-01, DD-02, DD-03, DD-04, DD-05, DD-12, DD-13", async () => {
    const { map, others } = await follow<string>();
    assertStrictEquals(await map.set("foo", "bar"), map);
    await map.set("foo2", "bar2");
    assertEquals([await map.get("foo"), await map.get("foo2")], ["bar", "bar2"]);
    assertEquals(await others.get("foo"), "bar");
    await map.set("foo", "new");
    assertEquals([await map.get("foo"), await map.get("foo"), await others.get("foo")], ["new", "new", "new"]);
    assertEquals([await map.has("foo"), await map.has("none"), await map.get("none")], [true, false, undefined]);
    assertEquals(await map.delete("foo"), true);
    assertEquals([await map.delete("foo"), await map.has("foo"), await others.has("foo")], [false, false, false]);
    await assertRejects(() => map.getOrThrow("foo"), StoreError, "not found");
  });

  test("getOrInsert() stores once, take() answers once: DD-07, DD-11, DD-44", async () => {
    const { map, others, calls } = await follow<number | null>();
    assertEquals([await map.getOrInsert("a", 0), await map.getOrInsert("a", 1)], [0, 0]);
    assertEquals([map.snapshot.get("a"), await others.get("a")], [0, 0]);
    const before = await others.revision();
    await map.getOrInsert("a", 2);
    assertEquals(await others.revision(), before);
    await map.set("none", null);
    calls.take();
    assertEquals([await map.take("a"), await map.take("none"), await map.take("a")], [0, null, undefined]);
    assertEquals([map.snapshot.size, await others.size], [0, 0]);
  });

  for (const autosync of [true, false, { maxStaleness: { minutes: 1 } }]) {
    test(`every call that writes persists and is seen at once, autosync ${JSON.stringify(autosync)}: DD-10`, async () => {
      const { map, others, clock } = await follow<number>({ autosync });
      const same = async (expected: Record<string, number>) => {
        const entries = async (store: Store<number>) => Object.fromEntries(await Array.fromAsync(store));
        assertEquals([await entries(map), await entries(others)], [expected, expected]);
        assertEquals(Object.fromEntries(map.snapshot), expected);
        assertEquals(await map.size, map.snapshot.size);
      };
      await map.setMany([["a", 1], ["b", 2], ["c", 3], ["d", 4]]);
      await same({ a: 1, b: 2, c: 3, d: 4 });
      assertEquals(await map.update("a", (value = 0) => value + 10), 11);
      assertEquals(await map.update("b", () => undefined), undefined);
      assertEquals([await map.add("e", 5), await map.add("e", 6)], [true, false]);
      await same({ a: 11, c: 3, d: 4, e: 5 });
      assertEquals(await map.replace("c", 30, { version: (await map.entry("c"))!.version! }), true);
      assertEquals(await map.replace("c", 31, { version: "another" }), false);
      assertEquals(await map.take("d"), 4);
      assertEquals(await map.getOrInsertComputed("f", (key) => key.length), 1);
      await same({ a: 11, c: 30, e: 5, f: 1 });
      assertEquals(await map.getMany(["f", "none", "a"]), new Map([["f", 1], ["a", 11]]));
      assertEquals(await map.deleteMany(["a", "none", "f"]), 2);
      assertEquals(await map.touch("c", 500), true);
      await same({ c: 30, e: 5 });
      clock.advance(500);
      await same({ e: 5 });
      await map.set("x/1", 1);
      await map.clear({ prefix: "x/" });
      await same({ e: 5 });
      await map.clear();
      await same({});
    });
  }

  test("clear() also takes what the map has not heard of", async () => {
    const { map, others } = await follow<number>({ autosync: false });
    await others.set("unheard", 1);
    await map.clear();
    assertEquals(await others.size, 0);
  });

  test("a new map starts from what is there, and opening it changes nothing: DD-08, DD-32, DD-43", async () => {
    const { map, others, shared } = await follow<string>();
    await map.set("foo", "bar");
    const before = await others.revision();
    const second = await DurableMap.open(new Store(shared));
    assertEquals(second.snapshot, new Map([["foo", "bar"]]));
    assertEquals(await others.revision(), before);
  });

  test("the same object comes back while nobody else changes it: DD-50", async () => {
    const { map, others } = await follow<object>();
    const value = { deep: [1] };
    await map.set("key", value);
    assertStrictEquals(await map.get("key"), value);
    await others.set("other", {});
    assertStrictEquals(await map.get("key"), value);
  });

  test("values go through the codec, which refuses what it cannot keep: DD-14, DD-70, DD-71", async () => {
    const file = sqlite(":memory:", { revision: true });
    for (const codec of [json<unknown>(), msgpack<unknown>()]) {
      const map = await DurableMap.open(new Store<unknown>(file, { codec }));
      for (const value of [7, "seven", [1, 2, 3], { "1": 2 }]) {
        await map.set("key", value);
        const reader = await DurableMap.open(new Store<unknown>(file, { codec }));
        assertEquals([await map.get("key"), await reader.get("key")], [value, value]);
      }
      await assertRejects(() => map.set("key", () => {}), TypeError);
      assertEquals(await map.get("key"), { "1": 2 });
      await map.clear();
    }
    await new Store<Uint8Array>(file, { codec: bytes() }).set("bad", new Uint8Array([255]));
    const error = await assertRejects(() => DurableMap.open(new Store(file)), StoreError);
    assertEquals(error.code, "corrupt");
  });

  test("older codecs are read, and the first one writes (old_encoding of durabledict)", async () => {
    const place = () => Object.assign(memory<Uint8Array>({ map: raws }), { codec: json(), encoded }) as ByteBackend;
    const raws = new Map<string, Uint8Array>();
    await new Store<number>(place(), { codec: msgpack() }).set("limit", 300);
    const old = raws.get("limit");
    const map = await DurableMap.open(new Store<number>(place(), { codec: json(), olderCodecs: [msgpack()] }));
    assertEquals(await map.get("limit"), 300);
    assertStrictEquals(raws.get("limit"), old);
    await map.update("limit", (limit = 0) => limit + 1);
    assertEquals(new TextDecoder().decode(raws.get("limit")), "301");
  });

  test("a map follows a part of a store, and a tiered one", async () => {
    const shared = sqlite(":memory:", { revision: true });
    const map = await DurableMap.open(
      new Store<number>(tiered(memory<number>(), new Store<number>(prefixed(shared, "flags/")).backend)),
    );
    const others = new Store<number>(shared);
    await others.setMany([["flags/a", 1], ["elsewhere", 2]]);
    assertEquals(await Array.fromAsync(map), [["a", 1]]);
    await others.set("flags/a", 2);
    assertEquals(await map.get("a"), 2);
    await map.clear();
    assertEquals(await Array.fromAsync(others.keys()), ["elsewhere"]);
  });

  test("what it cannot do it refuses", async () => {
    const { map } = await follow();
    await assertRejects(() => map.readable("key"), StoreError, "use stream");
    await assertRejects(() => Array.fromAsync(map.keys({ after: "a" })), StoreError, "use order");
    await assertRejects(() => map.get(1 as unknown as string), TypeError);
    await assertRejects(() => map.set("a", undefined), TypeError);
    const plain = new Store(layerless(memory()));
    await assertRejects(() => DurableMap.open(plain), StoreError, "does not support revision");
    const store = new Store(memory());
    await assertRejects(() => DurableMap.open(store, { autoSync: true } as object), TypeError, "autoSync");
    await assertRejects(() => DurableMap.open(store, { onOutage: "wait" as "stale" }), TypeError, "onOutage");
    await assertRejects(() => DurableMap.open(store, { autosync: { maxStaleness: -1 } }), RangeError, "maxStaleness");
    await assertRejects(() => DurableMap.open(store, { autosync: { maxStaleness: NaN } }), RangeError);
    const signal = AbortSignal.abort("enough");
    assertEquals(await DurableMap.open(store, { signal }).catch((error) => error), "enough");
  });
});

describe("a DurableMap asks its store", () => {
  test("before each read, and reloads only when the revision has moved: DD-09, DD-20", async () => {
    const { map, others, calls } = await follow<number>();
    await others.setMany([["a", 1], ["b", 2]]);
    assertEquals(await map.size, 2);
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 2 });
    assertEquals([await map.get("a"), await map.has("b"), await map.get("none")], [1, true, undefined]);
    assertEquals(calls.take(), { revision: 3 });
    await others.set("b", 3);
    assertEquals(await Array.fromAsync(map), [["a", 1], ["b", 3]]);
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 1 });
  });

  test("once for a thousand readers that come together", async () => {
    const { map, others, calls } = await follow<number>();
    await others.set("a", 1);
    const read = await Promise.all(Array.from({ length: 1000 }, () => map.get("a")));
    assertEquals(new Set(read), new Set([1]));
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 1 });
  });

  test("anew for a reader that comes while a question is under way, once for all of them", async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    let isGated = false;
    const { map, others, calls } = await follow<number>({}, (far) => ({
      ...far,
      revision: async (options) => {
        const revision = await far.revision!(options);
        if (!isGated) return revision;
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
        return revision;
      },
    }));
    isGated = true;
    const early = map.get("a");
    while (gates.length < 1) await Promise.resolve();
    await others.set("a", 1);
    const late = [map.get("a"), map.size, map.has("a")];
    gates[0]!.resolve();
    assertEquals(await early, undefined);
    while (gates.length < 2) await Promise.resolve();
    gates[1]!.resolve();
    assertEquals(await Promise.all(late), [1, 1, true]);
    assertEquals(calls.take(), { revision: 2, versions: 1, read: 1 });
  });

  test("never with autosync: false until sync(), and sees its own writes at once: DD-21", async () => {
    const { map, others, calls } = await follow<number>({ autosync: false });
    await others.set("theirs", 1);
    assertEquals([await map.get("theirs"), await map.size], [undefined, 0]);
    assertEquals(calls.take(), {});
    await map.set("own", 2);
    assertEquals([await map.get("own"), await map.get("theirs")], [2, undefined]);
    assertEquals(calls.take(), { write: 1 });
    await map.sync();
    assertEquals([await map.get("own"), await map.get("theirs")], [2, 1]);
    calls.take();
    await map.sync();
    assertEquals(calls.take(), { revision: 1 });
  });

  test("at most as often as maxStaleness says, by its clock", async () => {
    const clock = new FakeClock();
    const { map, others, calls } = await follow<number>({ autosync: { maxStaleness: { seconds: 5 } }, now: clock.now });
    await others.set("a", 1);
    assertEquals([await map.get("a"), await map.size], [undefined, 0]);
    assertEquals(calls.take(), {});
    clock.advance(4999);
    assertEquals(await map.get("a"), undefined);
    clock.advance(1);
    assertEquals(await Promise.all([map.get("a"), map.get("a"), map.has("a")]), [1, 1, true]);
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 1 });
    await others.set("a", 2);
    assertEquals(await map.get("a"), 1);
    clock.advance(-60_000);
    assertEquals(await map.get("a"), 2);
  });

  test("for one value of ten thousand when one has changed", async () => {
    const { map, others, calls, shared } = await follow<{ n: number }>();
    await others.setMany(Array.from({ length: 10_000 }, (_, n) => [`key${n}`, { n }]));
    assertEquals(await map.size, 10_000);
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 10_000 });
    const before = map.snapshot;
    await others.set("key77", { n: 0 });
    await others.delete("key78");
    assertEquals([await map.get("key77"), await map.get("key78")], [{ n: 0 }, undefined]);
    assertEquals(calls.take(), { revision: 2, versions: 1, read: 1 });
    for (const [key, value] of map.snapshot) if (key !== "key77") assertStrictEquals(value, before.get(key));

    // Where nobody can tell, all are read, and values that are equal stay the same objects.
    const counts = new Calls();
    const plain = await DurableMap.open(new Store(withoutVersions(distant(shared, counts))));
    const values = plain.snapshot;
    counts.take();
    await others.set("key77", { n: -1 });
    assertEquals(await plain.get("key77"), { n: -1 });
    assertEquals(counts.take(), { revision: 1, list: 1, read: 9999 });
    for (const [key, value] of plain.snapshot) if (key !== "key77") assertStrictEquals(value, values.get(key));
  });
});

describe("the snapshot of a DurableMap", () => {
  test("is a native Map that is another one after a change, and stays as it is", async () => {
    const { map, others } = await follow<number>();
    await map.setMany([["a", 1], ["b", 2]]);
    const before = map.snapshot;
    assert(Object.getPrototypeOf(before) === Map.prototype);
    assertStrictEquals(map.snapshot, before);
    const seen: [string, number][] = [];
    for (const entry of before) {
      seen.push(entry);
      await others.set(`new ${entry[0]}`, 3);
      await others.delete("b");
      await map.get("a");
      await map.set("c", 3);
    }
    assertEquals(seen, [["a", 1], ["b", 2]]);
    assertEquals([...map.snapshot.keys()], ["a", "new a", "c", "new b"]);
    await map.set("a", 1);
    const after = map.snapshot;
    await map.delete("none");
    await map.sync();
    assertStrictEquals(map.snapshot, after);
  });

  test("is what one pass over the entries sees, with one question", async () => {
    const { map, others, calls } = await follow<number>();
    await others.setMany(Array.from({ length: 500 }, (_, n) => [`key${n}`, n]));
    const seen = new Map<string, number>();
    calls.take();
    for await (const [key, value] of map) {
      seen.set(key, value);
      if (seen.size === 1) await map.clear();
    }
    assertEquals(seen.size, 500);
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 500, clear: 1 });
    await map.setMany([["x/a", 1], ["x/b", 2], ["y", 3]]);
    assertEquals(await Array.fromAsync(map.values({ prefix: "x/", limit: 1 })), [1]);
    assertEquals(await Array.fromAsync(map.keys({ prefix: "x/" })), ["x/a", "x/b"]);
  });

  test("loses entries at their time, whoever set it, without a question", async () => {
    const { map, others, clock, calls } = await follow<string>({ autosync: false });
    await others.set("theirs", "a", { ttl: 100 });
    await map.set("own", "b", { ttl: 200 });
    await map.setMany([["many", "c"]], { ttl: 300 });
    await map.sync();
    calls.take();
    const seen = async () => [[...map.snapshot.keys()].sort(), await map.size, await map.has("theirs")];
    clock.advance(99);
    assertEquals(await seen(), [["many", "own", "theirs"], 3, true]);
    clock.advance(1);
    assertEquals(await seen(), [["many", "own"], 2, false]);
    await map.set("own", "b");
    clock.advance(200);
    assertEquals(await seen(), [["own"], 1, false]);
    assertEquals((await map.entry("own"))!.expiresAt, undefined);
  });

  test("and the changes to it are told, each step once: own, the store's, and time's", async () => {
    const told: unknown[] = [];
    const { map, others, clock } = await follow<number>({
      onChange: (changes, origin) => {
        told.push([origin, ...changes.map(({ key, value, before }) => [key, value, before])]);
        throw new Error("nobody cares");
      },
    });
    await map.setMany([["a", 1], ["b", 2]], { ttl: 50 });
    await others.set("a", 3);
    await others.set("b", 2, { ttl: 50 });
    await map.size;
    clock.advance(50);
    await map.size;
    assertEquals(told, [
      ["map", ["a", 1, undefined]],
      ["map", ["b", 2, undefined]],
      ["store", ["a", 3, 1]],
      ["expiry", ["b", undefined, 2]],
    ]);
    await map.close();
  });

  test("follows by itself where the store tells of changes: DD-61", async () => {
    const wire = new Wire();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const { map, others, calls } = await follow<number>(
      { onChange: resolve },
      (far) => wire.watched(far, true),
    );
    await others.set("a", 1);
    assertEquals([await map.get("a"), calls.take()], [undefined, {}]);
    wire.tell();
    wire.tell();
    await promise;
    assertEquals(map.snapshot.get("a"), 1);
    await map.sync();
    assertEquals(calls.take(), { revision: 2, versions: 1, read: 1 });
    assertEquals([await map.get("a"), calls.take()], [1, {}]);
    // While nobody tells, it asks.
    wire.tell(false);
    await others.set("a", 2);
    assertEquals(await map.get("a"), 2);
    await others.set("a", 3);
    assertEquals(await map.get("a"), 3);
    wire.tell(true);
    await map.sync();
    calls.take();
    assertEquals([await map.get("a"), calls.take()], [3, {}]);
    await map.close();
    assertEquals(wire.size, 0);
  });

  test("is asked for where a watch is not wanted, or cannot be had", async () => {
    const wire = new Wire();
    const errors: unknown[] = [];
    wire.failure = new Error("no channel");
    const onError = (error: unknown) => errors.push(error);
    const asking = await follow<number>({ onError }, (far) => wire.watched(far, true));
    assertEquals(errors, [wire.failure]);
    const unwatched = await follow<number>({ watch: false }, (far) => wire.watched(far, true));
    for (const { map, others } of [asking, unwatched]) {
      await others.set("a", 1);
      assertEquals(await map.get("a"), 1);
    }
  });
});

/** The same without a revision. */
function layerless<V>(inner: Backend<V>): Backend<V> {
  return { ...distant(inner), supports: { ...inner.supports, revision: false } };
}
