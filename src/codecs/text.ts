/**
 * Strings as UTF-8.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { decodeUtf8 } from "../core/utf8.ts";

/**
 * A codec of strings: the file is the text. A byte order mark is a character like any other.
 *
 * @example
 * ```ts
 * import { text } from "@everymap/everymap/codecs/text";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = text();
 * assertEquals(await codec.decode(await codec.encode("☃")), "☃");
 * ```
 */
export function text(): Codec<string, Uint8Array> {
  return {
    name: "text",
    contentType: "text/plain; charset=utf-8",
    extension: ".txt",
    encode: (value) => new TextEncoder().encode(checked(value)),
    decode: decodeUtf8,
    text: { encode: checked, decode: (text) => text },
  };
}

function checked(value: string): string {
  if (typeof value !== "string") throw new TypeError("Cannot encode as text: not a string");
  if (!value.isWellFormed()) throw new TypeError("Cannot encode as text: UTF-8 has no lone surrogates");
  return value;
}
