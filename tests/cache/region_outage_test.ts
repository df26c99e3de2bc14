/** Regions over stores that fail: what a call does then, and what it costs. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { Region, type RegionOptions } from "../../src/cache/region.ts";
import { json } from "../../src/codecs/json.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { type Fault, faulty, type FaultyCall } from "../../src/testing/faulty.ts";
import { until, word } from "../support/region_suite.ts";

interface Outage {
  readonly region: Region<number>;
  readonly clock: FakeClock;
  readonly events: string[];
  /** Calls of the store, by method. */
  readonly calls: string[];
  /** What goes wrong with these methods from now on; nothing without. */
  fail(fault?: Fault, ...methods: readonly string[]): void;
}

function withOutage(options: RegionOptions<number> = {}): Outage {
  const clock = new FakeClock();
  const events: string[] = [];
  const calls: string[] = [];
  let methods: readonly string[] = [];
  let fault: Fault | undefined;
  let backend = memory<unknown>({ now: clock.now });
  for (const one of ["fail", "lose-reply", "hang"] as const) {
    const when = (call: FaultyCall) => fault === one && (methods.length === 0 || methods.includes(call.method));
    backend = faulty(backend, { fault: one, when });
  }
  const onCall = (call: FaultyCall) => calls.push(call.method);
  const store = new Store<unknown>(faulty(backend, { fault: "none", onCall }));
  const onEvent = (event: Parameters<typeof word>[0]) => events.push(word(event));
  const region = new Region<number>({ store, ttl: 1000, onEvent, ...options });
  const fail = (next?: Fault, ...of: readonly string[]) => {
    fault = next;
    methods = of;
  };
  return { region, clock, events, calls, fail };
}

