/**
 * Laws of listings: paged, lazy, and exact.
 *
 * @module
 */

import { expect, expectEqual, expectRejection } from "../expect.ts";
import { law, type LawContext, type StoreLaw } from "./law.ts";

/** The keys that the place takes. */
function taken({ subject }: LawContext, keys: readonly string[]): string[] {
  return keys.filter((key) => !subject.refusesKey?.(key));
}

async function fill({ store, value }: LawContext, keys: readonly string[]): Promise<void> {
  await store.setMany(keys.map((key, index) => [key, value(index)]));
}

function numbered(count: number, prefix = "key"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(4, "0")}`);
}

/** By the bytes of UTF-8, in which characters beyond U+FFFF come last. */
function byBytes(a: string, b: string): number {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  for (const [index, byte] of left.entries()) {
    if (byte !== right[index]) return byte - (right[index] ?? -1);
  }
  return left.length - right.length;
}

/** Laws of listings. */
export const listingLaws: readonly StoreLaw[] = [
  law("a prefix picks the keys that start with it, character for character (X-03)", async (context) => {
    const names = ["user", "user/1", "user/2", "users/1", "User/1", "use", "a%", "a%b", "a_b", "ab", "", "üser", "u"];
    const keys = taken(context, names);
    await fill(context, keys);
    for (const prefix of ["", "user", "user/", "u", "a%", "a_", "ü", "nobody", "user/1", "user/11"]) {
      const expected = keys.filter((key) => key.startsWith(prefix)).toSorted();
      expectEqual((await Array.fromAsync(context.store.keys({ prefix }))).toSorted(), expected, `keys "${prefix}"`);
      const entries = await Array.fromAsync(context.store.entries({ prefix }));
      expectEqual(entries.map(([key]) => key).toSorted(), expected, `entries "${prefix}"`);
    }
  }, ["list"]),
  law("a limit ends a listing", async (context) => {
    const { store } = context;
    await fill(context, numbered(250));
    for (const limit of [0, 1, 100, 101, 250, 300, Infinity]) {
      const expected = Math.min(limit, 250);
      expectEqual((await Array.fromAsync(store.keys({ limit }))).length, expected, `keys, limit ${limit}`);
      expectEqual((await Array.fromAsync(store.entries({ limit }))).length, expected, `entries, limit ${limit}`);
    }
    const isRangeError = (error: unknown) => error instanceof RangeError;
    await expectRejection(() => store.keys({ limit: -1 }).next(), isRangeError, "limit -1");
    await expectRejection(() => store.keys({ limit: NaN }).next(), isRangeError, "limit NaN");
  }, ["list"]),
  law("listings are in the order of the keys' bytes, and after resumes one", async (context) => {
    const { store } = context;
    const awkward = ["", "B", "a", "é", "\uffff", "\u{10000}", "\ue000", "a/b", "a\u0000", "中"];
    const keys = taken(context, [...numbered(230), ...awkward]);
    await fill(context, keys);
    const expected = keys.toSorted(byBytes);
    expectEqual(await Array.fromAsync(store.keys()), expected, "keys");
    const paged: string[] = [];
    for (;;) {
      const after = paged.at(-1);
      const page = await Array.fromAsync(store.keys({ limit: 50, ...(after !== undefined && { after }) }));
      if (page.length === 0) break;
      paged.push(...page);
    }
    expectEqual(paged, expected, "pages");
    expectEqual(
      await Array.fromAsync(store.keys({ after: "key0227x", prefix: "key" })),
      ["key0228", "key0229"],
      "after",
    );
    expectEqual(await Array.fromAsync(store.keys({ after: "zzz", prefix: "key" })), [], "after the prefix");
    expectEqual(
      (await Array.fromAsync(store.keys({ after: "a", prefix: "key" }))).length,
      230,
      "after before the prefix",
    );
  }, ["list", "order"]),
  law("entries come in hundreds, each once", async (context) => {
    const { store, value } = context;
    const keys = numbered(320);
    await fill(context, keys);
    const entries = (await Array.fromAsync(store)).toSorted(([a], [b]) => a < b ? -1 : 1);
    expectEqual(entries, keys.map((key, index) => [key, value(index)]), "entries");
    expectEqual(await store.size, 320, "size");
  }, ["list"]),
  law("what is there throughout comes exactly once while others write", async (context) => {
    const { store, open, value } = context;
    const writer = await open();
    const staying = numbered(150, "stay");
    const going = numbered(50, "go");
    await fill(context, [...staying, ...going]);
    const seen: string[] = [];
    for await (const key of store.keys()) {
      seen.push(key);
      const step = seen.length;
      if (step > 2000) break;
      await writer.set(staying[step * 7 % staying.length]!, value(step));
      await writer.delete(going[step % going.length]!);
      await writer.set(`new${step}`, value(step));
    }
    expectEqual(seen.filter((key) => key.startsWith("stay")).toSorted(), staying, "keys that stayed");
    expectEqual(new Set(seen).size, seen.length, "different keys");
  }, ["list"]),
  law("entries may be deleted while iterating", async (context) => {
    const { store } = context;
    await fill(context, numbered(230));
    let count = 0;
    for await (const [key] of store) {
      count++;
      expectEqual(await store.delete(key), true, `delete ${key}`);
    }
    expectEqual(count, 230, "entries");
    expectEqual(await store.size, 0, "size");
  }, ["list"]),
  law("a listing may be left early, and the store goes on", async (context) => {
    const { store, value } = context;
    await fill(context, numbered(230));
    for await (const _ of store.keys()) break;
    for await (const _ of store) break;
    await store.set("key", value(0));
    expectEqual(await store.size, 231, "size");
  }, ["list"]),
  law("an abort ends a listing with the signal's reason", async (context) => {
    const { store } = context;
    await fill(context, numbered(10));
    const controller = new AbortController();
    const reason = new Error("enough");
    const listing = store.keys({ signal: controller.signal });
    expect(!(await listing.next()).done, "there must be a first key");
    controller.abort(reason);
    await expectRejection(() => listing.next(), (error) => error === reason, "next");
    await expectRejection(() => store.keys({ signal: controller.signal }).next(), (error) => error === reason, "keys");
  }, ["list"]),
  law("clear() removes all, or what starts with the prefix (X-03, X-04, CT-12, CT-26)", async (context) => {
    const { store } = context;
    await fill(context, [...numbered(120, "user/"), "user", "users/1", "User/1", "a%b", "ab"]);
    await store.clear({ prefix: "user/" });
    expectEqual((await Array.fromAsync(store.keys())).toSorted(), ["User/1", "a%b", "ab", "user", "users/1"], "keys");
    await store.clear({ prefix: "a%" });
    expectEqual(await store.has("ab"), true, "has a key that the prefix would match as a pattern");
    await store.clear({ prefix: "nobody" });
    expectEqual(await store.size, 4, "size");
    await store.clear();
    expectEqual(await store.size, 0, "size after clear");
    await store.clear();
  }, ["list"]),
];
