import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { memory } from "../../src/backends/memory.ts";
import { text } from "../../src/codecs/text.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { fourMethods, supportsOf } from "../support/four_methods.ts";
import { checkStoreLaws } from "../support/laws.ts";

for (const isAsync of [false, true]) {
  for (const isRich of [false, true]) {
    const kind = { isAsync, isRich };
    const title = `four methods, ${isAsync ? "with promises" : "at once"}, ${isRich ? "all features" : "no features"}`;
    checkStoreLaws(title, supportsOf(kind), {
      make: (clock) => {
        const entries = new Map();
        return { open: () => fourMethods(entries, kind, clock.now) };
      },
    });
  }
}

checkStoreLaws("a native Map", memory().supports, {
  make: (clock) => {
    const { backend } = new Store<unknown>(new Map<string, unknown>(), { now: clock.now });
    return { open: () => backend };
  },
});

/** A backend that notes which methods were called. */
function spied(inner: Backend<number>): { backend: Backend<number>; calls: string[] } {
  const calls: string[] = [];
  const backend = new Proxy(inner, {
    get: (target, name) => {
      const part = Reflect.get(target, name, target);
      if (typeof part !== "function" || name === "now") return part;
      if (name === "readSync" || name === "writeSync") return undefined;
      return (...args: unknown[]) => {
        calls.push(String(name));
        return part.apply(target, args);
      };
    },
  });
  return { backend, calls };
}

test("batches reach a backend that can as one call", async () => {
  const inner: Backend<number> = {
    ...fourMethods(new Map(), { isAsync: true, isRich: true }, Date.now) as Backend<number>,
    readMany: (keys) => new Map(keys.map((key) => [key, { value: key.length }])),
    writeMany: () => {},
    removeMany: (keys) => keys.length,
    count: () => 7,
    clear: () => {},
    has: () => true,
    touch: () => true,
    take: () => ({ value: 1 }),
  };
  const { backend, calls } = spied(inner);
  const store = new Store(backend);
  assertEquals([...await store.getMany(["aa", "b"])], [["aa", 2], ["b", 1]]);
  await store.setMany([["a", 1], ["b", 2]], { ttl: 1000 });
  assertEquals(await store.deleteMany(["a", "b", "a"]), 2);
  assertEquals(await store.size, 7);
  await store.clear();
  assertEquals(await store.has("a"), true);
  assertEquals(await store.touch("a", 1000), true);
  assertEquals(await store.take("a"), 1);
  assertEquals(calls, ["readMany", "writeMany", "removeMany", "count", "clear", "has", "touch", "take"]);
});

test("an outage is never a miss", async () => {
  const outage = new StoreError("unavailable", { store: "down", operation: "read" });
  const fail = () => Promise.reject(outage);
  const down: Backend<number> = {
    name: "down",
    supports: supportsOf({ isAsync: true, isRich: true }),
    read: fail,
    write: fail,
    remove: fail,
    list: () => {
      throw outage;
    },
  };
  const store = new Store(down);
  const calls = [
    () => store.get("a"),
    () => store.has("a"),
    () => store.set("a", 1),
    () => store.add("a", 1),
    () => store.delete("a"),
    () => store.take("a"),
    () => store.getOrInsert("a", 1),
    () => store.update("a", () => 1),
    () => store.getMany(["a"]),
    () => store.keys().next(),
    () => store.size,
    () => store.clear(),
  ];
  for (const call of calls) assertEquals(await assertRejects(call, StoreError), outage);
});

test("one failure among many does not hide as success, and the first is named", async () => {
  const inner = fourMethods(new Map(), { isAsync: true, isRich: true }, Date.now) as Backend<number>;
  const mistake = new Error("b is broken");
  const backend: Backend<number> = {
    ...inner,
    write: (key, value, options) => key === "b" ? Promise.reject(mistake) : inner.write(key, value, options),
  };
  const store = new Store(backend);
  assertEquals(await assertRejects(() => store.setMany([["a", 1], ["b", 2], ["c", 3]])), mistake);
});

test("Store() refuses unknown options and a codec without bytes", () => {
  assertThrows(() => new Store(new Map(), { tll: 5 } as object), TypeError, "tll");
  assertThrows(() => new Store(memory<unknown>(), { codec: text() } as object), TypeError, "has no use for");
  assertThrows(() => new Store(new Map(), { ttl: NaN }), RangeError, "ttl");
  assertThrows(() => new Store(new Map(), { ttl: "1h" as unknown as number }), TypeError, "ttl");
});

