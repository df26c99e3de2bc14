/** The text of arguments is the same for the same content and different for everything else. */

import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { callKey } from "../../src/cache/call_key.ts";

const DIFFERENT: readonly (readonly unknown[])[] = [
  [],
  [undefined],
  [null],
  [null, undefined],
  ["undefined"],
  ["null"],
  [""],
  ["", ""],
  ["a:", "b"],
  ["a", ":b"],
  ["a,b"],
  ["a", "b"],
  ['a","b'],
  ["1 2"],
  ["1", "2"],
  [1, 2],
  [12],
  [1],
  ["1"],
  [1n],
  ["1n"],
  [true],
  ["true"],
  [0],
  [-0],
  [NaN],
  ["NaN"],
  [Infinity],
  [-Infinity],
  [[]],
  [[undefined]],
  [[, 1]],
  [[undefined, 1]],
  [[1, 2]],
  [[1], 2],
  [[[1]], 2],
  [{}],
  [{ a: undefined }],
  [{ a: 1 }],
  [{ a: "1" }],
  [{ a: 1, b: 2 }],
  [{ a: 1 }, { b: 2 }],
  [{ "a:1": 1 }],
  [[["a", 1]]],
  [new Map([["a", 1]])],
  [new Map([["a", "1"]])],
  [new Map()],
  [new Set()],
  [new Set(["a", 1])],
  [new Set([1])],
  [new Set(["1"])],
  [new Date(0)],
  [new Date(1)],
  [new Date(NaN)],
  ["1970-01-01T00:00:00.000Z"],
  [new URL("https://example.com/")],
  ["https://example.com/"],
  [/a/],
  [/a/g],
  ["/a/"],
  [new Uint8Array([1, 2])],
  [new Uint8Array([1, 2]).buffer],
  [new Int8Array([1, 2])],
  [new Uint16Array([513])],
  [new DataView(new Uint8Array([1, 2]).buffer)],
  ["Uint8Array(AQI=)"],
  ["\ud800"],
  ["\udc00"],
  ["méil drôle"],
  ["me\u0301il drôle"],
];

