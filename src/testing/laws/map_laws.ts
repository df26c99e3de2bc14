/**
 * Laws of the Map: what a native `Map` answers, a store answers.
 *
 * @module
 */

import fc from "fast-check";
import type { Store } from "../../core/store.ts";
import { expect, expectEqual, expectRejection, isEqual, isStoreError } from "../expect.ts";
import { law, type LawContext, type StoreLaw } from "./law.ts";

/** One call with all that it needs, made by chance. */
type Call =
  | readonly [name: "get" | "has" | "delete" | "take", key: string]
  | readonly [name: "set" | "add" | "getOrInsert" | "getOrInsertComputed" | "update", key: string, value: number]
  | readonly [name: "getMany" | "deleteMany", keys: readonly string[]]
  | readonly [name: "setMany", keys: readonly string[], value: number]
  | readonly [name: "clear" | "size" | "entries"];

const key = fc.constantFrom("a", "b", "a/b", "A", "__proto__", "");
const index = fc.nat({ max: 20 });
const keys = fc.array(key, { maxLength: 5 });
const calls: fc.Arbitrary<readonly Call[]> = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom("get" as const, "has" as const, "delete" as const, "take" as const), key),
    fc.tuple(
      fc.constantFrom(
        "set" as const,
        "add" as const,
        "getOrInsert" as const,
        "getOrInsertComputed" as const,
        "update" as const,
      ),
      key,
      index,
    ),
    fc.tuple(fc.constantFrom("getMany" as const, "deleteMany" as const), keys),
    fc.tuple(fc.constant("setMany" as const), keys, index),
    fc.tuple(fc.constantFrom("clear" as const, "size" as const, "entries" as const)),
  ),
  { maxLength: 25 },
);

/** What a native `Map` answers. */
function answerOfMap(map: Map<string, unknown>, call: Call, value: (index: number) => unknown): unknown {
  const insert = (key: string, index: number) => {
    if (!map.has(key)) map.set(key, value(index));
    return map.get(key);
  };
  switch (call[0]) {
    case "get":
      return map.get(call[1]);
    case "has":
      return map.has(call[1]);
    case "delete":
      return map.delete(call[1]);
    case "take": {
      const taken = map.get(call[1]);
      map.delete(call[1]);
      return taken;
    }
    case "set":
      map.set(call[1], value(call[2]));
      return "the store";
    case "add": {
      const isAbsent = !map.has(call[1]);
      insert(call[1], call[2]);
      return isAbsent;
    }
    case "getOrInsert":
    case "getOrInsertComputed":
      return insert(call[1], call[2]);
    case "update": {
      // Every third update deletes.
      if (call[2] % 3 === 0) map.delete(call[1]);
      else map.set(call[1], value(call[2]));
      return call[2] % 3 === 0 ? undefined : value(call[2]);
    }
    case "getMany":
      return [...new Set(call[1])].filter((key) => map.has(key)).map((key) => [key, map.get(key)]);
    case "deleteMany":
      return call[1].filter((key) => map.delete(key)).length;
    case "setMany":
      for (const [at, key] of call[1].entries()) map.set(key, value(call[2] + at));
      return "the store";
    case "clear":
      return map.clear();
    case "size":
      return map.size;
    case "entries":
      return sorted([...map]);
  }
}

/** What the store answers. */
async function answerOfStore(store: Store<unknown>, call: Call, value: (index: number) => unknown): Promise<unknown> {
  const isStore = (answer: unknown) => answer === store ? "the store" : answer;
  switch (call[0]) {
    case "get":
    case "has":
    case "delete":
    case "take":
      return await store[call[0]](call[1]);
    case "set":
      return isStore(await store.set(call[1], value(call[2])));
    case "add":
    case "getOrInsert":
      return await store[call[0]](call[1], value(call[2]));
    case "getOrInsertComputed":
      return await store.getOrInsertComputed(call[1], () => value(call[2]));
    case "update":
      return await store.update(call[1], () => call[2] % 3 === 0 ? undefined : value(call[2]));
    case "getMany":
      return [...await store.getMany(call[1])];
    case "deleteMany":
      return await store.deleteMany(call[1]);
    case "setMany":
      return isStore(await store.setMany(call[1].map((key, at) => [key, value(call[2] + at)])));
    case "clear":
      return await store.clear();
    case "size":
      return await store.size;
    case "entries":
      return sorted(await Array.fromAsync(store.entries()));
  }
}

function sorted(entries: readonly (readonly [string, unknown])[]): readonly (readonly [string, unknown])[] {
  return entries.toSorted(([a], [b]) => a < b ? -1 : 1);
}

async function likeMap({ store, value, subject }: LawContext, needsList: boolean): Promise<void> {
  await fc.assert(
    fc.asyncProperty(calls, async (calls) => {
      const map = new Map<string, unknown>();
      if (needsList) await store.clear();
      else await store.deleteMany(["a", "b", "a/b", "A", "__proto__", ""].filter((key) => !subject.refusesKey?.(key)));
      for (const call of calls) {
        if (!needsList && (call[0] === "clear" || call[0] === "size" || call[0] === "entries")) continue;
        const named = typeof call[1] === "string" ? [call[1]] : call[1] ?? [];
        if (named.some((key) => subject.refusesKey?.(key))) continue;
        expectEqual(await answerOfStore(store, call, value), answerOfMap(map, call, value), call[0]);
      }
    }),
    { numRuns: 40 },
  );
}

