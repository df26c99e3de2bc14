/**
 * Everything that a structured clone keeps, as text in the format of devalue: for what other languages pickle.
 *
 * @module
 */

import { defaultStringifyOperations, DevalueError, stringify, unflatten } from "devalue";
import { BYTE_VIEWS, type ByteView, byteView } from "../core/byte_views.ts";
import type { Codec } from "../core/codec.ts";
import { decodeUtf8 } from "../core/utf8.ts";

/**
 * A codec of whole object graphs: cycles, shared references, `Map`, `Set`, `Date`, `RegExp`, `URL`, `bigint`, boxed
 * primitives, typed arrays, errors with their causes, holes, `undefined` and `-0` come back as they were.
 *
 * Reading runs none of the stored values: only the kinds named above are built. Functions, symbols, promises, instances of
 * other classes and the key `__proto__` are refused with a `TypeError`. A view of a part of a buffer takes that part alone.
 *
 * @example
 * ```ts
 * import { structured } from "@everymap/everymap/codecs/structured";
 * import { assert } from "@std/assert";
 *
 * interface Person {
 *   friends: Set<Person>;
 * }
 * const codec = structured<Person>();
 * const ada: Person = { friends: new Set() };
 * ada.friends.add(ada);
 * const copy = await codec.decode(await codec.encode(ada));
 * assert(copy !== ada && copy.friends.has(copy));
 * ```
 */
export function structured<V = unknown>(): Codec<V, Uint8Array> {
  return {
    name: "structured",
    contentType: "application/json",
    extension: ".devalue.json",
    encode(value) {
      if (value === undefined) throw new TypeError("Cannot encode $ as structured: it is undefined");
      return new TextEncoder().encode(write(value));
    },
    decode: (raw) => read(decodeUtf8(raw)) as V,
  };
}

function write(value: unknown): string {
  try {
    return stringify(value, { Error: reduceError, View: reduceView }, { operations: OPERATIONS });
  } catch (error) {
    // The error of the library holds the value.
    if (error instanceof DevalueError) throw refusal(`$${error.path}`.slice(0, 200), "it is none that a clone keeps");
    if (error instanceof RangeError) throw refusal("$", "it is nested too deeply");
    throw error;
  }
}

function refusal(path: string, what: string): TypeError {
  return new TypeError(`Cannot encode ${path} as structured: ${what}`);
}

function read(text: string): unknown {
  let value: unknown;
  try {
    const errors = new WeakMap<ErrorParts, Error>();
    value = unflatten(JSON.parse(text), {
      Error: (parts: ErrorParts) => reviveError(parts, errors),
      View: ({ name, bytes }: ViewParts) => new (VIEWS.get(name)!)(bytes.buffer),
    });
  } catch {
    // What is thrown here may quote the text.
  }
  if (value === undefined) throw new SyntaxError("Cannot decode structured: not in its format");
  return value;
}

interface ViewParts {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface ErrorParts {
  readonly name: string;
  /** `message`, `stack`, `cause` and the like, which do not show up among the keys. */
  readonly hidden: object;
  readonly shown: object;
}

const VIEWS: ReadonlyMap<string, ByteView> = new Map(
  ["Uint8Array", ...BYTE_VIEWS].flatMap((name) => {
    const view = byteView(name);
    return view ? [[name, view] as const] : [];
  }),
);

const ERRORS: ReadonlyMap<string, () => Error> = new Map([
  ["Error", () => new Error()],
  ["EvalError", () => new EvalError()],
  ["RangeError", () => new RangeError()],
  ["ReferenceError", () => new ReferenceError()],
  ["SyntaxError", () => new SyntaxError()],
  ["TypeError", () => new TypeError()],
  ["URIError", () => new URIError()],
  ["AggregateError", () => new AggregateError([])],
]);
const HIDDEN = ["name", "message", "stack", "cause", "errors"];

// Kinds are told apart by their prototypes: a subclass would come back as what it was derived from.
const KNOWN: ReadonlySet<unknown> = new Set<unknown>([
  null,
  ...[Object, Array, Date, RegExp, Map, Set, URL, URLSearchParams, ArrayBuffer, Number, String, Boolean, BigInt],
  ...VIEWS.values(),
].map((kind) => (kind as { prototype: object } | null)?.prototype ?? null));

const OPERATIONS = {
  tagOf: (thing: object): string => isKnown(thing) ? defaultStringifyOperations.tagOf(thing) : "Unknown",
  shapeOf: (thing: object): ReturnType<typeof defaultStringifyOperations.shapeOf> =>
    isKnown(thing) ? defaultStringifyOperations.shapeOf(thing) : { kind: "not-plain" },
};

function isKnown(thing: object): boolean {
  const prototype = Object.getPrototypeOf(thing);
  if (!KNOWN.has(prototype)) return false;
  // Some platforms keep the inner state of a URL under symbols.
  const isPlain = prototype === null || prototype === Object.prototype || prototype === Array.prototype;
  if (isPlain && Object.getOwnPropertySymbols(thing).length > 0) return false;
  // An array with other keys than its indices would lose them.
  const last = Array.isArray(thing) ? Object.keys(thing).at(-1) : undefined;
  return last === undefined || `${Number(last) >>> 0}` === last;
}

function reduceView(thing: unknown): ViewParts | undefined {
  if (!ArrayBuffer.isView(thing)) return undefined;
  const { buffer, byteOffset, byteLength } = thing;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  // Node's Buffer is a view of memory that belongs to others too.
  const isOwnKind = KNOWN.has(Object.getPrototypeOf(thing));
  if (isOwnKind && byteLength === buffer.byteLength) return undefined;
  const name = isOwnKind ? thing.constructor.name : thing instanceof Uint8Array ? "Uint8Array" : "";
  return VIEWS.has(name) ? { name, bytes: new Uint8Array(bytes) } : undefined;
}

function reduceError(thing: unknown): ErrorParts | undefined {
  if (!(thing instanceof Error)) return undefined;
  const { name } = thing.constructor;
  const kind = (globalThis as unknown as Record<string, { prototype: object } | undefined>)[name];
  if (!ERRORS.has(name) || Object.getPrototypeOf(thing) !== kind?.prototype) return undefined;
  const shown: Record<string, unknown> = { ...thing };
  const hidden: Record<string, unknown> = {};
  for (const key of HIDDEN) {
    if (Object.hasOwn(thing, key) && !Object.hasOwn(shown, key)) hidden[key] = (thing as unknown as typeof hidden)[key];
  }
  return { name, hidden, shown };
}

// In a cycle an error is asked for while its parts are still being read, and once more when they are complete.
function reviveError(parts: ErrorParts, known: WeakMap<ErrorParts, Error>): Error {
  let error = known.get(parts);
  if (!error) {
    error = ERRORS.get(parts.name)!();
    known.set(parts, error);
  }
  const common = { writable: true, configurable: true };
  for (const [key, value] of Object.entries(parts.hidden ?? {})) {
    if (HIDDEN.includes(key)) Object.defineProperty(error, key, { ...common, value, enumerable: false });
  }
  for (const [key, value] of Object.entries(parts.shown ?? {})) {
    Object.defineProperty(error, key, { ...common, value, enumerable: true });
  }
  return error;
}
