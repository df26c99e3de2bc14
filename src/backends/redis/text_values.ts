/**
 * Values as text, because a road to Redis may carry text only: UTF-8 stays the text that it is, readable in `redis-cli`;
 * other bytes are base64 behind a marker. In a hash the lifetime of a field stands in the marker, too.
 *
 * ```
 * {"name":"Ada"}                                 UTF-8, as it is
 * data:;base64,gAAB                              other bytes, and text that starts with the marker
 * data:;expires=1767225600000,{"name":"Ada"}     with a lifetime: milliseconds since the epoch
 * data:;expires=1767225600000;base64,gAAB
 * ```
 *
 * @module
 */

import { andThen } from "../../core/awaitable.ts";
import { fromBase64, toBase64 } from "../../core/base64.ts";
import type { Codec } from "../../core/codec.ts";
import { decodeUtf8 } from "../../core/utf8.ts";

const MARKER = "data:;";
const BASE64 = `${MARKER}base64,`;
const LIFETIME = /^data:;expires=(\d+)([,;])/;

/** The bytes as text. */
export function toText(bytes: Uint8Array): string {
  try {
    return escaped(decodeUtf8(bytes));
  } catch {
    return BASE64 + toBase64(bytes);
  }
}

/**
 * The bytes again.
 *
 * @throws {Error} If the text starts with the marker and is not what {@linkcode toText} writes.
 */
export function fromText(text: string): Uint8Array {
  if (!text.startsWith(MARKER)) return new TextEncoder().encode(text);
  if (!text.startsWith(BASE64)) throw new Error("Cannot decode: a marker is followed by nothing known");
  return fromBase64(text.slice(BASE64.length));
}

/** The text with a lifetime in front; `expiresAt` is a whole number. */
export function withLifetime(text: string, expiresAt: number): string {
  return `${MARKER}expires=${expiresAt}${text.startsWith(MARKER) ? text.slice(MARKER.length - 1) : `,${text}`}`;
}

/** The text without the lifetime in front of it, and that lifetime. */
export function splitLifetime(text: string): { readonly text: string; readonly expiresAt?: number } {
  const match = text.startsWith(MARKER) ? LIFETIME.exec(text) : null;
  if (!match) return { text };
  const [whole, expiresAt, end] = match;
  const rest = text.slice(whole.length);
  return { text: end === ";" ? MARKER + rest : rest, expiresAt: Number(expiresAt) };
}

/** The codec for a place that keeps text. */
export function textCodec<V>(codec: Codec<V, Uint8Array>): Codec<V, string> {
  const { name, text } = codec;
  return {
    name,
    encode: (value, key) => text ? escaped(text.encode(value)) : andThen(codec.encode(value, key), toText),
    decode: (raw, key) => text && !raw.startsWith(MARKER) ? text.decode(raw) : codec.decode(fromText(raw), key),
  };
}

function escaped(text: string): string {
  return text.startsWith(MARKER) ? BASE64 + toBase64(new TextEncoder().encode(text)) : text;
}
