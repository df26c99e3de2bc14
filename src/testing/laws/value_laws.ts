/**
 * Laws of values: what comes back is what was given, or it was refused.
 *
 * @module
 */

import type { ByteBackend } from "../../core/backend.ts";
import { expect, expectEqual, expectRejection, isStoreError } from "../expect.ts";
import { law, type StoreLaw } from "./law.ts";

/** Laws of values. */
export const valueLaws: readonly StoreLaw[] = [
  law(
    "values of every kind come back equal; null, 0, false and empty ones are hits (X-12, CT-08, CT-13)",
    async (context) => {
      const { store, values } = context;
      for (const [index, value] of values.entries()) await store.set(`key${index}`, value);
      for (const [index, value] of values.entries()) {
        expectEqual(await store.get(`key${index}`), value, `value ${index}`);
        expectEqual(await store.has(`key${index}`), true, `has ${index}`);
      }
      const expected = new Map(values.map((value, index) => [`key${index}`, value]));
      expectEqual(await store.getMany(expected.keys()), expected, "getMany");
      for (const [key, value] of expected) expectEqual(await store.take(key), value, `take ${key}`);
    },
  ),
  law("a large value comes back equal", async ({ store, values, subject }) => {
    const large = subject.values
      ? values.find((value) => value instanceof Uint8Array) && new Uint8Array(1_000_000).fill(7)
      : "☃".repeat(300_000);
    if (large === undefined) return;
    await store.set("large", large);
    expectEqual(await store.get("large"), large, "get");
  }),
  law("undefined is a TypeError, and the old value stays", async ({ store, value }) => {
    await store.set("key", value(0));
    const isTypeError = (error: unknown) => error instanceof TypeError;
    await expectRejection(() => store.set("key", undefined), isTypeError, "set");
    await expectRejection(() => store.add("other", undefined), isTypeError, "add");
    await expectRejection(() => store.setMany([["key", value(1)], ["other", undefined]]), isTypeError, "setMany");
    expectEqual(await store.get("key"), value(0), "get");
    expectEqual(await store.has("other"), false, "has");
  }),
  law(
    "a value that the codec cannot keep is a TypeError, and the old value stays (PS JSON, DD-71)",
    async (context) => {
      const { store, value, subject } = context;
      if (!subject.codec && !(await context.backend() as ByteBackend).codec) return;
      const unkeepable = () => {};
      const isTypeError = (error: unknown) => error instanceof TypeError;
      await store.set("key", value(0));
      await expectRejection(() => store.set("key", unkeepable), isTypeError, "set");
      await expectRejection(() => store.update("key", () => unkeepable), isTypeError, "update");
      await expectRejection(() => store.setMany([["key", value(1)], ["other", unkeepable]]), isTypeError, "setMany");
      expectEqual(await store.get("key"), value(0), "get");
      expectEqual(await store.has("other"), false, "has");
    },
  ),
  law("stored bytes that the codec did not write are corrupt, not a miss, and stay", async (context) => {
    const { store, subject, value } = context;
    const backend = await context.backend() as ByteBackend;
    const codec = subject.codec ?? backend.codec;
    if (!codec) return;
    const place = backend.withFormat?.(codec) ?? backend;
    const garbage = new Uint8Array([0xff, 0xfe, 0x00, 0x7b]);
    const isGarbage = await Promise.resolve().then(() => codec.decode(garbage)).then(() => false, () => true);
    if (!isGarbage) return;
    await place.write("key", garbage);
    await store.set("other", value(0));
    await expectRejection(() => store.get("key"), isStoreError("corrupt"), "get");
    await expectRejection(() => store.getMany(["other", "key"]), isStoreError("corrupt"), "getMany");
    expectEqual(await store.has("key"), true, "has");
    await store.set("key", value(1));
    expectEqual(await store.get("key"), value(1), "get after overwriting");
  }),
  law("entry() names the value", async ({ store, value }) => {
    await store.set("key", value(0));
    const entry = await store.entry("key");
    expect(entry !== undefined, "entry must be there");
    expectEqual(entry.value, value(0), "value");
    expectEqual(entry.expiresAt, undefined, "expiresAt");
  }),
];
