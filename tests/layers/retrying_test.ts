import { describe, test } from "node:test";
import { assert, assertEquals, assertLess, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { deadline } from "../../src/layers/deadline.ts";
import { type Retry, retrying } from "../../src/layers/retrying.ts";
import { type FaultPlan, faulty } from "../../src/testing/faulty.ts";
import { counted } from "../support/backends.ts";

const wait = () => Promise.resolve();
const turn = () => new Promise((resolve) => setTimeout(resolve));

function shaky(plan: FaultPlan, inner: Backend<number> = counted(memory<number>()).backend) {
  const calls: string[] = [];
  const backend = faulty(inner, { ...plan, onCall: ({ method }) => calls.push(method) });
  return { calls, inner, backend, store: new Store(retrying(backend, { wait })) };
}

describe("retrying", () => {
  test("calls that mean the same twice as once are repeated until they succeed", async () => {
    const { store, calls } = shaky({ every: 1, when: () => calls.length % 3 !== 0 });
    await store.set("a", 1);
    await store.setMany([["b", 2], ["c", 3]]);
    assertStrictEquals(await store.get("a"), 1);
    assertEquals([...await store.getMany(["b", "c"])], [["b", 2], ["c", 3]]);
    assert(await store.has("a"));
    assertEquals(await Array.fromAsync(store.keys()), ["a", "b", "c"]);
    assertStrictEquals(await store.size, 3);
    assert(await store.delete("a"));
    assertStrictEquals(await store.deleteMany(["b"]), 1);
    await store.clear();
    const methods = ["write", "writeMany", "read", "readMany", "has", "list", "count", "remove", "removeMany", "clear"];
    assertEquals(calls, methods.flatMap((method) => [method, method, method]));
  });

  test("touch() is repeated: its deadline is a moment, not a length", async () => {
    const { store, calls } = shaky(
      { when: ({ method }) => method === "touch", times: 2 },
      lru<number>({ maxEntries: 9 }),
    );
    await store.set("a", 1);
    assert(await store.touch("a", 1000));
    assertEquals(calls, ["write", "touch", "touch", "touch"]);
  });

  test("conditional calls and take() are not repeated: the first one may have happened", async () => {
    const inner = lru<number>({ maxEntries: 9 });
    const { store, calls } = shaky({
      fault: "lose-reply",
      when: ({ method }) => ["write", "remove", "take"].includes(method),
    }, inner);
    await assertRejects(() => store.add("a", 1), StoreError);
    const { version } = inner.read("a", { details: true }) as { version: string };
    await assertRejects(() => store.replace("a", 2, { version }), StoreError);
    assertStrictEquals(inner.readSync!("a"), 2);
    await assertRejects(() => store.take("a"), StoreError);
    assertStrictEquals(inner.readSync!("a"), undefined);
    assertEquals(calls, ["write", "write", "take"]);
    const backend = retrying(
      faulty(inner, { when: ({ method }) => method === "remove", onCall: () => calls.push("-") }),
      { wait },
    );
    await assertRejects(async () => await backend.remove("a", { condition: { version } }), StoreError);
    assertEquals(calls.filter((call) => call === "-").length, 1);
  });

  test("a removal whose reply was lost is repeated and says what the last attempt found", async () => {
    const { store, inner } = shaky({ fault: "lose-reply", when: ({ method }) => method === "remove", times: 1 });
    await store.set("a", 1);
    assertStrictEquals(await store.delete("a"), false);
    assertStrictEquals(await inner.read("a"), undefined);
  });

  test("only errors that are retryable are repeated, and only so often", async () => {
    for (
      const [error, expected] of [
        [new StoreError("timeout", { store: "s", operation: "read" }), 4],
        [new StoreError("unavailable", { store: "s", operation: "read" }), 4],
        [new StoreError("denied", { store: "s", operation: "read" }), 1],
        [new StoreError("corrupt", { store: "s", operation: "read" }), 1],
        [new TypeError("mistake"), 1],
        [Object.assign(new Error("foreign"), { retryable: true }), 4],
      ] as const
    ) {
      const { store, calls } = shaky({ error: () => error });
      assertStrictEquals(await assertRejects(() => store.get("a")), error);
      assertEquals(calls.length, expected, error.message);
      await assertRejects(() => Array.fromAsync(store.keys()));
      assertEquals(calls.length, 2 * expected);
    }
  });

  test("a listing is repeated before its first key, and not after it", async () => {
    const inner = memory({ map: new Map([["a", 1], ["b", 2]]) });
    const { store, calls } = shaky({ times: 2 }, inner);
    assertEquals(await Array.fromAsync(store.keys()), ["a", "b"]);
    assertEquals(calls.length, 3);
    const torn = shaky({ fault: "tear" }, inner);
    const seen: string[] = [];
    await assertRejects(async () => {
      for await (const key of torn.store.keys()) seen.push(key);
    }, StoreError);
    assertEquals([seen, torn.calls.length], [["a"], 1]);
  });

  test("waits grow from minDelay to maxDelay, with jitter, and are reported", async () => {
    const waits: number[] = [];
    const retries: Retry[] = [];
    const backend = faulty(memory<number>(), {});
    const store = new Store(retrying(backend, {
      retries: 8,
      minDelay: 10,
      maxDelay: 100,
      onRetry: (retry) => {
        retries.push(retry);
        throw new Error("not for the caller");
      },
      wait: (milliseconds) => {
        waits.push(milliseconds);
        return Promise.resolve();
      },
    }));
    await assertRejects(() => store.get("a"), StoreError, "faulty");
    assertEquals(waits.length, 8);
    for (const [at, milliseconds] of waits.entries()) {
      assert(milliseconds >= 0);
      assertLess(milliseconds, Math.min(100, 10 * 2 ** at));
    }
    assert(new Set(waits).size > 1);
    assertEquals(retries.map(({ attempt }) => attempt), [1, 2, 3, 4, 5, 6, 7, 8]);
    assertEquals(retries.map(({ delay }) => delay), waits);
    assertEquals([retries[0]!.store, retries[0]!.operation], ["memory", "read"]);
  });

  test("an abort ends the wait at once, with its reason, whatever wait() does", async () => {
    const reason = new Error("enough");
    for (const wait of [() => new Promise(() => {}), undefined]) {
      const backend = faulty(memory<number>(), {});
      const store = new Store(retrying(backend, { minDelay: 1e9, maxDelay: 1e9, wait }));
      const controller = new AbortController();
      const reading = assertRejects(() => store.get("a", { signal: controller.signal }));
      const listing = assertRejects(() => Array.fromAsync(store.keys({ signal: controller.signal })));
      await turn();
      controller.abort(reason);
      assertStrictEquals(await reading, reason);
      assertStrictEquals(await listing, reason);
    }
  });

  test("an answer that is there at once comes at once", () => {
    const backend = retrying(memory({ map: new Map([["a", 1]]) }));
    assertEquals(backend.read("a"), { value: 1 });
  });

  test("options that make no sense are refused", () => {
    assertThrows(() => retrying(memory(), { retries: -1 }), RangeError, "retries");
    assertThrows(() => retrying(memory(), { minDelay: NaN }), RangeError, "minDelay");
    assertThrows(() => retrying(memory(), { tries: 1 } as object), TypeError, "tries");
  });

  test("a deadline within makes a call that hangs one that is repeated", async () => {
    const hanging = faulty(memory<number>(), { fault: "hang", times: 2 });
    const store = new Store(retrying(deadline(hanging, 1), { wait }));
    await store.set("a", 1);
    assertStrictEquals(await store.get("a"), 1);
  });
});

describe("deadline", () => {
  const timers = async (task: () => Promise<unknown>): Promise<number> => {
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    const running = new Set<unknown>();
    globalThis.setTimeout = ((callback: () => void, ms?: number) => {
      const timer = set(() => {
        running.delete(timer);
        callback();
      }, ms);
      running.add(timer);
      return timer;
    }) as typeof setTimeout;
    globalThis.clearTimeout = ((timer: Parameters<typeof clear>[0]) => {
      running.delete(timer);
      clear(timer);
    }) as typeof clearTimeout;
    try {
      await task();
      return running.size;
    } finally {
      globalThis.setTimeout = set;
      globalThis.clearTimeout = clear;
    }
  };

  test("every call that hangs ends with timeout, and the inner call is aborted", async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const hanging = faulty(counted(memory<number>()).backend, {
      fault: "hang",
      onCall: ({ signal }) => signals.push(signal),
    });
    const store = new Store(deadline(hanging, 1));
    const calls: (() => Promise<unknown>)[] = [
      () => store.get("a"),
      () => store.set("a", 1),
      () => store.delete("a"),
      () => store.has("a"),
      () => store.size,
      () => store.clear(),
      () => store.getMany(["a"]),
      () => store.setMany([["a", 1]]),
      () => store.deleteMany(["a"]),
      () => Array.fromAsync(store.keys()),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, StoreError, "no answer in 1 ms");
      assertEquals([error.code, error.retryable], ["timeout", true]);
    }
    assertEquals(signals.length, calls.length);
    for (const signal of signals) assert(signal?.aborted);
  });

  test("a call ends in time even where the inner one does not listen to signals", async () => {
    const deaf: Backend<number> = {
      ...memory<number>(),
      name: "deaf",
      supports: memory().supports,
      read: () => new Promise(() => {}),
      write: () => true,
      remove: () => true,
      list: () => ({
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => new Promise(() => {}) }),
      }),
    };
    const store = new Store(deadline(deaf, 1));
    await assertRejects(() => store.get("a"), StoreError, 'read "a" in deaf');
    await assertRejects(() => Array.fromAsync(store.keys()), StoreError, "list");
  });

  test("each step of a listing has the whole time, and the one that hangs ends it", async () => {
    const steps: Backend<number> = {
      ...memory<number>(),
      name: "steps",
      supports: memory().supports,
      read: () => undefined,
      write: () => true,
      remove: () => true,
      list: async function* ({ signal } = {}) {
        yield "a";
        await turn();
        yield "b";
        await new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
      },
    };
    const seen: string[] = [];
    await assertRejects(
      async () => {
        for await (const key of new Store(deadline(steps, 100)).keys()) seen.push(key);
      },
      StoreError,
      "no answer in 100 ms",
    );
    assertEquals(seen, ["a", "b"]);
  });

  test("the caller's abort keeps its reason and reaches the inner call", async () => {
    let inner: AbortSignal | undefined;
    const hanging = faulty(memory<number>(), { fault: "hang", onCall: ({ signal }) => inner = signal });
    const store = new Store(deadline(hanging, { hours: 1 }));
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = assertRejects(() => store.get("a", { signal: controller.signal }));
    controller.abort(reason);
    assertStrictEquals(await reading, reason);
    assertStrictEquals(inner?.reason, reason);
  });

  test("no timer is left behind when a call has settled, however it settled", async () => {
    const lag = faulty(memory({ map: new Map([["a", 1]]) }), { fault: "none", gate: () => Promise.resolve() });
    const left = await timers(async () => {
      const store = new Store(deadline(lag, 60_000));
      assertStrictEquals(await store.get("a"), 1);
      await Array.fromAsync(store.keys());
      await assertRejects(() => new Store(deadline(faulty(lag, {}), 60_000)).get("a"), StoreError);
      const controller = new AbortController();
      const hanging = new Store(deadline(faulty(lag, { fault: "hang" }), 60_000));
      const reading = assertRejects(() => hanging.get("a", { signal: controller.signal }));
      controller.abort(new Error("enough"));
      await reading;
    });
    assertEquals(left, 0);
  });

  test("a time longer than timers can wait is no limit, one that is not above 0 is refused", async () => {
    const lag = faulty(memory({ map: new Map([["a", 1]]) }), { fault: "none", gate: turn });
    for (const time of [Infinity, 2 ** 40]) assertStrictEquals(await new Store(deadline(lag, time)).get("a"), 1);
    for (const time of [0, -1, NaN]) assertThrows(() => deadline(memory(), time), RangeError, "deadline");
  });
});
