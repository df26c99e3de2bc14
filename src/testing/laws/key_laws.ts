/**
 * Laws of keys: any string is a key of its own, or is refused before anything happens.
 *
 * @module
 */

import fc from "fast-check";
import { expectEqual, expectRejection, isStoreError } from "../expect.ts";
import { anyString } from "./any_string.ts";
import { law, type LawContext, type StoreLaw } from "./law.ts";

/** Keys that have led places astray. */
// deno-fmt-ignore
export const AWKWARD_KEYS: readonly string[] = [
  "", " ", ".", "..", "/", "//", "a", "A", "a/", "/a", "a/b", "a//b", "a/./b", "a/../b", "../a", "../../a",
  "a/..", "./a", "a.json", "a.json/b", "a.", "a ", " a", "a.b.c", ".hidden", "~", "a~", "a%2fb", "a%2Fb",
  "%", "%61", "%00", "a%", "CON", "con", "nul", "com1", "lpt9.txt", "aux.json", "c:\\windows",
  "\\\\host\\share", "file:///etc/passwd", "C:", "__proto__", "constructor", "toString", "hasOwnProperty",
  "length", "undefined", "null", "0", "-1", "1e3", "a*b", "a?b=c&d", "a+b", "a#b", "a|b", "a<b>c", 'a"b',
  "a'b", "a:b", "a;b", "a,b", "a=b", "a@b", "a!b", "[a-z]", "{a}", "$a", "a\u0000b", "\u0000", "a\nb",
  "a\r\nb", "a\tb", "\u007f", "\u0085", "\u2028", "\ufeff", "\ufeffa", "a\u200bb", "é", "e\u0301", "É", "ß",
  "ss", "SS", "ſ", "ı", "i", "I", "İ", "\u00c5", "\u212b", "A\u030a", "ﬁ", "fi", "ＡＢ", "中", "什么/考", "日本語",
  "😀", "👨‍👩‍👧", "\u{10ffff}", "\uffff", "\ue000", "𝒳", "עברית", "العربية", "ไทย", "\ud55c\uad6d",
  "\u1112\u1161\u11ab\u1100\u116e\u11a8", "select * from t; drop table t", "' or 1=1 --", "%_", "a_b", "a%b",
  "a\\b", "\\", "`", "user:{1}", "get key\r\nset", "x".repeat(255), "y/".repeat(60) + "z", "k".repeat(1024),
  "K".repeat(300),
];

function accepted({ subject, store }: LawContext, keys: readonly string[]): string[] {
  const { maxKeyBytes = Infinity } = store.backend;
  return keys.filter((key) => !subject.refusesKey?.(key) && new TextEncoder().encode(key).length <= maxKeyBytes);
}

async function fill({ store, value }: LawContext, keys: readonly string[]): Promise<void> {
  await inEights([...keys.entries()], ([index, key]) => store.set(key, value(index)));
}

/** A few at a time: most of the time of a far store is the way there. */
async function inEights<T>(items: readonly T[], act: (item: T) => PromiseLike<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += 8) await Promise.all(items.slice(at, at + 8).map(act));
}

