/**
 * Laws of refusing, aborting and closing.
 *
 * @module
 */

import type { Supports } from "../../core/backend.ts";
import type { Store } from "../../core/store.ts";
import { expectEqual, expectRejection, isStoreError } from "../expect.ts";
import { law, type LawContext, type StoreLaw } from "./law.ts";

/** Every call that takes a signal; those that a store refuses anyway are left out. */
function calls(
  { store, value }: LawContext,
  signal?: AbortSignal,
): readonly (readonly [string, () => Promise<unknown>])[] {
  const options = signal ? { signal } : undefined;
  const { supports } = store.backend;
  const always: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["get", () => store.get("key", options)],
    ["getOrThrow", () => store.getOrThrow("key", options)],
    ["entry", () => store.entry("key", options)],
    ["has", () => store.has("key", options)],
    ["set", () => store.set("key", value(1), options)],
    ["add", () => store.add("new", value(1), options)],
    ["update", () => store.update("key", () => value(1), options)],
    ["getOrInsert", () => store.getOrInsert("new", value(1), options)],
    ["delete", () => store.delete("key", options)],
    ["take", () => store.take("key", options)],
    ["getMany", () => store.getMany(["key"], options)],
    ["setMany", () => store.setMany([["key", value(1)], ["new", value(1)]], options)],
    ["deleteMany", () => store.deleteMany(["key"], options)],
    ["prune", () => store.prune(options)],
  ];
  return [
    ...always,
    ...supports.list
      ? [
        ["clear", () => store.clear(options)],
        ["keys", () => store.keys(options).next()],
        ["values", () => store.values(options).next()],
        ["entries", () => store.entries(options).next()],
        ["forEach", () => store.forEach(() => {}, options)],
      ] as const
      : [],
    ...supports.ttl ? [["touch", () => store.touch("key", 1000, options)]] as const : [],
    ...supports.swap ? [["replace", () => store.replace("key", value(1), { ...options, version: "1" })]] as const : [],
    ...supports.stream ? [["readable", () => store.readable("key", options)]] as const : [],
    ...supports.stream ? [["writable", () => store.writable("key", options)]] as const : [],
    ...supports.revision ? [["revision", () => store.revision(options)]] as const : [],
  ];
}

/** A call for each feature that must be refused where the feature is missing. */
const REFUSED:
  readonly (readonly [keyof Supports, string, (store: Store<unknown>, value: unknown) => Promise<unknown>])[] = [
    ["list", "keys", (store) => store.keys().next()],
    ["list", "size", (store) => store.size],
    ["order", "after", (store) => store.keys({ after: "a" }).next()],
    ["ttl", "set with ttl", (store, value) => store.set("other", value, { ttl: 1000 })],
    ["ttl", "touch", (store) => store.touch("key", 1000)],
    ["swap", "replace", (store, value) => store.replace("key", value, { version: "1" })],
    ["stream", "readable", (store) => store.readable("key")],
    ["stream", "writable", (store) => store.writable("other")],
    ["revision", "revision", (store) => store.revision()],
  ];

/** Laws of refusing, aborting and closing. */
export const lifecycleLaws: readonly StoreLaw[] = [
  law("what a backend does not support is refused with unsupported, and nothing changes", async ({ store, value }) => {
    await store.set("key", value(0));
    for (const [feature, title, call] of REFUSED) {
      if (store.backend.supports[feature]) continue;
      await expectRejection(() => call(store, value(1)), isStoreError("unsupported"), title);
    }
    expectEqual(await store.get("key"), value(0), "get");
    expectEqual(await store.has("other"), false, "has");
  }),
  law("an aborted call rejects with the signal's reason, and nothing changes", async (context) => {
    const { store, value } = context;
    await store.set("key", value(0));
    for (const reason of [new Error("enough"), "a string", undefined]) {
      const signal = AbortSignal.abort(reason);
      for (const [title, call] of calls(context, signal)) {
        await expectRejection(call, (error) => error === signal.reason, title);
      }
    }
    expectEqual(await store.get("key"), value(0), "get");
    expectEqual(await store.has("new"), false, "has");
  }),
  law("a signal that is not aborted changes nothing", async (context) => {
    const { store, value } = context;
    const { signal } = new AbortController();
    await store.set("key", value(0), { signal });
    expectEqual(await store.get("key", { signal }), value(0), "get");
    expectEqual([...await store.getMany(["key"], { signal })], [["key", value(0)]], "getMany");
    expectEqual(await store.delete("key", { signal }), true, "delete");
  }),
  law("closing twice is fine, and every call after it rejects with closed (CT-30)", async (context) => {
    await context.store.set("key", context.value(0));
    await context.store.close();
    await context.store.close();
    await context.store[Symbol.asyncDispose]();
    for (const [title, call] of calls(context)) await expectRejection(call, isStoreError("closed"), title);
  }),
  law("what one store writes the next one on the same place finds (X-10, DD-08)", async ({ store, open, value }) => {
    await store.set("key", value(0));
    const other = await open();
    expectEqual(await other.get("key"), value(0), "get through another store");
    await other.set("key", value(1));
    expectEqual(await store.get("key"), value(1), "get");
    await other.delete("key");
    expectEqual(await store.has("key"), false, "has");
  }),
];
