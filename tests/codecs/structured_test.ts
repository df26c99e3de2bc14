import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { describe, test } from "node:test";
import { chain } from "../../src/codecs/chain.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { structured } from "../../src/codecs/structured.ts";
import { codecLawsFor, type CodecSubject } from "../../src/testing/codec_laws.ts";
import { isEqual } from "../../src/core/equality.ts";

// deno-lint-ignore no-explicit-any
const copyOf = (value: unknown): any => structured().decode(structured().encode(value) as Uint8Array);
const bytesOf = (text: string) => new TextEncoder().encode(text);

const subject: CodecSubject = {
  codec: structured(),
  values: [
    null,
    0,
    -0,
    NaN,
    -Infinity,
    "",
    "\uD800 alone ☃ </script>",
    2n ** 100n,
    [undefined, 1],
    [1, , 3], // deno-lint-ignore-line no-sparse-arrays
    Object.assign([], { length: 1000, 7: 1 }),
    { a: undefined, "": { b: [] } },
    Object.create(null),
    new Date(0),
    new Map<unknown, unknown>([[{ a: 1 }, new Set([new Map()])]]),
    /a\/b/giu,
    new URL("https://example.com/?q=1"),
    Uint8Array.of(1, 2, 3),
    Uint8Array.of(1, 2, 3, 4).subarray(1, 3),
    Float64Array.of(-0, NaN),
    BigInt64Array.of(-1n),
    new DataView(new ArrayBuffer(4), 1, 2),
    Uint8Array.of(9).buffer,
    new Error("outer", { cause: new TypeError("inner") }),
    ["tuple", "fun", 1.0, [1, 2, 3, 4], "☃"],
    { toJSON: 1, constructor: 2, then: 3 },
  ],
  refused: [
    undefined,
    () => 1,
    Symbol("s"),
    { f() {} },
    { [Symbol("s")]: 1 },
    [new (class Point {})()],
    new (class extends Map {})(),
    new (class Mine extends Error {})(),
    { [Symbol.toStringTag]: "Map" },
    Promise.resolve(1),
    new WeakMap(),
    JSON.parse('{"__proto__":1}'),
    "a-b".match(/(a)/),
    Object.assign([], { extra: 1 }),
  ],
  corrupt: [
    "",
    "secret-token is no JSON",
    "null",
    "{}",
    "[]",
    "-1",
    "[[1]",
    '[["Secretly",1]]',
    '[["BigInt","secret-1"]]',
    '[["Error",1],{"name":2,"hidden":3,"shown":3},"Function",{}]',
    '[["View",1],{"name":2,"bytes":3},"Array",[]]',
    '[{"__proto__":1},1]',
    "[[-7,-1]]",
  ].map(bytesOf),
  deterministic: true,
};

describe("structured(): PS pickle", () => {
  for (const law of codecLawsFor(subject)) test(law.title, () => law.run(subject));
});

describe("chain(structured(), gzip()): PS gzip pickle", () => {
  const zipped: CodecSubject = { ...subject, codec: chain(structured(), gzip()), whole: true };
  for (const law of codecLawsFor(zipped)) test(law.title, () => law.run(zipped));
});

test("structured() keeps or refuses any value, and bends none: DD-06, DD-70, DD-71", () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withObjectString: true,
    withTypedArray: true,
    withSparseArray: true,
  });
  let kept = 0;
  fc.assert(
    fc.property(anything, (value) => {
      let raw: Uint8Array;
      try {
        raw = structured().encode(value) as Uint8Array;
      } catch (error) {
        assertInstanceOf(error, TypeError);
        return;
      }
      kept++;
      assert(isEqual(structured().decode(raw), value));
    }),
    { numRuns: 500 },
  );
  assert(kept > 300, `only ${kept} of 500 were kept`);
});

test("structured() keeps cycles and what is shared", () => {
  const shared = { at: new Date(0) };
  const value: Record<string, unknown> = { shared, again: [shared], map: new Map() };
  value["self"] = value;
  (value["map"] as Map<unknown, unknown>).set(value, shared);
  const copy = copyOf(value);
  assertStrictEquals(copy.self, copy);
  assertStrictEquals(copy.again[0], copy.shared);
  assertStrictEquals(copy.map.get(copy), copy.shared);
});

test("structured() keeps errors: name, message, cause, own properties, cycles", () => {
  const error = Object.assign(new RangeError("too far"), { code: "E_FAR", name: "Far" });
  error.cause = new AggregateError([new Error("one"), error], "many");
  const copy = copyOf({ error }).error;
  assertInstanceOf(copy, RangeError);
  assertEquals([copy.name, copy.message, copy.stack], ["Far", "too far", error.stack]);
  assertEquals((copy as unknown as { code: string }).code, "E_FAR");
  assertEquals(Object.keys(copy).sort(), Object.keys(error).sort());
  const cause = copy.cause as AggregateError;
  assertInstanceOf(cause, AggregateError);
  assertEquals(cause.errors[0].message, "one");
  assertStrictEquals(cause.errors[1], copy);
});

test("structured() takes of a shared buffer only what a view shows", () => {
  const pool = bytesOf("neighbour's secret");
  class Chunk extends Uint8Array {}
  for (const view of [pool.subarray(0, 4), new Chunk(pool.buffer, 0, 4)]) {
    const raw = structured().encode({ view }) as Uint8Array;
    assertEquals((structured().decode(raw) as { view: Uint8Array }).view, bytesOf("neig"));
    assert(raw.length < 120);
  }
});

test("structured() pollutes no prototype and names the path, never the value", () => {
  assertThrows(() => structured().decode(bytesOf('[{"__proto__":1},{"polluted":2},true]')), SyntaxError);
  assertThrows(() => structured().decode(bytesOf('[["null","__proto__",1],{}]')), SyntaxError);
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
  const error = assertThrows(() => structured().encode({ user: { tags: [1, () => "secret"] } }), TypeError);
  assertEquals([error.message, error.cause], [
    "Cannot encode $.user.tags[1] as structured: it is none that a clone keeps",
    undefined,
  ]);
});

test("structured() refuses what is nested too deeply to be read again", () => {
  let value: unknown = 1;
  for (let i = 0; i < 1_000_000; i++) value = [value];
  assertThrows(() => structured().encode(value), TypeError, "nested too deeply");
});
