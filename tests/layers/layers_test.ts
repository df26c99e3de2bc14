import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { lru } from "../../src/backends/lru.ts";
import type { Backend, ByteBackend } from "../../src/core/backend.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Codec } from "../../src/core/codec.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { bounded } from "../../src/layers/bounded.ts";
import { deadline } from "../../src/layers/deadline.ts";
import { type CallEvent, Meter, metered } from "../../src/layers/metered.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { readonly } from "../../src/layers/readonly.ts";
import { retrying } from "../../src/layers/retrying.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { faulty, type FaultyCall } from "../../src/testing/faulty.ts";
import { checkStoreLaws } from "../support/laws.ts";
import { counted, fourMethods } from "../support/backends.ts";

type Layer = <V>(inner: Backend<V>, now: Clock) => Backend<V>;

const layers: Readonly<Record<string, Layer>> = {
  prefixed: (inner) => prefixed(inner, "users/😀:"),
  bounded: (inner) => bounded(inner, { maxEntries: 1000 }),
  "bounded by sieve": (inner) => bounded(inner, { maxEntries: 1000, maxBytes: 1e6, sizeOf: () => 1, policy: "sieve" }),
  tiered: (inner, now) => tiered(lru({ maxEntries: 1000, now }), inner),
  "tiered with a limit": (inner, now) => tiered(memory({ now }), inner, { ttl: { minutes: 1 } }),
  "tiered on four methods": (inner, now) => tiered(fourMethods(memory({ now })), inner),
  retrying: (inner) => retrying(inner),
  deadline: (inner) => deadline(inner, 60_000),
  metered: (inner) => metered(inner, () => {}),
  faulty: (inner) => faulty(inner, { when: () => false }),
};

const inners: Readonly<Record<string, (now: Clock) => Backend<unknown>>> = {
  "memory()": (now) => memory({ now }),
  "memory({ clone: true })": (now) => memory({ now, clone: true }),
  "four methods": (now) => fourMethods(memory({ now })),
};

for (const [name, wrap] of Object.entries(layers)) {
  for (const [innerName, make] of Object.entries(inners)) {
    if (innerName !== "memory()" && !["bounded", "tiered"].includes(name)) continue;
    checkStoreLaws(`${name} over ${innerName} obeys the laws`, make(Date.now).supports, {
      make: ({ now }) => {
        const backend = wrap(make(now), now);
        return { open: () => backend };
      },
    });
  }
}

describe("every layer", () => {
  const all: Readonly<Record<string, <V>(inner: Backend<V>) => Backend<V>>> = {
    ...Object.fromEntries(Object.entries(layers).map(([name, wrap]) => [name, (inner) => wrap(inner, Date.now)])),
    readonly: (inner) => readonly(inner),
  };
  const bytes: Codec<unknown> = { name: "bytes", encode: (value) => value as Uint8Array, decode: (raw) => raw };

  for (const [name, wrap] of Object.entries(all)) {
    test(`${name} keeps the codec and re-wraps what withFormat() answers`, async () => {
      const formats: string[] = [];
      const make = (extension: string): ByteBackend => ({
        ...fourMethods(memory<Uint8Array>({ map: new Map([[extension, new Uint8Array(1)]]) })),
        codec: bytes,
        encoded,
        withFormat: (format) => {
          formats.push(format.extension!);
          return make(format.extension!);
        },
      });
      const outer = wrap(make(".bin")) as ByteBackend;
      assertStrictEquals(outer.codec, bytes);
      const other = outer.withFormat!({ extension: ".txt" });
      assertEquals(formats, [".txt"]);
      assertStrictEquals(other.codec, bytes);
      if (name !== "prefixed") assertEquals((await other.read(".txt"))?.value, new Uint8Array(1));
    });

    test(`${name} passes an abort on and rejects with its reason`, async () => {
      const calls: FaultyCall[] = [];
      const hanging = faulty(memory<unknown>(), { fault: "hang", onCall: (call) => calls.push(call) });
      const store = new Store(wrap(hanging));
      const controller = new AbortController();
      const reason = new Error("enough");
      const { signal } = controller;
      const ends = [
        () => store.get("a", { signal }),
        () => store.getMany(["a"], { signal }),
        () => store.has("a", { signal }),
        () => Array.fromAsync(store.keys({ signal })),
        ...name === "readonly" ? [] : [
          () => store.set("a", 1, { signal }),
          () => store.delete("a", { signal }),
          () => store.clear({ signal }),
        ],
      ].map((call) => assertRejects(call));
      await Promise.resolve();
      controller.abort(reason);
      for (const error of await Promise.all(ends)) assertStrictEquals(error, reason);
      assertEquals(calls.length, ends.length);
      for (const call of calls) assertStrictEquals(call.signal?.aborted, true, call.method);
    });

    if (name === "readonly") continue;

    test(`${name} brings a batch to the inner backend as one call`, async () => {
      const { backend, calls } = counted(memory<number>());
      const store = new Store(wrap(backend));
      await store.setMany([["a", 1], ["b", 2], ["c", 3]]);
      assertEquals([...await store.getMany(["a", "b", "absent"])], [["a", 1], ["b", 2]]);
      assertEquals(await store.deleteMany(["a", "b", "absent"]), 2);
      await store.clear();
      assertEquals(await store.size, 0);
      assertEquals(
        calls.filter((call) => call !== "list"),
        [
          "writeMany",
          ...name.startsWith("tiered") ? ["readMany absent"] : ["readMany"],
          "removeMany",
          "clear",
          "count",
        ].map((call) => call.split(" ")[0]!),
      );
    });
  }
});