describe("callKey()", () => {
  test("tells apart what is different (X-17, CT-45, DP-D24, DP-D27)", () => {
    const keys = DIFFERENT.map(callKey);
    for (const [i, key] of keys.entries()) assertEquals(keys.indexOf(key), i, `${key} twice`);
  });

  test("is the same for what is equal (CT-45, DP-D21, DP-D22, DP-D23: whatever the order of names)", () => {
    const same: readonly (readonly [readonly unknown[], readonly unknown[]])[] = [
      [[{ foo: 42, bar: "qux" }], [{ bar: "qux", foo: 42 }]],
      [[{ a: { c: 1, b: 2 } }], [{ a: { b: 2, c: 1 } }]],
      [[Object.assign(Object.create(null), { a: 1 })], [{ a: 1 }]],
      [[new Map([["a", 1], ["b", 2]])], [new Map([["b", 2], ["a", 1]])]],
      [[new Set([{ a: 1 }, 2])], [new Set([2, { a: 1 }])]],
      [[new Uint8Array([9, 1, 2]).subarray(1)], [new Uint8Array([1, 2])]],
    ];
    for (const [one, other] of same) assertEquals(callKey(one), callKey(other));
  });

  test("is text that people can read", () => {
    assertEquals(callKey([]), "");
    assertEquals(callKey([1, 42]), "1,42");
    assertEquals(callKey(["méil drôle", 1n, -0, null]), '"méil drôle",1n,-0,null');
    assertEquals(callKey([{ to: new Date(5), from: [1, , undefined] }]), '{"from":[1,hole,undefined],"to":Date(5)}');
    assertEquals(callKey([new Map([["b", 2], ["a", 1]])]), 'Map("a"=>1,"b"=>2)');
    assertEquals(callKey([new Uint8Array([1, 2]), /a"/g]), 'Uint8Array(AQI=),RegExp("a\\"","g")');
  });

  test("is well-formed text whatever the arguments are", () => {
    assertEquals(callKey(["\ud800", { "\udc00": 1 }]).isWellFormed(), true);
  });

  test("refuses what has no content to tell by, and names the path to it", () => {
    class User {}
    const refused: readonly (readonly [readonly unknown[], string])[] = [
      [[() => 1], "Cannot make a key of args[0]: it is a function"],
      [[1, Symbol("s")], "Cannot make a key of args[1]: it is a symbol"],
      [[{ of: [new User()] }], "Cannot make a key of args[0].of[0]: it is an instance of User"],
      [[{ "a b": new WeakMap() }], 'Cannot make a key of args[0]["a b"]: it is an instance of WeakMap'],
      [[new (class {})()], "Cannot make a key of args[0]: it is an instance of a class"],
      [[Object.create({})], "Cannot make a key of args[0]: it is an instance of Object"],
      [[new Map([["a", new User()]])], "Cannot make a key of args[0][1]: it is an instance of User"],
      [[Promise.resolve(1)], "Cannot make a key of args[0]: it is an instance of Promise"],
      [[new Error("e")], "Cannot make a key of args[0]: it is an instance of Error"],
      [[{ [Symbol.iterator]: 1 }], "Cannot make a key of args[0]: it has symbols for keys"],
      [[Object.assign([1], { more: 2 })], "Cannot make a key of args[0]: it is an array with other keys"],
      [[Object.assign([1, , 3], { more: 2 })], "Cannot make a key of args[0]: it is an array with other keys"],
    ];
    for (const [args, message] of refused) assertThrows(() => callKey(args), TypeError, message);
  });

  test("refuses what contains itself or is nested too deeply", () => {
    const self: Record<string, unknown> = {};
    self["list"] = [self];
    assertThrows(() => callKey([self]), TypeError, "Cannot make a key of args[0].list[0]: it contains itself");
    const set = new Set<unknown>();
    set.add(set);
    assertThrows(() => callKey([set]), TypeError, "contains itself");
    let deep: unknown[] = [];
    for (let i = 0; i < 2000; i++) deep = [deep];
    assertThrows(() => callKey([deep]), TypeError, "nested too deeply");
  });

  test("takes what is shared but no cycle", () => {
    const shared = { a: 1 };
    assertEquals(callKey([[shared, shared]]), '[{"a":1},{"a":1}]');
  });
});

// Values whose equality is that of an independent description, each with a twin that differs in the order of its parts.
interface Described {
  readonly value: unknown;
  readonly twin: unknown;
  readonly description: unknown;
}
const leaf = (value: unknown, ...description: unknown[]): Described => ({ value, twin: value, description });
const sorted = (descriptions: readonly unknown[]) => descriptions.map((one) => JSON.stringify(one)).sort();
const isObject = ({ value }: Described) => typeof value === "object" && value !== null;
const { described } = fc.letrec<{ described: Described }>((tie) => ({
  described: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom("1", "1n", ":", ",", '"', "a:", ":a", "null", "\ud800"))
      .map((text) => leaf(text, "string", text)),
    fc.constantFrom(0, 1, 2, NaN, -1).map((number) => leaf(number, "number", `${number}`)),
    fc.constant(leaf(-0, "number", "-0")),
    fc.bigInt({ min: 0n, max: 2n }).map((bigint) => leaf(bigint, "bigint", `${bigint}`)),
    fc.constantFrom(true, false, null, undefined).map((word) => leaf(word, "word", `${word}`)),
    fc.nat({ max: 2 }).map((at) => leaf(new Date(at), "date", at)),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => leaf(bytes, "bytes", ...bytes)),
    fc.array(tie("described"), { maxLength: 3 }).map((parts) => ({
      value: parts.map(({ value }) => value),
      twin: parts.map(({ twin }) => twin),
      description: ["array", ...parts.map(({ description }) => description)],
    })),
    fc.array(tie("described").filter(isObject), { maxLength: 3 }).map((parts) => ({
      value: new Set(parts.map(({ value }) => value)),
      twin: new Set(parts.map(({ twin }) => twin).reverse()),
      description: ["set", ...sorted(parts.map(({ description }) => description))],
    })),
    fc.dictionary(fc.constantFrom("a", "b", "a:", ","), tie("described"), { maxKeys: 3 }).map((parts) => ({
      value: Object.fromEntries(Object.entries(parts).map(([key, { value }]) => [key, value])),
      twin: Object.fromEntries(Object.entries(parts).reverse().map(([key, { twin }]) => [key, twin])),
      description: ["object", ...sorted(Object.entries(parts).map(([key, { description }]) => [key, description]))],
    })),
    fc.dictionary(fc.constantFrom("a", "b", "=>"), tie("described"), { maxKeys: 3 }).map((parts) => ({
      value: new Map(Object.entries(parts).map(([key, { value }]) => [key, value])),
      twin: new Map(Object.entries(parts).reverse().map(([key, { twin }]) => [key, twin])),
      description: ["map", ...sorted(Object.entries(parts).map(([key, { description }]) => [key, description]))],
    })),
  ),
}));
const calls = fc.array(described, { maxLength: 3 });
const contentOf = (args: readonly Described[]) => JSON.stringify(args.map(({ description }) => description));

test("callKey() is the same for arguments of the same content, any (X-17)", () => {
  fc.assert(
    fc.property(calls, (args) => {
      assertEquals(callKey(args.map(({ value }) => value)), callKey(args.map(({ twin }) => twin)));
    }),
    { numRuns: 1000 },
  );
});

test("callKey() is different for arguments of different content, any (X-17)", () => {
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(calls, (args) => {
      const key = callKey(args.map(({ value }) => value));
      const description = contentOf(args);
      assertEquals(seen.get(key) ?? description, description);
      seen.set(key, description);
    }),
    { numRuns: 5000 },
  );
});