test("a native Map stays the user's own", async () => {
  const map = new Map([["a", 1]]);
  const store = new Store(map);
  await store.set("b", 2, { ttl: 1000 });
  assertEquals([...map], [["a", 1], ["b", 2]]);
  map.set("c", 3);
  assertEquals(await store.get("c"), 3);
});

test("a store is a backend of values again", async () => {
  const store = new Store<string>(memory(), { ttl: 1000 });
  const again = new Store(store.backend);
  await again.set("a", "b");
  assertEquals(await store.get("a"), "b");
  assertEquals((await store.entry("a"))?.expiresAt, undefined);
});

test("messages name store, operation and key, never the value", async () => {
  const store = new Store<string>(memory());
  const error = await assertRejects(() => store.getOrThrow("who\nknows"), StoreError);
  assertEquals(error.message, 'Cannot read "who\\nknows" in memory: not found');
  assertEquals([error.code, error.retryable, error.store, error.operation, error.key], [
    "not-found",
    false,
    "memory",
    "read",
    "who\nknows",
  ]);
  const secret = await assertRejects(() => store.set("\ud800", "password"), StoreError);
  assertEquals(secret.code, "invalid-key");
  assert(!secret.message.includes("password"));
  assertStringIncludes((await assertRejects(() => store.readable("a"), StoreError)).message, "Cannot use stream");
});

test("retryable is what may pass by itself", () => {
  const retryable = (code: "timeout" | "unavailable" | "locked" | "conflict" | "denied") =>
    new StoreError(code, { store: "s", operation: "read" }).retryable;
  assertEquals([retryable("timeout"), retryable("unavailable"), retryable("locked")], [true, true, true]);
  assertEquals([retryable("conflict"), retryable("denied")], [false, false]);
  assertEquals(new StoreError("denied", { store: "s", operation: "read", retryable: true }).retryable, true);
});

test("a lifetime is counted from the call, however long the write takes", async () => {
  const clock = new FakeClock(1_000_000);
  const { promise, resolve } = Promise.withResolvers<void>();
  let expiresAt: number | undefined;
  const inner = fourMethods(new Map(), { isAsync: true, isRich: true }, clock.now) as Backend<number>;
  const store = new Store<number>({
    ...inner,
    write: async (_key, _value, options) => {
      await promise;
      expiresAt = options?.expiresAt;
      return true;
    },
  });
  const write = store.set("a", 1, { ttl: 500 });
  clock.advance(400);
  resolve();
  await write;
  assertEquals(expiresAt, 1_000_500);
});

test("update() steps aside when somebody else was first, and computes again from what is there", async () => {
  const inner = fourMethods(new Map(), { isAsync: true, isRich: true }, Date.now) as Backend<number>;
  const store = new Store(inner);
  const other = new Store(inner);
  await store.set("a", 1);
  const seen: (number | undefined)[] = [];
  const answer = await store.update("a", async (value) => {
    if (seen.push(value) === 1) await other.set("a", 10);
    return value! + 1;
  });
  assertEquals([answer, seen, await store.get("a")], [11, [1, 10], 11]);
});

test("update() hands over what it is given beside the value, whether or not it keeps the lifetime", async () => {
  const clock = new FakeClock(1_000_000);
  const inner = fourMethods(new Map(), { isAsync: true, isRich: true }, clock.now) as Backend<number>;
  const written: unknown[] = [];
  const store = new Store<number>({
    ...inner,
    write: (key, value, options) => {
      written.push([options?.metadata, options?.expiresAt]);
      return inner.write(key, value, options);
    },
  });
  const metadata = { contentType: "text/plain" };
  await store.set("a", 1, { ttl: 500 });
  await store.update("a", (value) => value! + 1, { metadata });
  await store.update("a", (value) => value! + 1, { metadata, ttl: 700 });
  await store.update("b", () => 1, { metadata });
  assertEquals(written, [
    [undefined, 1_000_500],
    [metadata, 1_000_500],
    [metadata, 1_000_700],
    [metadata, undefined],
  ]);
});

test("updates of one key through one store come one after the other, also behind one that failed", async () => {
  const store = new Store(fourMethods(new Map(), { isAsync: true, isRich: false }, Date.now) as Backend<number>);
  const mistake = new Error("no");
  const failing = store.update("a", () => Promise.reject(mistake));
  const others = Array.from({ length: 10 }, () => store.update("a", async (value = 0) => await value + 1));
  assertEquals(await assertRejects(() => failing), mistake);
  assertEquals(await Promise.all(others), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});
