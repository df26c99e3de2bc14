import { assert, assertEquals, assertInstanceOf, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { describe, test } from "node:test";
import { json, type JsonOptions } from "../../src/codecs/json.ts";
import { codecLawsFor, type CodecSubject } from "../../src/testing/codec_laws.ts";
import { isEqual } from "../../src/testing/expect.ts";

const textOf = async (value: unknown, options?: JsonOptions) =>
  new TextDecoder().decode(await json(options).encode(value));
const parsed = async (text: string, options?: JsonOptions) =>
  await json(options).decode(new TextEncoder().encode(text));
const copyOf = async (value: unknown) => await json().decode(await json().encode(value));
const own = (key: string, value: unknown) => JSON.parse(`{${JSON.stringify(key)}:${JSON.stringify(value)}}`);

class Point {
  x = 1;
  toJSON() {
    return "a stranger";
  }
}

const plainValues = [
  null,
  true,
  0,
  -1.5e-300,
  Number.MAX_VALUE,
  "",
  "☃ \u0000 \uFEFF \u2028",
  "\uD800 alone, \uDC00 too",
  [],
  [[], [[1]], null],
  {},
  { a: { b: { c: [1, "two", false] } }, "": 1, "a.b": 2 },
  { $ref: "#/definitions/x" },
  { $date: 1, other: 2 },
  ["tuple", "fun", 1.0, [1, 2, 3, 4], "☃"],
  own("__proto__", { polluted: true }),
];

const taggedValues = [
  new Date(0),
  new Date(8.64e15),
  new Date(-8.64e15),
  0n,
  -(2n ** 200n),
  NaN,
  Infinity,
  -Infinity,
  -0,
  { a: undefined, b: [undefined, 1] },
  [1, , 3], // deno-lint-ignore-line no-sparse-arrays
  new Array(5),
  Object.assign([], { length: 1000, 7: new Date(7) }),
  new Map<unknown, unknown>([["a", 1], [{ b: 2 }, new Map([[NaN, new Set([undefined])]])]]),
  new Map(),
  new Set(["a", new Date(1), [new Set()]]),
  new Uint8Array(),
  Uint8Array.from({ length: 20_000 }, (_, i) => i),
  Uint8Array.of(1, 2, 3, 4).subarray(1, 3),
  Uint8Array.of(1, 2, 3).buffer,
  Int8Array.of(-1),
  Uint8ClampedArray.of(255),
  Int16Array.of(-300),
  Uint16Array.of(300),
  Int32Array.of(-70_000),
  Uint32Array.of(70_000),
  Float32Array.of(1.5, NaN),
  Float64Array.of(Math.PI, -0),
  BigInt64Array.of(-1n),
  BigUint64Array.of(2n ** 63n),
  new DataView(Uint8Array.of(1, 2, 3).buffer, 1),
  new URL("https://example.com/ä?q=1#f"),
  /a\/b[\n]/giu,
  new RegExp(""),
  { $date: "mine" },
  { $date: new Date(0) },
  { $: 1 },
  { $: { $date: "mine" } },
  { $: { $: {} } },
  { $map: [["a", { $set: [1n] }]] },
  own("__proto__", { $bigint: "1" }),
  Object.assign(own("__proto__", 1), { seen: new Date(0) }),
];

const refused = [
  undefined,
  () => 1,
  { f() {} },
  Symbol("s"),
  { [Symbol("s")]: 1 },
  new Point(),
  [{ deep: new Point() }],
  new Date(NaN),
  new (class extends Map {})(),
  new (class extends Array {})(),
  Object.create({ inherited: 1 }),
  new Error("e"),
  Object(1),
  Promise.resolve(1),
  new WeakMap(),
  "a-b".match(/(a)/),
  Object.assign([1], { toJSON: () => 1 }),
  { toJSON: () => 1 },
  Object.assign([, 1], { extra: 1 }), // deno-lint-ignore-line no-sparse-arrays
];

const subject: CodecSubject = {
  codec: json(),
  values: [...plainValues, ...taggedValues],
  refused,
  corrupt: [
    "",
    "{",
    "secret-token-1 is no JSON",
    '"secret-to\u0000ken"',
    "1 2",
    "\uFEFF1",
    '{"$bigint":"secret-1"}',
    '{"$date":"secret-1"}',
    '{"$date":5}',
    '{"$number":"1"}',
    '{"$undefined":false}',
    '{"$map":[["a"]]}',
    '{"$map":{}}',
    '{"$set":1}',
    '{"$bytes":"secret*!"}',
    '{"$Float64Array":"AAAA"}',
    '{"$url":"secret-path"}',
    '{"$regexp":["(secret","g"]}',
    '{"$sparse":[-1]}',
    '{"$sparse":[2,[2,1]]}',
  ].map((text) => new TextEncoder().encode(text)).concat(
    Uint8Array.of(0x22, 0xff, 0x22),
    Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22),
  ),
  deterministic: true,
};

