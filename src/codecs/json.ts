/**
 * JSON text that keeps more than JSON can say.
 *
 * Plain values are plain JSON. What JSON has no word for is an object with one key, a tag:
 *
 * | value | text |
 * |---|---|
 * | `Date` | `{"$date":"2026-01-31T12:00:00.000Z"}` |
 * | `bigint` | `{"$bigint":"123"}` |
 * | `NaN`, `Infinity`, `-Infinity`, `-0` | `{"$number":"NaN"}` |
 * | `undefined` inside of something | `{"$undefined":true}` |
 * | `Map`, `Set` | `{"$map":[["key","value"]]}`, `{"$set":["value"]}` |
 * | `Uint8Array`, `ArrayBuffer` | `{"$bytes":"base64"}`, `{"$buffer":"base64"}` |
 * | other views | `{"$Float64Array":"base64"}`, little-endian |
 * | an array with holes | `{"$sparse":[3,[1,"value"]]}`: its length, then what is there |
 * | `URL`, `RegExp` | `{"$url":"https://…"}`, `{"$regexp":["source","flags"]}` |
 * | an object that looks like one of these | `{"$":{"$date":"a user's own"}}` |
 *
 * @module
 */

import { fromBase64, toBase64 } from "../core/base64.ts";
import { BYTE_VIEWS, byteView } from "../core/byte_views.ts";
import type { Codec, TextForm } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { type PlainFormat, type PlainWalk, setOwn, toPlain } from "../core/plain_walk.ts";
import { decodeUtf8 } from "../core/utf8.ts";

/** How {@linkcode json} writes. */
export interface JsonOptions {
  /** Whether only what JSON itself can say is accepted, and every object is read as it stands. @default {false} */
  readonly plain?: boolean | undefined;
  /** Spaces by which each level is indented, from 0 to 10. @default {0} */
  readonly indent?: number | undefined;
}

/**
 * A codec of values as JSON text in UTF-8.
 *
 * Functions, symbols, instances of classes, cycles and invalid dates are refused with a `TypeError` that names the path to
 * them. An object without a prototype comes back with the ordinary one, and what is shared comes back as copies.
 *
 * @throws {RangeError} If the indentation is out of its range.
 *
 * @example
 * ```ts
 * import { json } from "@everymap/everymap/codecs/json";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = json<{ name: string; seen: Date; tags: Set<string> }>();
 * const user = { name: "Ada", seen: new Date(0), tags: new Set(["maths"]) };
 * const raw = await codec.encode(user);
 * assertEquals(
 *   new TextDecoder().decode(raw),
 *   '{"name":"Ada","seen":{"$date":"1970-01-01T00:00:00.000Z"},"tags":{"$set":["maths"]}}',
 * );
 * assertEquals(await codec.decode(raw), user);
 * ```
 */
export function json<V = unknown>(options: JsonOptions = {}): Codec<V, Uint8Array> {
  checkOptions("json", options, ["plain", "indent"]);
  const { plain = false, indent = 0 } = options;
  if (!(Number.isInteger(indent) && indent >= 0 && indent <= 10)) {
    throw new RangeError("Cannot make json: indent must be an integer from 0 to 10");
  }
  const format = plain ? UNTAGGED : TAGGED;
  const encoder = new TextEncoder();
  const text: TextForm<V> = {
    encode(value) {
      if (value === undefined) throw new TypeError("Cannot encode $ as json: it is undefined");
      const sayable = toPlain(value, format);
      // With more arguments the engine takes its slow way.
      return indent === 0 ? JSON.stringify(sayable) : JSON.stringify(sayable, null, indent);
    },
    decode(text) {
      const value = parse(text);
      return (plain || !text.includes('"$') ? value : untag(value)) as V;
    },
  };
  return {
    name: "json",
    contentType: "application/json",
    extension: ".json",
    encode: (value) => encoder.encode(text.encode(value)),
    decode: (raw) => text.decode(decodeUtf8(raw)),
    text,
  };
}

// The engine's own message quotes the text.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError("Cannot decode json: not JSON text");
  }
}

function untag(value: unknown): unknown {
  try {
    return revive(value);
  } catch {
    throw new SyntaxError("Cannot decode json: a tag with something else than it stands for");
  }
}

const UNTAGGED: PlainFormat = { name: "json", replace: (value, walk) => walk.refuse(nameOf(value)) };

const TAGGED: PlainFormat = {
  name: "json",
  replace(value, walk) {
    switch (typeof value) {
      case "undefined":
        return { $undefined: true };
      case "number":
        return { $number: Object.is(value, -0) ? "-0" : `${value}` };
      case "bigint":
        return { $bigint: `${value}` };
      case "object":
        return tag(value!, walk);
      default:
        return walk.refuse(nameOf(value));
    }
  },
  replaceSingle: (object, key) => key === "$" || TAGS.has(key) ? { $: object } : object,
};

