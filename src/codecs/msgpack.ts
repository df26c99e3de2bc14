/**
 * MessagePack (msgpack.org).
 *
 * What the format has no word for is an extension, of these application types:
 *
 * | type | value | data |
 * |---|---|---|
 * | 1 | `undefined` | none |
 * | 2 | `-0` | none |
 * | 3 | a `bigint` beyond 64 bits | its digits |
 * | 4, 5 | `Map`, `Set` | MessagePack: an array of keys and values in turn, of values |
 * | 6 | a string that begins with a byte order mark | UTF-8 |
 *
 * @module
 */

import { decode, Encoder, ExtData, ExtensionCodec } from "@msgpack/msgpack";
import type { Codec } from "../core/codec.ts";
import { type PlainFormat, toPlain } from "../core/plain_walk.ts";
import { decodeUtf8 } from "../core/utf8.ts";

const UNDEFINED = 1;
const NEGATIVE_ZERO = 2;
const BIGINT = 3;
const MAP = 4;
const SET = 5;
const TEXT = 6;
/** `Date`; the one extension that the format itself defines. */
const TIMESTAMP = -1;

const NOTHING = new Uint8Array();
const BYTE_ORDER_MARK = "\uFEFF";
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
/** The walk has refused what is deeper. */
const OPTIONS = { useBigInt64: true, maxDepth: 4000 };

/**
 * A codec of values as MessagePack: smaller than JSON, and bytes stay bytes.
 *
 * Numbers and bigints stay apart: a 64-bit integer of another program is read as a `bigint`. Functions, symbols, instances
 * of classes, views other than `Uint8Array`, arrays with holes, cycles, lone surrogates and the key `__proto__` are refused
 * with a `TypeError` that names the path to them.
 *
 * @example
 * ```ts
 * import { msgpack } from "@everymap/everymap/codecs/msgpack";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = msgpack<{ id: bigint; seen: Date; photo: Uint8Array }>();
 * const user = { id: 2n ** 60n, seen: new Date(0), photo: Uint8Array.of(1, 2) };
 * assertEquals(await codec.decode(await codec.encode(user)), user);
 * ```
 */
export function msgpack<V = unknown>(): Codec<V, Uint8Array> {
  return {
    name: "msgpack",
    contentType: "application/vnd.msgpack",
    extension: ".msgpack",
    encode(value) {
      if (value === undefined) throw new TypeError("Cannot encode $ as msgpack: it is undefined");
      return pack(toPlain(value, FORMAT));
    },
    decode: (raw) => unpack(raw) as V,
  };
}

const FORMAT: PlainFormat = {
  name: "msgpack",
  replace(value, walk) {
    switch (typeof value) {
      case "undefined":
        return new ExtData(UNDEFINED, NOTHING);
      case "number":
        return Object.is(value, -0) ? new ExtData(NEGATIVE_ZERO, NOTHING) : value;
      case "bigint":
        if (value >= MIN_INT64 && value <= MAX_UINT64) return value;
        return new ExtData(BIGINT, new TextEncoder().encode(`${value}`));
      case "object":
        switch (Object.getPrototypeOf(value)) {
          case Date.prototype:
            if (Number.isNaN((value as Date).getTime())) walk.refuse("it is an invalid date");
            return value;
          case Map.prototype: {
            const parts = [...value as Map<unknown, unknown>].flat(1);
            return new ExtData(MAP, pack(walk.visitParts(value!, parts.entries())));
          }
          case Set.prototype:
            return new ExtData(SET, pack(walk.visitParts(value!, [...value as Set<unknown>].entries())));
          case Array.prototype:
            return walk.refuse("it is an array with holes");
        }
        // Also the platform's own kind, such as Node's Buffer.
        if (value instanceof Uint8Array) return value;
        return walk.refuse("it is an instance of a class");
      default:
        return walk.refuse(`it is a ${typeof value}`);
    }
  },
  // The library's decoder drops a byte order mark.
  replaceText(text, walk) {
    if (!text.isWellFormed()) walk.refuse("it has a lone surrogate");
    return text.startsWith(BYTE_ORDER_MARK) ? new ExtData(TEXT, new TextEncoder().encode(text)) : text;
  },
  checkKey(key, walk) {
    if (!key.isWellFormed() || key.startsWith(BYTE_ORDER_MARK) || key === "__proto__") {
      walk.refuse("its key is none that msgpack keeps");
    }
  },
};

const EXTENSIONS = {
  tryToEncode: (object: unknown) => STANDARD.tryToEncode(object, undefined),
  decode(data: Uint8Array, type: number): unknown {
    switch (type) {
      case TIMESTAMP:
        return STANDARD.decode(data, type, undefined);
      case UNDEFINED:
        return undefined;
      case NEGATIVE_ZERO:
        return -0;
      case BIGINT:
        return toBigInt(decodeUtf8(data));
      case MAP: {
        const flat = toArray(unpack(data));
        if (flat.length % 2 !== 0) throw new RangeError("Cannot decode msgpack: a map has a key without a value");
        return new Map(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]));
      }
      case SET:
        return new Set(toArray(unpack(data)));
      case TEXT:
        return decodeUtf8(data);
      default:
        throw new RangeError(`Cannot decode msgpack: no extension of the type ${type} is known`);
    }
  },
};

const STANDARD = new ExtensionCodec();

function pack(value: unknown): Uint8Array {
  return new Encoder({ ...OPTIONS, extensionCodec: EXTENSIONS }).encode(value);
}

function unpack(raw: Uint8Array): unknown {
  return decode(raw, { ...OPTIONS, extensionCodec: EXTENSIONS });
}

function toArray(value: unknown): unknown[] {
  if (!Array.isArray(value)) {
    throw new RangeError("Cannot decode msgpack: an extension holds something else than an array");
  }
  return value;
}

// The engine's own message quotes the digits.
function toBigInt(digits: string): bigint {
  if (!/^-?\d+$/.test(digits)) {
    throw new RangeError("Cannot decode msgpack: an extension holds something else than digits");
  }
  return BigInt(digits);
}
