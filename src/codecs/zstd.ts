/**
 * Zstandard (RFC 8878) around bytes.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { checkCompression, compressed } from "../core/zlib.ts";

/** What {@linkcode zstd} is told. */
export interface ZstdOptions {
  /** From 1, fastest, to 22, smallest. @default {3} */
  readonly level?: number | undefined;
  /** The most bytes that decoding may give; beyond it `too-large`. @default {Infinity} */
  readonly maxBytes?: number | undefined;
}

/** `ZSTD_c_compressionLevel` and `ZSTD_c_checksumFlag` of `node:zlib`. */
const LEVEL = 100;
const CHECKSUM = 201;

/**
 * Bytes as Zstandard with a checksum: for long values four times as fast as gzip and about as small.
 *
 * It needs `node:zlib` of Node 22.15, Deno, Bun or workerd; without, both ways are refused with `unsupported`.
 *
 * @throws {RangeError} If the level or the limit is out of its range.
 *
 * @example
 * ```ts
 * import { zstd } from "@everymap/everymap/codecs/zstd";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = zstd({ level: 9 });
 * assertEquals(codec.extension, ".zst");
 * assertEquals(await codec.decode(await codec.encode(new Uint8Array(1000))), new Uint8Array(1000));
 * ```
 */
export function zstd(options: ZstdOptions = {}): Codec<Uint8Array, Uint8Array> {
  checkOptions("zstd", options, ["level", "maxBytes"]);
  checkCompression("zstd", options, [1, 22]);
  return compressed({
    name: "zstd",
    contentEncoding: "zstd",
    extension: ".zst",
    encoder: "zstdCompress",
    decoder: "zstdDecompress",
    encoderOptions: { params: { [LEVEL]: options.level ?? 3, [CHECKSUM]: 1 } },
    maxBytes: options.maxBytes,
    isLenient: true,
  });
}
