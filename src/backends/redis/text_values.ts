/**
 * Bytes as text, because a road to Redis may carry text only: UTF-8 stays the text that it is, readable in `redis-cli`;
 * other bytes are base64 behind a marker. A hash without lifetimes of its own keeps the one of a field in the marker, too.
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

import { fromBase64, toBase64 } from "../../core/base64.ts";
import { decodeUtf8 } from "../../core/utf8.ts";

/** What a text says. */
export interface TextValue {
  readonly value: Uint8Array;
  /** Milliseconds since the epoch; `undefined` = never expires, or kept elsewhere. */
  readonly expiresAt?: number | undefined;
}

const MARKER = "data:;";
const HEADER = /^data:;(?:expires=(\d+)(?:;(base64))?|(base64)),/;
let encoder: TextEncoder | undefined;

/** The text to store; `expiresAt` is a whole number. */
export function toText(bytes: Uint8Array, expiresAt?: number): string {
  const text = toUtf8(bytes);
  const isPlain = text !== undefined && !text.startsWith(MARKER);
  const lifetime = expiresAt === undefined ? "" : `expires=${expiresAt}`;
  if (isPlain) return lifetime ? `${MARKER}${lifetime},${text}` : text;
  return `${MARKER}${lifetime}${lifetime && ";"}base64,${toBase64(bytes)}`;
}

/**
 * What the text says.
 *
 * @throws {Error} If it starts with the marker and is not what {@linkcode toText} writes.
 */
export function fromText(text: string): TextValue {
  if (!text.startsWith(MARKER)) return { value: (encoder ??= new TextEncoder()).encode(text) };
  const header = HEADER.exec(text);
  if (!header) throw new Error("Cannot read: its marker is followed by nothing known");
  const [whole, expiresAt, ...isBase64] = header;
  const rest = text.slice(whole.length);
  return {
    value: isBase64.some(Boolean) ? fromBase64(rest) : (encoder ??= new TextEncoder()).encode(rest),
    expiresAt: expiresAt === undefined ? undefined : Number(expiresAt),
  };
}

function toUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch {
    return undefined;
  }
}
