import { describe, test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { type FaultPlan, faulty, type FaultyCall } from "../../src/testing/faulty.ts";
import { counted } from "../support/backends.ts";

function make(plan: FaultPlan) {
  const { backend: inner, calls } = counted(memory<number>());
  return { inner, calls, store: new Store(faulty(inner, plan)) };
}

describe("faulty", () => {
  test("fail rejects as unavailable, and nothing has happened", async () => {
    const { store, calls } = make({});
    const error = await assertRejects(() => store.set("a", 1), StoreError, 'write "a" in memory: faulty');
    assertEquals([error.code, error.retryable], ["unavailable", true]);
    assertEquals(calls, []);
  });

  test("times, every and when pick the calls", async () => {
    const outcomes = async (plan: FaultPlan) => {
      const { store } = make(plan);
      let text = "";
      for (let n = 0; n < 6; n++) text += await store.get(`${n}`).then(() => "+", () => "-");
      return text;
    };
    assertEquals(await outcomes({}), "------");
    assertEquals(await outcomes({ times: 2 }), "--++++");
    assertEquals(await outcomes({ every: 3 }), "++-++-");
    assertEquals(await outcomes({ every: 2, times: 1 }), "+-++++");
    assertEquals(await outcomes({ when: ({ key }) => key === "1" || key === "4" }), "+-++-+");
    assertEquals(await outcomes({ when: ({ method }) => method === "write" }), "++++++");
    assertEquals(await outcomes({ fault: "none" }), "++++++");
  });

  test("lose-reply rejects after it has happened", async () => {
    const { store, inner } = make({ fault: "lose-reply", when: ({ method }) => method !== "read" });
    await assertRejects(() => store.set("a", 1), StoreError);
    await assertRejects(() => store.setMany([["b", 2]]), StoreError);
    assertEquals([...await Array.fromAsync(inner.list() as Iterable<string>)], ["a", "b"]);
    await assertRejects(() => store.delete("a"), StoreError);
    assertStrictEquals(await store.get("a"), undefined);
  });

  test("tear lets the first half of a batch and the first key of a listing happen", async () => {
    const { store, inner } = make({ fault: "tear", when: ({ method }) => method !== "read" });
    await assertRejects(() => store.setMany([["a", 1], ["b", 2], ["c", 3]]), StoreError);
    assertEquals(await Array.fromAsync(inner.list() as Iterable<string>), ["a", "b"]);
    const seen: string[] = [];
    await assertRejects(async () => {
      for await (const key of store.keys()) seen.push(key);
    }, StoreError);
    assertEquals(seen, ["a"]);
    await assertRejects(() => store.deleteMany(["a", "b"]), StoreError);
    assertEquals(await Array.fromAsync(inner.list() as Iterable<string>), ["b"]);
    await assertRejects(() => store.set("single", 1), StoreError);
    assertStrictEquals(await store.get("single"), undefined);
  });

  test("hang ends with the reason of the signal", async () => {
    const { store, calls } = make({ fault: "hang" });
    const controller = new AbortController();
    const reason = new Error("enough");
    const { signal } = controller;
    const ends = [
      assertRejects(() => store.get("a", { signal })),
      assertRejects(() => Array.fromAsync(store.keys({ signal }))),
    ];
    controller.abort(reason);
    assertEquals(await Promise.all(ends), [reason, reason]);
    assertEquals(calls, []);
  });

  test("a gate holds a call until the test opens it", async () => {
    const opening = Promise.withResolvers<void>();
    const { store, calls } = make({ fault: "none", gate: () => opening.promise, times: 1 });
    const writing = store.set("a", 1);
    await store.set("a", 2);
    assertEquals(calls, ["write"]);
    opening.resolve();
    await writing;
    assertStrictEquals(await store.get("a"), 1);
  });

  test("the error is the plan's, and every call is told", async () => {
    const told: FaultyCall[] = [];
    const mine = new Error("mine");
    const { store } = make({
      when: ({ method }) => method === "read",
      error: () => mine,
      onCall: (call) => told.push(call),
    });
    const { signal } = new AbortController();
    assertStrictEquals(await assertRejects(() => store.get("a", { signal })), mine);
    await store.setMany([["a", 1], ["b", 2]]);
    assertEquals(told.map(({ method, key, keys }) => [method, key, keys]), [
      ["read", "a", undefined],
      ["writeMany", undefined, ["a", "b"]],
    ]);
    assertStrictEquals(told[0]!.signal, signal);
  });

  test("an unknown option is refused", () => {
    assertThrows(() => faulty(memory(), { fails: 3 } as object), TypeError, "fails");
  });
});