describe("prefixed", () => {
  test("every call sees only its own keys, with and without fast paths (X-03, X-04)", async () => {
    for (
      const make of [
        () => memory<number>(),
        () => counted(memory<number>()).backend,
        () => fourMethods(memory<number>()),
      ]
    ) {
      const inner = make();
      const whole = new Store(inner);
      const a = new Store(prefixed(inner, "a:"));
      const b = new Store(prefixed(inner, "b:"));
      await whole.set("a", 0);
      await a.setMany([["x", 1], ["y", 2], ["yy", 3]]);
      await b.setMany([["x", 4]]);
      assertEquals([...await a.getMany(["x", "a:x", "y"])], [["x", 1], ["y", 2]]);
      assertEquals([await a.get("y"), await b.get("y")], [2, undefined]);
      assertEquals([await a.has("x"), await a.has("a:x")], [true, false]);
      assertEquals([await a.size, await b.size, await whole.size], [3, 1, 5]);
      assertEquals(await Array.fromAsync(a.keys({ prefix: "y" })), ["y", "yy"]);
      assertEquals(await Array.fromAsync(a), [["x", 1], ["y", 2], ["yy", 3]]);
      assertEquals([await b.delete("y"), await b.deleteMany(["x", "y"])], [false, 1]);
      await a.touch("x", 10_000);
      assertStrictEquals(await a.take("x"), 1);
      await a.clear({ prefix: "yy" });
      assertEquals(await Array.fromAsync(whole.keys()), ["a", "a:y"]);
      await a.clear();
      assertEquals(await Array.fromAsync(whole.keys()), ["a"]);
    }
  });

  test("keys are injective: the prefix and the key together are the key, nothing else", async () => {
    const inner = memory<number>();
    const stores = ["", "a", "aa", "a:"].map((prefix) => new Store(prefixed(inner, prefix)));
    await stores[1]!.set("a:b", 1);
    const found = await Promise.all(["aa:b", "a:b", ":b", "ab"].map((key, at) => stores[at]!.get(key)));
    assertEquals(found, [1, 1, 1, undefined]);
    const nested = new Store(prefixed(prefixed(inner, "outer/"), "inner/"));
    await nested.set("key", 2);
    assertStrictEquals(inner.readSync!("outer/inner/key"), 2);
  });

  test("`after` resumes a listing", async () => {
    const base = memory({ map: new Map(["b:1", "b:2", "b:3", "c:1"].map((key) => [key, 1])) });
    const inner: Backend<number> = {
      ...fourMethods(base),
      supports: { ...base.supports, order: true, revision: false },
      list: ({ prefix = "", after = "" } = {}) =>
        [...base.list({ prefix }) as Iterable<string>].sort().filter((key) => after === "" || key > after),
    };
    const store = new Store(prefixed(inner, "b:"));
    assertEquals(await Array.fromAsync(store.keys({ after: "1" })), ["2", "3"]);
    assertEquals(await Array.fromAsync(store.keys({ after: "1", limit: 1 })), ["2"]);
  });

  test("the prefix takes its bytes of the longest key", async () => {
    const inner: Backend<number> = { ...fourMethods(memory<number>()), maxKeyBytes: 5 };
    const store = new Store(prefixed(inner, "ü:"));
    await store.set("ab", 1);
    await assertRejects(() => store.set("abc", 1), Error, "2 bytes");
    assertThrows(() => prefixed(inner, "123456"), RangeError, "longer than 5 bytes");
    assertThrows(() => prefixed(inner, "\ud800"), TypeError, "surrogate");
    assertThrows(() => prefixed(inner, undefined as unknown as string), TypeError, "string");
  });
});