function tag(value: object, walk: PlainWalk): unknown {
  switch (Object.getPrototypeOf(value)) {
    case Date.prototype:
      if (Number.isNaN((value as Date).getTime())) walk.refuse("it is an invalid date");
      return { $date: (value as Date).toISOString() };
    case Map.prototype:
      return { $map: pairs(walk.visitParts(value, partsOfMap(value as Map<unknown, unknown>))) };
    case Set.prototype:
      return { $set: walk.visitParts(value, [...value as Set<unknown>].entries()) };
    case Array.prototype: {
      const { length } = value as unknown[];
      const there = Object.keys(value);
      if (there.some((key) => !(Number(key) < length && `${Number(key)}` === key))) {
        walk.refuse("it is an array with other keys");
      }
      const parts = walk.visitParts(value, there.map((key) => [Number(key), (value as unknown[])[Number(key)]]));
      return { $sparse: [length, ...parts.map((part, i) => [Number(there[i]), part])] };
    }
    case ArrayBuffer.prototype:
      return { $buffer: toBase64(new Uint8Array(value as ArrayBuffer)) };
    case URL.prototype:
      return { $url: (value as URL).href };
    case RegExp.prototype: {
      const { source, flags, lastIndex } = value as RegExp;
      return { $regexp: lastIndex === 0 ? [source, flags] : [source, flags, lastIndex] };
    }
  }
  // Also the platform's own kind, such as Node's Buffer.
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (ArrayBuffer.isView(value)) {
    const name = BYTE_VIEWS.find((name) => Object.getPrototypeOf(value) === byteView(name)?.prototype);
    if (name) return { [`$${name}`]: toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  }
  return walk.refuse(nameOf(value));
}

function* partsOfMap(map: Map<unknown, unknown>): Iterable<[string | number, unknown]> {
  let at = 0;
  for (const [key, value] of map) {
    yield [at, key];
    yield [typeof key === "string" ? key : at, value];
    at++;
  }
}

function pairs(flat: readonly unknown[]): unknown[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
}

/** What stands behind a tag; each throws if it cannot be. */
const TAGS: ReadonlyMap<string, (content: unknown) => unknown> = new Map<string, (content: unknown) => unknown>([
  ["$date", (content) => {
    const date = new Date(text(content));
    expect(date.toISOString() === content);
    return date;
  }],
  ["$bigint", (content) => BigInt(matching(/^-?\d+$/, content))],
  ["$number", (content) => Number(matching(/^(NaN|-?Infinity|-0)$/, content))],
  ["$undefined", (content) => expect(content === true) && undefined],
  ["$map", (content) => {
    const entries = list(revive(content));
    return new Map(entries.map((entry) => {
      const [key, value] = list(entry, 2);
      return [key, value];
    }));
  }],
  ["$set", (content) => new Set(list(revive(content)))],
  ["$sparse", (content) => {
    const [length, ...parts] = list(revive(content));
    const array: unknown[] = [];
    array.length = length as number;
    for (const part of parts) {
      const [index, value] = list(part, 2);
      expect(Number.isInteger(index) && (index as number) >= 0 && (index as number) < array.length);
      array[index as number] = value;
    }
    return array;
  }],
  ["$bytes", (content) => fromBase64(text(content))],
  ["$buffer", (content) => fromBase64(text(content)).buffer],
  ["$url", (content) => new URL(text(content))],
  ["$regexp", (content) => {
    const [source, flags, lastIndex = 0] = list(content);
    const regexp = new RegExp(text(source), text(flags));
    expect(Number.isInteger(lastIndex));
    regexp.lastIndex = lastIndex as number;
    return regexp;
  }],
  ...BYTE_VIEWS.map((name): [string, (content: unknown) => unknown] => [
    `$${name}`,
    (content) => new (byteView(name)!)(fromBase64(text(content)).buffer),
  ]),
]);

function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = revive(value[i]);
    return value;
  }
  const keys = Object.keys(value);
  const [key = ""] = keys;
  if (keys.length === 1 && key.startsWith("$")) {
    const content = (value as Record<string, unknown>)[key];
    const restore = TAGS.get(key);
    if (restore) return restore(content);
    if (key === "$" && looksLikeTag(content)) return reviveParts(content);
  }
  return reviveParts(value);
}

// Others write "$" too (XML's attributes, say): what this codec cannot have written stays as it stands.
function looksLikeTag(content: unknown): content is object {
  if (typeof content !== "object" || content === null || Array.isArray(content)) return false;
  const keys = Object.keys(content);
  return keys.length === 1 && keys[0]!.startsWith("$");
}

function reviveParts(object: object): object {
  for (const [key, part] of Object.entries(object)) {
    const revived = revive(part);
    if (revived !== part) setOwn(object, key, revived);
  }
  return object;
}

function expect(condition: boolean): true {
  if (!condition) throw new SyntaxError();
  return true;
}

function text(content: unknown): string {
  expect(typeof content === "string");
  return content as string;
}

function matching(pattern: RegExp, content: unknown): string {
  expect(pattern.test(text(content)));
  return content as string;
}

function list(content: unknown, length?: number): unknown[] {
  expect(Array.isArray(content) && (length === undefined || content.length === length));
  return content as unknown[];
}

function nameOf(value: unknown): string {
  if (typeof value === "number") return `it is ${Object.is(value, -0) ? "-0" : value}`;
  if (typeof value === "bigint") return "it is a bigint";
  if (typeof value !== "object" || value === null) {
    return `it is ${value === undefined ? "undefined" : `a ${typeof value}`}`;
  }
  if (Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype) return "it is an array with holes";
  const { name } = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } }).constructor ?? {};
  return typeof name === "string" && name !== "" ? `it is an instance of ${name}` : "it is an instance of a class";
}
