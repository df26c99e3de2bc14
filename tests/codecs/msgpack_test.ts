import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { describe, test } from "node:test";
import { msgpack } from "../../src/codecs/msgpack.ts";
import { codecLawsFor, type CodecSubject } from "../../src/testing/codec_laws.ts";
import { isEqual } from "../../src/testing/expect.ts";
import { anyString } from "../../src/testing/laws/any_string.ts";

const subject: CodecSubject = {
  codec: msgpack(),
  values: [
    null,
    true,
    0,
    -0,
    2 ** 31,
    2 ** 53,
    -(2 ** 60),
    1.5,
    NaN,
    -Infinity,
    0n,
    2n ** 64n - 1n,
    -(2n ** 63n),
    2n ** 64n,
    -(2n ** 63n) - 1n,
    "",
    "☃",
    "\uFEFF" + "a".repeat(500),
    "a\uFEFF".repeat(300),
    { long: "k".repeat(1000) },
    new Date(0),
    new Date(-1),
    new Date(8.64e15),
    new Date(-8.64e15),
    new Date(17_179_869_184_000),
    new Uint8Array(),
    Uint8Array.from({ length: 70_000 }, (_, i) => i),
    [],
    {},
    [undefined, null],
    { a: undefined, "": 1 },
    new Map<unknown, unknown>([["a", 1], [{ b: 2 }, new Map([[-0, new Set([undefined, 2n ** 70n])]])]]),
    new Map(),
    new Set([new Date(1), [new Set()]]),
    ["tuple", "fun", 1.0, [1, 2, 3, 4], "☃"],
  ],
  refused: [
    undefined,
    () => 1,
    Symbol("s"),
    { f() {} },
    { [Symbol("s")]: 1 },
    new (class Point {})(),
    new (class extends Map {})(),
    new Date(NaN),
    Int16Array.of(1),
    new ArrayBuffer(1),
    /x/,
    new URL("https://example.com"),
    new Error("e"),
    "\uD800",
    { "\uDC00": 1 },
    JSON.parse('{"__proto__":1}'),
    [1, , 3], // deno-lint-ignore-line no-sparse-arrays
  ],
  corrupt: [
    [],
    [0xc1],
    [0x92, 1],
    [0xa5, 97],
    [1, 2],
    [0xd4, 9, 0],
    [0xd4, 3, 0x78],
    [0xd4, 4, 1],
    [0xd5, 4, 0x91, 1],
    [0xd4, 5, 1],
    [0xd4, 6, 0xff],
    [0x81, 0xa9, ...new TextEncoder().encode("__proto__"), 1],
  ].map((bytes) => Uint8Array.from(bytes)),
  whole: true,
  deterministic: true,
};

describe("msgpack(): CT-61, CT-64", () => {
  for (const law of codecLawsFor(subject)) test(law.title, () => law.run(subject));
});

test("msgpack() keeps or refuses any value, and bends none: CT-64, DD-06", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withObjectString: true,
    withSparseArray: true,
    key: fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constant("__proto__")),
  });
  let kept = 0;
  fc.assert(
    fc.property(anything, (value) => {
      let raw: Uint8Array;
      try {
        raw = msgpack().encode(value) as Uint8Array;
      } catch (error) {
        assertInstanceOf(error, TypeError);
        return;
      }
      kept++;
      assert(isEqual(msgpack().decode(raw), value));
    }),
    { numRuns: 500 },
  );
  assert(kept > 250, `only ${kept} of 500 were kept`);
});

test("msgpack() keeps every date, bigint and string", () => {
  const same = (value: unknown) => assert(isEqual(msgpack().decode(msgpack().encode(value) as Uint8Array), value));
  fc.assert(fc.property(fc.date({ noInvalidDate: true }), same));
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), same));
  fc.assert(fc.property(fc.double(), same));
  fc.assert(fc.property(anyString(400), same));
});

test("msgpack() writes what other programs read", () => {
  const hex = (value: unknown) =>
    Array.from(msgpack().encode(value) as Uint8Array, (byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEquals(hex({ compact: true, schema: 0 }), "82a7636f6d70616374c3a6736368656d6100");
  assertEquals(hex([null, -1, 300, "é", Uint8Array.of(7)]), "95c0ffcd012ca2c3a9c40107");
  assertEquals(hex(new Date(1000)), "d6ff00000001");
});

test("msgpack() names the path to what it refuses, and a cycle", () => {
  const message = assertThrows(() => msgpack().encode({ a: [1, { b: () => "secret" }] }), TypeError).message;
  assertEquals(message, "Cannot encode $.a[1].b as msgpack: it is a function");
  const cycle: unknown[] = [];
  cycle.push(new Set([cycle]));
  assertThrows(() => msgpack().encode(cycle), TypeError, "it contains itself");
});
