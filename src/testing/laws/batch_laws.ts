/**
 * Laws of batches: many at once mean the same as one by one.
 *
 * @module
 */

import { expect, expectEqual, expectRejection, isStoreError } from "../expect.ts";
import { law, type StoreLaw } from "./law.ts";

/** Laws of batches. */
export const batchLaws: readonly StoreLaw[] = [
  law("getMany() answers in the asked order and leaves misses out (CT-08, CT-23, DP-B10, DP-B11)", async (context) => {
    const { store, value } = context;
    await store.setMany([["a", value(0)], ["b", value(1)], ["c", value(2)]]);
    const answer = await store.getMany(["c", "absent", "a", "c"]);
    expect(answer instanceof Map, "getMany must answer a Map");
    expectEqual([...answer], [["c", value(2)], ["a", value(0)]], "getMany");
  }),
  law("empty batches do nothing (CT-07, DP-B08)", async ({ store }) => {
    expectEqual([...await store.getMany([])], [], "getMany");
    expect(await store.setMany([]) === store, "setMany must resolve to the store");
    expectEqual(await store.deleteMany([]), 0, "deleteMany");
  }),
  law("setMany() takes pairs and maps, and the last of equal keys counts (CT-24)", async ({ store, value }) => {
    expect(await store.setMany([["a", value(0)], ["a", value(1)]]) === store, "setMany must resolve to the store");
    await store.setMany(new Map([["b", value(2)]]));
    expectEqual([...await store.getMany(["a", "b"])], [["a", value(1)], ["b", value(2)]], "getMany");
  }),
  law("deleteMany() counts what was there, once (CT-06, DP-B12, DP-B13)", async ({ store, value }) => {
    await store.setMany([["foo", value(0)], ["qux", value(1)]]);
    expectEqual(await store.deleteMany(["foo", "bar", "foo"]), 1, "deleteMany");
    expectEqual(await store.deleteMany(["foo", "bar"]), 0, "second deleteMany");
    expectEqual(await store.get("qux"), value(1), "the other one");
  }),
  law("one bad key refuses the whole batch", async ({ store, value }) => {
    const keys = ["a", "\ud800", "b"];
    await expectRejection(
      () => store.setMany(keys.map((key) => [key, value(0)])),
      isStoreError("invalid-key"),
      "setMany",
    );
    expectEqual((await store.getMany(["a", "b"])).size, 0, "getMany");
  }),
  law("a batch of hundreds goes through", async ({ store, value }) => {
    const entries = Array.from({ length: 450 }, (_, index) => [`key${index}`, value(index)] as const);
    await store.setMany(entries);
    const keys = entries.map(([key]) => key);
    expectEqual([...await store.getMany(keys)], entries, "getMany");
    expectEqual(await store.deleteMany([...keys, "absent"]), 450, "deleteMany");
    expectEqual((await store.getMany(keys)).size, 0, "getMany after");
  }),
  law("many entries are told with what is known about each", async ({ store, value }) => {
    const { backend } = store;
    await store.set("a", value(0), backend.supports.ttl ? { ttl: { hours: 1 } } : {});
    await store.set("b", value(1));
    const many = await backend.readMany?.(["a", "absent", "b"], { details: true });
    if (!many) return;
    expectEqual([...many.keys()].sort(), ["a", "b"], "readMany");
    for (const [key, entry] of many) {
      const { value, version, expiresAt } = (await store.entry(key))!;
      expectEqual([entry.value, entry.version, entry.expiresAt], [value, version, expiresAt], key);
    }
  }),
];
