/**
 * A schema around a codec: what does not fit is neither written nor read.
 *
 * @module
 */

import { andThen, type Awaitable } from "../core/awaitable.ts";
import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";

/** A schema of any library that speaks Standard Schema: Zod, Valibot, ArkType and others (standardschema.dev). */
export interface StandardSchema<Output = unknown> {
  /** The schema's own side of the standard. */
  readonly "~standard": {
    /** The version of the standard. */
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    /** The value as the schema puts it, or what is wrong with it. */
    readonly validate: (value: unknown) => Awaitable<SchemaResult<Output>>;
    /** The types of the schema; never there at run time. */
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** How {@linkcode validated} treats values of another shape. */
export interface ValidatedOptions {
  /** Turns a value that does not fit any more, as it was written, into one that does. @default {it is refused} */
  readonly upgrade?: ((value: unknown) => unknown) | undefined;
}

/**
 * A codec whose values fit a schema, when they are written and when they are read. What is written and what is read is what
 * the schema makes of the value, so its output has to fit its own input: no schema that turns strings into numbers.
 *
 * @example Old shapes
 * ```ts
 * import { json } from "@everymap/everymap/codecs/json";
 * import { type StandardSchema, validated } from "@everymap/everymap/codecs/validated";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const schema: StandardSchema<{ age: number }> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "by hand",
 *     validate: (value) =>
 *       typeof (value as { age: unknown }).age === "number"
 *         ? { value: value as { age: number } }
 *         : { issues: [{ message: "expected a number", path: ["age"] }] },
 *   },
 * };
 * const codec = validated(schema, json(), { upgrade: (old) => ({ age: Number((old as { age: string }).age) }) });
 * assertEquals(await codec.decode(await json().encode({ age: "36" })), { age: 36 });
 * await assertRejects(async () => codec.encode({ age: "36" } as never), TypeError, "$.age: expected a number");
 * ```
 */
export function validated<Output, Raw = Uint8Array>(
  schema: StandardSchema<Output>,
  codec: Codec<unknown, Raw> | Codec<NoInfer<Output>, Raw>,
  options: ValidatedOptions = {},
): Codec<Output, Raw> {
  checkOptions("validated", options, ["upgrade"]);
  const standard = schema?.["~standard"];
  if (typeof standard?.validate !== "function") throw new TypeError("Cannot make validated: not a Standard Schema");
  const inner = codec as Codec<Output, Raw>;
  const { name, contentType, contentEncoding, extension, streams } = inner;
  const { upgrade } = options;

  const expect = (operation: string, value: unknown, { issues, ...fit }: SchemaResult<Output>): Output => {
    if (!issues) return (fit as { value: Output }).value;
    const texts = issues.slice(0, 5).map((issue) => toText(issue, value));
    throw new TypeError(`Cannot ${operation} ${name}: ${texts.join("; ")}`);
  };
  const validate = <T>(value: unknown, next: (result: SchemaResult<Output>) => Awaitable<T>): Awaitable<T> =>
    andThen(standard.validate(value), next);
  return {
    name,
    contentType,
    contentEncoding,
    extension,
    streams,
    encode: (value, key) => validate(value, (result) => inner.encode(expect("encode", value, result), key)),
    decode: (raw, key) =>
      andThen(inner.decode(raw, key) as Awaitable<unknown>, (value) =>
        validate(value, (result) => {
          if (!result.issues || !upgrade) return expect("decode", value, result);
          return andThen(upgrade(value), (newer) => validate(newer, (result) => expect("decode", newer, result)));
        })),
  };
}

// Some libraries quote in their messages what they were given.
function toText({ message, path = [] }: SchemaIssue, value: unknown): string {
  let where = "$";
  let part = value;
  for (const segment of path) {
    const key = typeof segment === "object" ? segment.key : segment;
    where += `.${String(key)}`;
    part = part instanceof Map ? part.get(key) : (part as Record<PropertyKey, unknown> | null | undefined)?.[key];
  }
  const isQuotable = typeof part === "string" || typeof part === "number" || typeof part === "bigint";
  return `${where}: ${isQuotable && part !== "" ? message.replaceAll(`${part}`, "…") : message}`;
}