describe("json()", () => {
  for (const law of codecLawsFor(subject)) test(law.title, () => law.run(subject));
});

describe("json({ plain: true })", () => {
  const plain: CodecSubject = {
    codec: json({ plain: true }),
    values: [...plainValues, { $date: "mine" }, { $: 1 }],
    refused: [...refused, NaN, -0, 1n, new Date(0), new Map(), { a: undefined }, [undefined], new Uint8Array(), /x/],
    deterministic: true,
  };
  for (const law of codecLawsFor(plain)) test(law.title, () => law.run(plain));
});

test("json() writes plain values as JSON.stringify() does: BK-10, DD-06, DD-70, PS-10", async () => {
  for (const value of [...plainValues, 7, "seven", { 1: 2 }, { text: "Hello World!" }]) {
    assertEquals(await textOf(value), JSON.stringify(value));
    assertEquals(await textOf(value, { plain: true }), JSON.stringify(value));
    assertEquals(await textOf(value, { indent: 2 }), JSON.stringify(value, null, 2));
  }
});

test("json() writes tags that people can read", async () => {
  const value = {
    at: new Date(0),
    big: 12n,
    ids: new Map([["a", new Set([1])]]),
    raw: Uint8Array.of(1, 2),
    gone: undefined,
  };
  assertEquals(
    await textOf(value),
    '{"at":{"$date":"1970-01-01T00:00:00.000Z"},"big":{"$bigint":"12"},"ids":{"$map":[["a",{"$set":[1]}]]},' +
      '"raw":{"$bytes":"AQI="},"gone":{"$undefined":true}}',
  );
  assertEquals(await textOf({ $date: "mine" }), '{"$":{"$date":"mine"}}');
});

test("json() keeps or refuses any value, and bends none: DD-06, DD-71", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withObjectString: true,
    withTypedArray: true,
    withSparseArray: true,
    key: fc.oneof(fc.string(), fc.constantFrom("$date", "$map", "$", "__proto__", "$undefined", "toJSON")),
  });
  let kept = 0;
  fc.assert(
    fc.property(anything, (value) => {
      let raw: Uint8Array;
      try {
        raw = json().encode(value) as Uint8Array;
      } catch (error) {
        assertInstanceOf(error, TypeError);
        return;
      }
      kept++;
      assert(isEqual(json().decode(raw), value));
    }),
    { numRuns: 500 },
  );
  assert(kept > 300, `only ${kept} of 500 were kept`);
});

test("json() reads any JSON text as JSON.parse() does, but tags", () => {
  const key = fc.oneof(fc.string(), fc.constantFrom("$", "a"));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(key, tie("value"), { maxKeys: 2 }),
    ),
  }));
  fc.assert(
    fc.property(value.map((value) => JSON.stringify(value)), (text) => {
      fc.pre(!text.includes('{"$":{"$'));
      assert(isEqual(json().decode(new TextEncoder().encode(text)), JSON.parse(text)));
    }),
    { numRuns: 500 },
  );
});