describe("readonly", () => {
  test("every writing call is refused before anything is touched, also on what is empty or absent", async () => {
    for (const inner of [memory<number>(), fourMethods(memory<number>()), lru<number>({ maxEntries: 9 })]) {
      const store = new Store(readonly(inner));
      const calls: (() => Promise<unknown>)[] = [
        () => store.set("a", 1),
        () => store.set("a", 1, { ttl: 1 }),
        () => store.set("a", 1, { ttl: 0 }),
        () => store.setMany([["a", 1]]),
        () => store.add("a", 1),
        () => store.replace("a", 1, { version: "1" }),
        () => store.update("a", () => 1),
        () => store.getOrInsert("a", 1),
        () => store.delete("a"),
        () => store.deleteMany(["a"]),
        () => store.take("a"),
        () => store.touch("a", 1000),
        () => store.clear(),
        () => store.prune(),
      ];
      for (const call of calls) {
        const error = await assertRejects(call, StoreError, "read only");
        assertEquals([error.code, error.retryable], ["read-only", false]);
      }
      assertEquals(await Array.fromAsync(store), []);
    }
  });

  test("reading passes through, with its fast paths", async () => {
    const { backend, calls } = counted(memory({ map: new Map([["a", 1], ["b", 2]]) }));
    const store = new Store(readonly(backend));
    assertStrictEquals(await store.get("a"), 1);
    assertEquals([...await store.getMany(["a", "b"])], [["a", 1], ["b", 2]]);
    assertEquals([await store.has("a"), await store.size, await store.getOrInsert("a", 9)], [true, 2, 1]);
    assertEquals(await Array.fromAsync(store.keys()), ["a", "b"]);
    assertEquals(calls, ["read", "readMany", "has", "count", "read", "list"]);
    const { revision } = readonly(memory());
    assertStrictEquals(typeof revision, "function");
  });
});

describe("metered", () => {
  test("each call is one event, without keys and values", async () => {
    const events: CallEvent[] = [];
    const { backend } = counted(memory<unknown>());
    const store = new Store(metered(backend, (event) => events.push(event)));
    await store.set("a", new Uint8Array(3));
    await store.get("a");
    await store.get("absent");
    await store.setMany([["b", new Uint8Array(4)], ["c", "text"]]);
    await store.getMany(["a", "b", "absent"]);
    await store.getMany(["a", "b"]);
    await store.has("a");
    await Array.fromAsync(store.keys());
    await store.size;
    await store.deleteMany(["a", "absent"]);
    await store.clear();
    const short = events.map(({ operation, keys, hits, bytes, outcome }) =>
      `${operation} ${keys} ${hits} ${bytes} ${outcome}`
    );
    assertEquals(short, [
      "write 1 0 3 ok",
      "read 1 1 3 hit",
      "read 1 0 0 miss",
      "write 2 0 4 ok",
      "read 3 2 7 miss",
      "read 2 2 7 hit",
      "read 1 1 0 hit",
      "list 3 0 0 ok",
      "count 0 0 0 ok",
      "remove 2 0 0 ok",
      "clear 0 0 0 ok",
    ]);
    for (const event of events) {
      assertEquals(Object.keys(event).sort(), [
        "bytes",
        "hits",
        "keys",
        "milliseconds",
        "operation",
        "outcome",
        "store",
      ]);
      assert(event.milliseconds >= 0);
    }
  });

  test("a failure is an event with its code or name", async () => {
    const events: CallEvent[] = [];
    const failing = faulty(memory<number>(), { error: ({ key }) => key === "a" ? new TypeError("a") : undefined });
    const store = new Store(metered(failing, (event) => events.push(event)));
    await assertRejects(() => store.get("a"), TypeError);
    assertEquals(events.map(({ outcome, error }) => [outcome, error]), [["error", "TypeError"]]);
    const down = new Store(metered(faulty(memory<number>(), {}), (event) => events.push(event)));
    await assertRejects(() => down.set("a", 1), StoreError);
    await assertRejects(() => Array.fromAsync(down.keys()), StoreError);
    assertEquals(events.slice(1).map(({ operation, error }) => [operation, error]), [["write", "unavailable"], [
      "list",
      "unavailable",
    ]]);
  });

  test("an observer that throws or rejects does not break the call", async () => {
    for (
      const observer of [() => Promise.reject(new Error("mine")), () => {
        throw new Error("mine");
      }]
    ) {
      const store = new Store(metered(memory<number>(), observer));
      await store.set("a", 1);
      assertStrictEquals(await store.get("a"), 1);
      assertEquals(await Array.fromAsync(store.keys()), ["a"]);
    }
    assertThrows(() => metered(memory(), undefined as unknown as () => void), TypeError);
  });

  test("a meter counts them all", async () => {
    const meter = new Meter();
    const store = new Store<unknown>(metered(counted(memory<unknown>()).backend, meter.record));
    await store.set("a", new Uint8Array(3));
    await store.getMany(["a", "absent"]);
    await store.get("a");
    const down = new Store(metered(faulty(memory<number>(), {}), meter.record));
    await assertRejects(() => down.get("a"), StoreError);
    const { calls, hits, misses, errors, bytesRead, bytesWritten } = meter;
    assertEquals({ calls, hits, misses, errors, bytesRead, bytesWritten }, {
      calls: 4,
      hits: 2,
      misses: 1,
      errors: 1,
      bytesRead: 6,
      bytesWritten: 3,
    });
  });
});