/** Laws of keys. */
export const keyLaws: readonly StoreLaw[] = [
  law("awkward keys are keys of their own (X-08)", async (context) => {
    const { store, value } = context;
    const keys = accepted(context, AWKWARD_KEYS);
    expectEqual(new Set(keys).size, keys.length, "different keys to try");
    await fill(context, keys);
    await inEights([...keys.entries()], async ([index, key]) => {
      expectEqual(await store.get(key), value(index), `get ${JSON.stringify(key)}`);
      expectEqual(await store.has(key), true, `has ${JSON.stringify(key)}`);
    });
    for (const [index, key] of keys.entries()) {
      expectEqual(await store.delete(key), true, `delete ${JSON.stringify(key)}`);
      expectEqual(await store.has(key), false, `has ${JSON.stringify(key)} after delete`);
      const next = keys[index + 1];
      if (next !== undefined) expectEqual(await store.has(next), true, `has ${JSON.stringify(next)}`);
    }
  }),
  law("awkward keys list back exactly (X-08, BK-10)", async (context) => {
    const keys = accepted(context, AWKWARD_KEYS);
    await fill(context, keys);
    expectEqual((await Array.fromAsync(context.store.keys())).toSorted(), keys.toSorted(), "keys");
    expectEqual(await context.store.size, keys.length, "size");
  }, ["list"]),
  law("awkward keys go through batches", async (context) => {
    const { store, value } = context;
    const entries = accepted(context, AWKWARD_KEYS).map((key, index) => [key, value(index)] as const);
    await store.setMany(entries);
    expectEqual([...await store.getMany(entries.map(([key]) => key))], entries, "getMany");
    expectEqual(await store.deleteMany(entries.map(([key]) => key)), entries.length, "deleteMany");
  }),
  law("an awkward key serves as a prefix", async (context) => {
    const prefixes = accepted(context, AWKWARD_KEYS.filter((key) => key.length < 50));
    const keys = accepted(context, [...new Set(prefixes.flatMap((prefix) => [prefix, `${prefix}1`, `${prefix}/1`]))]);
    await fill(context, keys);
    await inEights(prefixes, async (prefix) => {
      const expected = keys.filter((key) => key.startsWith(prefix)).toSorted();
      const actual = (await Array.fromAsync(context.store.keys({ prefix }))).toSorted();
      expectEqual(actual, expected, `keys with prefix ${JSON.stringify(prefix)}`);
    });
  }, ["list"]),
  law("random keys list back exactly", async (context) => {
    const { store } = context;
    const key = anyString(40).filter((key) => accepted(context, [key]).length === 1);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 20 }), async (keys) => {
        await store.clear();
        await fill(context, keys);
        expectEqual((await Array.fromAsync(store.keys())).toSorted(), keys.toSorted(), "keys");
      }),
      { numRuns: 25 },
    );
  }, ["list"]),
  law("a key with a lone surrogate is refused with invalid-key by every call", async ({ store, value }) => {
    const { list, revision, ttl } = store.backend.supports;
    const before = revision && await store.revision();
    const lifetimes = ttl ? [1000, 0, -1] : [];
    for (const key of ["\ud800", "a\udfff", "\udc00\ud800"]) {
      for (
        const call of [
          () => store.get(key),
          () => store.has(key),
          () => store.entry(key),
          () => store.set(key, value(0)),
          ...lifetimes.map((ttl) => () => store.set(key, value(0), { ttl })),
          () => store.add(key, value(0)),
          () => store.update(key, () => value(0)),
          () => store.delete(key),
          () => store.take(key),
          () => store.touch(key, 1000),
          () => store.getMany(["a", key]),
          () => store.setMany([["a", value(0)], [key, value(0)]]),
          () => store.deleteMany(["a", key]),
        ]
      ) await expectRejection(call, isStoreError("invalid-key"), `${call}`);
    }
    expectEqual(await store.has("a"), false, "nothing may be written beside a refused key");
    if (list) expectEqual(await store.size, 0, "nothing may be left of a refused key");
    if (revision) expectEqual(await store.revision(), before, "a refused key is no change");
  }),
  law("a key that is no string is a TypeError", async ({ store, value }) => {
    for (const key of [undefined, null, 1, {}, Symbol("key")] as unknown as string[]) {
      await expectRejection(() => store.get(key), (error) => error instanceof TypeError, `get ${String(key)}`);
      await expectRejection(
        () => store.set(key, value(0)),
        (error) => error instanceof TypeError,
        `set ${String(key)}`,
      );
    }
  }),
  law(
    "a key over the declared limit is refused with invalid-key, one at the limit is not",
    async ({ store, value }) => {
      const { maxKeyBytes } = store.backend;
      if (maxKeyBytes === undefined || maxKeyBytes === Infinity) return;
      const longest = "k".repeat(maxKeyBytes);
      await store.set(longest, value(0));
      expectEqual(await store.get(longest), value(0), "get");
      await expectRejection(() => store.set(`${longest}k`, value(0)), isStoreError("invalid-key"), "set");
      await expectRejection(() => store.get("é".repeat(maxKeyBytes / 2 + 1)), isStoreError("invalid-key"), "get");
    },
  ),
  law("a key that the place does not take is refused with invalid-key", async ({ store, subject, value }) => {
    for (const key of AWKWARD_KEYS.filter((key) => subject.refusesKey?.(key))) {
      await expectRejection(() => store.set(key, value(0)), isStoreError("invalid-key"), JSON.stringify(key));
    }
  }),
];