describe("A region over a store that fails", () => {
  test("rejects: an outage is never a miss", async () => {
    const { region, fail } = withOutage();
    await region.set("a", 1);
    fail("fail");
    for (
      const call of [
        () => region.get("a"),
        () => region.getMany(["a"]),
        () => region.has("a"),
        () => region.getOrCreate("a", () => 2),
        () => region.getOrCreateMany(["a", "b"], () => []),
      ]
    ) {
      const error = await assertRejects(call, StoreError);
      assertEquals(error.code, "unavailable");
    }
    fail();
    assertEquals(await region.get("a"), 1);
  });

  test("gives a claim up although the store is left alone when the creator ends", async () => {
    for (const fails of [false, true]) {
      const { region, fail, events } = withOutage({ onStoreError: "bypass", lease: { ttl: 1e9 } });
      const gate = Promise.withResolvers<number>();
      const first = region.getOrCreate("a", () => gate.promise);
      await until(() => events.includes("create a"));
      fail("fail");
      assertEquals(await region.get("b"), undefined);
      fail();
      if (fails) gate.reject(new Error("none today"));
      else gate.resolve(1);
      assertEquals(await first.catch(() => 0), fails ? 0 : 1);
      // A call that cannot do without the store does not wait for somebody who is gone.
      const options = { onStoreError: "throw", signal: AbortSignal.timeout(5000) } as const;
      assertEquals(await region.getOrCreate("a", () => 2, options), fails ? 2 : 1);
    }
  });

  test("does without it where it is told to, by region or by call", async () => {
    for (const isCall of [false, true]) {
      const policy = { onStoreError: "bypass" } as const;
      const { region, fail, events } = withOutage(isCall ? {} : policy);
      const call = isCall ? policy : {};
      await region.set("a", 1);
      fail("fail");
      assertEquals(await region.get("a", call), undefined);
      assertEquals((await region.getMany(["a"], call)).size, 0);
      let calls = 0;
      const create = async () => (await Promise.resolve(), ++calls);
      const all = await Promise.all(Array.from({ length: 10 }, () => region.getOrCreate("a", create, call)));
      assertEquals([new Set(all), calls], [new Set([1]), 1]);
      assertEquals([...await region.getOrCreateMany(["b"], () => [["b", 2]], call)], [["b", 2]]);
      assert(events.includes("error a") || events.includes("error"));
    }
  });

  test("refuses writes, deletions and invalidations in any case: they did not happen", async () => {
    const { region, fail } = withOutage({ onStoreError: "bypass" });
    fail("fail");
    await assertRejects(() => region.set("a", 1), StoreError);
    await assertRejects(() => region.delete("a"), StoreError);
    await assertRejects(() => region.invalidate(), StoreError);
    await assertRejects(() => region.invalidateTags(["tag"]), StoreError);
    await assertRejects(() => region.clear(), StoreError);
  });

  test("costs one attempt, and none for a while", async () => {
    const options = { onStoreError: "bypass", breaker: { cooldown: 500 }, ttl: 60_000 } as const;
    const { region, fail, calls, clock } = withOutage(options);
    await region.set("a", 1);
    fail("fail");
    calls.length = 0;
    for (let call = 0; call < 20; call++) assertEquals(await region.getOrCreate(`key ${call}`, () => call), call);
    assertEquals(calls, ["read"]);
    clock.advance(499);
    assertEquals(await region.get("a"), undefined);
    assertEquals(calls.length, 1);
    clock.advance(1);
    assertEquals(await region.get("a"), undefined);
    assertEquals(calls.length, 2);
    fail();
    clock.advance(500);
    assertEquals(await region.getOrCreate("a", () => 2), 1);
  });

  test("is left alone only after as many failures as it is told", async () => {
    const { region, fail, calls } = withOutage({ onStoreError: "bypass", breaker: { failures: 3 } });
    await region.get("warm");
    fail("fail");
    calls.length = 0;
    for (let call = 0; call < 10; call++) await region.get("a");
    assertEquals(calls.length, 3);
  });

  test("lets callers go that do not want to wait for it", async () => {
    const { region, fail, calls } = withOutage();
    fail("hang");
    for (const call of [region.get.bind(region), (key: string, o: object) => region.getOrCreate(key, () => 1, o)]) {
      const controller = new AbortController();
      const before = calls.length;
      const waiting = call("a", { signal: controller.signal });
      await until(() => calls.length > before);
      controller.abort(new Error("enough"));
      await assertRejects(() => waiting as Promise<unknown>, Error, "enough");
    }
  });

  test("does not take a value away that could not be written", async () => {
    const { region, fail, events } = withOutage();
    assertEquals(
      await region.getOrCreate("a", () => {
        fail("fail");
        return 1;
      }),
      1,
    );
    assert(events.includes("error a"));
    fail();
    // What the failed write left behind is nobody's claim.
    assertEquals(await region.getOrCreate("a", () => 2), 2);
    assertEquals(await region.get("a"), 2);
  });

  test("does not take a value away whose written reply was lost", async () => {
    const { region, fail } = withOutage();
    const one = region.getOrCreate("a", () => {
      fail("lose-reply", "write");
      return 1;
    });
    assertEquals(await one, 1);
    fail();
    assertEquals(await region.getOrCreate("a", () => 2), 1);
  });

  test("leaves no claim that others wait for when the reply of winning it is lost", async () => {
    const { region, fail } = withOutage();
    fail("lose-reply", "write");
    await assertRejects(() => region.getOrCreate("a", () => 1), StoreError);
    fail();
    assertEquals(await region.getOrCreate("a", () => 2), 2);
  });

  test("gives the old value while it fails, within staleIfError [X-13]", async () => {
    const { region, fail, clock } = withOutage({ staleIfError: 5000 });
    await region.set("a", 1);
    assertEquals(await region.getOrCreate("a", () => 2), 1);
    clock.advance(1500);
    fail("fail");
    assertEquals(await region.getOrCreate("a", () => 2), 1);
    await assertRejects(() => region.getOrCreate("never seen", () => 2), StoreError);
    clock.advance(4500);
    await assertRejects(() => region.getOrCreate("a", () => 2), StoreError);
  });

  test("gives no value that was deleted or invalidated here, also while it fails", async () => {
    const { region, fail } = withOutage({ staleIfError: 5000 });
    await region.setMany([["a", 1], ["b", 1]]);
    for (const key of ["a", "b"]) await region.getOrCreate(key, () => 2);
    await region.delete("a");
    fail("fail");
    await assertRejects(() => region.getOrCreate("a", () => 2), StoreError);
    fail();
    await region.invalidate();
    fail("fail");
    await assertRejects(() => region.getOrCreate("b", () => 2), StoreError);
  });

  test("makes what nobody can read anew, where the store calls that a miss [DP-S01, X-11]", async () => {
    const bytes = memory<Uint8Array>();
    const open = (onDecodeError?: "miss") => new Store<unknown>(encoded(bytes, json(), { onDecodeError }));
    await new Store(bytes).set("region:v:a", new Uint8Array([123, 0, 255]));
    const strict = new Region<number>({ ttl: 1000, store: open() });
    const error = await assertRejects(() => strict.getOrCreate("a", () => 1), StoreError);
    assertEquals(error.code, "corrupt");
    const lenient = new Region<number>({ ttl: 1000, store: open("miss") });
    assertEquals(await lenient.getOrCreate("a", () => 1), 1);
    assertEquals(await strict.get("a"), 1);
  });

  test("makes what is no entry of a region anew", async () => {
    const store = new Store<unknown>(sqlite(":memory:"));
    await store.set("region:v:a", "from elsewhere");
    const region = new Region<number>({ ttl: 1000, store });
    assertEquals([await region.get("a"), await region.getOrCreate("a", () => 1), await region.get("a")], [
      undefined,
      1,
      1,
    ]);
    await region.close();
  });

  test("refuses values that the store cannot keep", async () => {
    const region = new Region<unknown>({ store: new Store(sqlite(":memory:")), ttl: 1000 });
    await assertRejects(() => region.getOrCreate("a", () => () => {}), TypeError);
    assertEquals(await region.getOrCreate("a", () => 1), 1);
    await region.close();
  });
});