/** Laws of the Map. */
export const mapLaws: readonly StoreLaw[] = [
  law("any sequence of calls is answered as by a native Map", (context) => likeMap(context, true), ["list"]),
  law("any sequence of calls on single keys is answered as by a native Map", (context) => likeMap(context, false)),
  law("get() of an absent key is undefined, has() is false, delete() is false (CT-03, CT-05)", async ({ store }) => {
    expectEqual(await store.get("absent"), undefined, "get");
    expectEqual(await store.has("absent"), false, "has");
    expectEqual(await store.delete("absent"), false, "delete");
    expectEqual(await store.entry("absent"), undefined, "entry");
    expectEqual(await store.take("absent"), undefined, "take");
  }),
  law("getOrThrow() answers the value, or rejects with not-found", async ({ store, value }) => {
    await store.set("here", value(0));
    expectEqual(await store.getOrThrow("here"), value(0), "getOrThrow");
    await expectRejection(() => store.getOrThrow("absent"), isStoreError("not-found"), "getOrThrow of an absent key");
  }),
  law("a value is there after set(), and gone after delete() (BK-01, BK-03, BK-07, CT-02, CT-05)", async (context) => {
    const { store, value } = context;
    expect(await store.set("key", value(0)) === store, "set must resolve to the store");
    expectEqual(await store.get("key"), value(0), "get");
    expectEqual(await store.has("key"), true, "has");
    await store.set("key", value(1));
    expectEqual(await store.get("key"), value(1), "get after overwriting");
    expectEqual(await store.delete("key"), true, "delete");
    expectEqual(await store.has("key"), false, "has after delete");
    expectEqual(await store.get("key"), undefined, "get after delete");
    expectEqual(await store.delete("key"), false, "second delete");
  }),
  law("add() writes only what is absent (CT-04)", async ({ store, value }) => {
    expectEqual(await store.add("key", value(0)), true, "first add");
    expectEqual(await store.add("key", value(1)), false, "second add");
    expectEqual(await store.get("key"), value(0), "get");
  }),
  law("getOrInsertComputed() computes only for an absent key", async ({ store, value }) => {
    let computations = 0;
    const compute = () => (computations++, value(0));
    expectEqual(await store.getOrInsertComputed("key", compute), value(0), "first");
    expectEqual(await store.getOrInsertComputed("key", compute), value(0), "second");
    expectEqual(await store.getOrInsert("key", value(1)), value(0), "getOrInsert");
    expectEqual(computations, 1, "computations");
  }),
  law("update() sees the value, writes the answer, and deletes on undefined", async ({ store, value }) => {
    expectEqual(await store.update("key", (old) => (expectEqual(old, undefined, "old"), value(0))), value(0), "first");
    const answer = await store.update("key", (old) => (expectEqual(old, value(0), "old"), Promise.resolve(value(1))));
    expectEqual(answer, value(1), "second");
    expectEqual(await store.get("key"), value(1), "get");
    expectEqual(await store.update("key", () => undefined), undefined, "deleting");
    expectEqual(await store.has("key"), false, "has");
  }),
  law("update() whose function throws changes nothing", async ({ store, value }) => {
    await store.set("key", value(0));
    const mistake = new Error("no");
    const failing = () => {
      throw mistake;
    };
    await expectRejection(() => store.update("key", failing), (error) => error === mistake, "update");
    expectEqual(await store.get("key"), value(0), "get");
    expectEqual(await store.update("key", () => value(1)), value(1), "the next update");
  }),
  law("take() answers the value and removes it (PS, DD-11)", async ({ store, value }) => {
    await store.set("key", value(0));
    expectEqual(await store.take("key"), value(0), "take");
    expectEqual(await store.has("key"), false, "has");
    expectEqual(await store.take("key"), undefined, "second take");
  }),
  law("size, keys(), values(), entries() and forEach() agree (BK-02, BK-04, BK-06, BK-08)", async (context) => {
    const { store, value } = context;
    const expected = new Map<string, unknown>();
    for (const [index, key] of ["a", "b", "a/b", "中"].entries()) {
      await store.set(key, value(index));
      expected.set(key, value(index));
    }
    expectEqual(await store.size, 4, "size");
    // Without an order of its own a store may answer in another one each time.
    const inOrder = (entries: readonly (readonly [string, unknown])[]) =>
      store.backend.supports.order ? entries : sorted(entries);
    const keys = await Array.fromAsync(store.keys());
    expectEqual(keys.toSorted(), [...expected.keys()].toSorted(), "keys");
    const pairs = inOrder(keys.map((key) => [key, expected.get(key)]));
    expectEqual(inOrder(await Array.fromAsync(store)), pairs, "iteration");
    expectEqual(inOrder(await Array.fromAsync(store.entries())), pairs, "entries");
    const values = await Array.fromAsync(store.values());
    expectEqual(values.length, 4, "values");
    const timesIn = (value: unknown, all: readonly unknown[]) => all.filter((other) => isEqual(value, other)).length;
    const wanted = pairs.map(([, value]) => value);
    for (const value of wanted) expectEqual(timesIn(value, values), timesIn(value, wanted), "how often values has one");
    const seen: [string, unknown][] = [];
    await store.forEach((
      value,
      key,
      self,
    ) => (expect(self === store, "forEach must pass the store"), seen.push([key, value])));
    expectEqual(inOrder(seen), pairs, "forEach");
    await store.clear();
    expectEqual(await store.size, 0, "size after clear");
    expectEqual(await Array.fromAsync(store), [], "entries after clear");
  }, ["list"]),
];
