/**
 * Brotli (RFC 7932) around bytes.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { checkCompression, compressed } from "../core/zlib.ts";

/** What {@linkcode brotli} is told. */
export interface BrotliOptions {
  /** From 0, fastest, to 11, smallest and 200 times slower. @default {4} */
  readonly level?: number | undefined;
  /** The most bytes that decoding may give; beyond it `too-large`. @default {Infinity} */
  readonly maxBytes?: number | undefined;
}

/** `BROTLI_PARAM_QUALITY` of `node:zlib`. */
const QUALITY = 1;

/**
 * Bytes as Brotli. The format has no checksum: bytes that were damaged are not always noticed, cut-off ones are. It has no
 * sign at its beginning either, so short values cannot be left as they are.
 *
 * It needs `node:zlib`; without, both ways are refused with `unsupported`.
 *
 * @throws {RangeError} If the level or the limit is out of its range.
 *
 * @example
 * ```ts
 * import { brotli } from "@everymap/everymap/codecs/brotli";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = brotli({ level: 5 });
 * assertEquals(codec.contentEncoding, "br");
 * assertEquals(await codec.decode(await codec.encode(new Uint8Array(1000))), new Uint8Array(1000));
 * ```
 */
export function brotli(options: BrotliOptions = {}): Codec<Uint8Array, Uint8Array> {
  checkOptions("brotli", options, ["level", "maxBytes"]);
  checkCompression("brotli", options, [0, 11]);
  return compressed({
    name: "brotli",
    contentEncoding: "br",
    extension: ".br",
    encoder: "brotliCompress",
    decoder: "brotliDecompress",
    encoderOptions: { params: { [QUALITY]: options.level ?? 4 } },
    maxBytes: options.maxBytes,
    isLenient: true,
  });
}
