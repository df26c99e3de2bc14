/**
 * Bytes as they are.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";

/**
 * A codec of `Uint8Array` values that leaves them as they are.
 *
 * @example
 * ```ts
 * import { bytes } from "@everymap/everymap/codecs/bytes";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = bytes();
 * assertEquals(await codec.encode(Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
 * ```
 */
export function bytes(): Codec<Uint8Array, Uint8Array> {
  return { name: "bytes", contentType: "application/octet-stream", extension: "", encode, decode: plain };
}

function encode(value: Uint8Array): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("Cannot encode as bytes: not a Uint8Array");
  return plain(value);
}

// Some places answer with a class of their own, such as Node's Buffer.
function plain(bytes: Uint8Array): Uint8Array {
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