test("json() leaves a $ alone that no tag stands in", async () => {
  for (const text of ['{"$":[]}', '{"$":1}', '{"$":null}', '{"$":{}}', '{"$":{"id":"1"}}', '{"$":{"$date":1,"b":2}}']) {
    assertEquals(await parsed(text), JSON.parse(text));
    assertEquals(await copyOf(JSON.parse(text)), JSON.parse(text));
  }
  assertEquals(await parsed('{"$":{"id":{"$date":"1970-01-01T00:00:00.000Z"}}}'), { $: { id: new Date(0) } });
});

test("json() names the path to what it refuses, never the value", () => {
  const refusal = (value: unknown) => assertThrows(() => json().encode(value), TypeError).message;
  assertEquals(
    refusal({ user: { tags: [1, 2, 3, () => "secret"] } }),
    "Cannot encode $.user.tags[3] as json: it is a function",
  );
  assertEquals(refusal({ "a b": new Point() }), 'Cannot encode $["a b"] as json: it is an instance of Point');
  assertEquals(refusal(new Map([["k", [new Date(NaN)]]])), "Cannot encode $.k[0] as json: it is an invalid date");
  assertEquals(refusal([[], [Symbol("secret")]]), "Cannot encode $[1][0] as json: it is a symbol");
  assertEquals(refusal(undefined), "Cannot encode $ as json: it is undefined");
});

test("json() refuses a cycle and what is nested too deeply, and keeps what is shared", async () => {
  const cycle: Record<string, unknown> = { a: [1] };
  cycle["b"] = [{ back: cycle }];
  assertThrows(() => json().encode(cycle), TypeError, "it contains itself");
  const map = new Map();
  map.set("self", new Set([map]));
  assertThrows(() => json().encode(map), TypeError, "it contains itself");
  const nest = (depth: number) => {
    let value: unknown = 1n;
    for (let i = 0; i < depth; i++) value = i % 2 ? [value] : new Map([["in", value]]);
    return value;
  };
  assert(isEqual(await copyOf(nest(900)), nest(900)));
  assertThrows(() => json().encode(nest(100_000)), TypeError, "nested too deeply");
  const shared = { at: new Date(0) };
  assertEquals(await copyOf([shared, shared]), [shared, shared]);
});

test("json() keeps __proto__ as a key and touches no prototype", async () => {
  const read = await parsed('{"__proto__":{"polluted":{"$bigint":"1"}},"constructor":{"prototype":1}}') as object;
  assertEquals(Object.getPrototypeOf(read), Object.prototype);
  assert(Object.hasOwn(read, "__proto__"));
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
});

test("json() keeps an array of a huge length without going through it", async () => {
  const sparse: unknown[] = [];
  sparse.length = 2 ** 32 - 1;
  sparse[7] = 1n;
  assertEquals(await textOf(sparse), '{"$sparse":[4294967295,[7,{"$bigint":"1"}]]}');
  const copy = await copyOf(sparse) as unknown[];
  assertEquals([copy.length, Object.keys(copy), copy[7]], [2 ** 32 - 1, ["7"], 1n]);
});

test("json() reads an unknown tag as the object it is", async () => {
  assertEquals(await parsed('[{"$set-by-hand":1},{"$ref":"#/x"},"$date"]'), [
    { "$set-by-hand": 1 },
    { $ref: "#/x" },
    "$date",
  ]);
  assertEquals(await parsed('{"$date":"not a tag here"}', { plain: true }), { $date: "not a tag here" });
});

test("json() gives no error that holds the text it could not read", () => {
  const error = assertThrows(() => json().decode(new TextEncoder().encode("the secret token")), SyntaxError);
  assertEquals([error.message, error.cause], ["Cannot decode json: not JSON text", undefined]);
});

test("json() refuses unknown options and an indentation out of range", () => {
  assertThrows(() => json({ pretty: true } as JsonOptions), TypeError, "pretty");
  for (const indent of [-1, 11, 1.5, NaN]) assertThrows(() => json({ indent }), RangeError, "indent");
});

test("json() takes a subclass of Uint8Array for bytes", async () => {
  class Chunk extends Uint8Array {}
  const copy = await copyOf(new Chunk([1, 2]));
  assertEquals(copy, Uint8Array.of(1, 2));
  assertNotEquals(copy, [1, 2]);
});
