/**
 * gzip (RFC 1952) around bytes.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { portableCompression } from "../core/portable_compression.ts";
import { sparingShort } from "../core/short_values.ts";
import { checkCompression, compressed } from "../core/zlib.ts";

/** What {@linkcode gzip} is told. */
export interface GzipOptions {
  /** From 0, none, to 9, smallest. @default {6} */
  readonly level?: number | undefined;
  /** The most bytes that decoding may give; beyond it `too-large`. @default {Infinity} */
  readonly maxBytes?: number | undefined;
  /** Values of fewer bytes are kept as they are, and no content coding is named. @default {0} */
  readonly minBytes?: number | undefined;
}

/**
 * Bytes as gzip, which every HTTP client and every command line can read.
 *
 * Without `node:zlib` it stands on `CompressionStream`, and on fflate where a level is asked for.
 *
 * @throws {RangeError} If the level or the limit is out of its range.
 *
 * @example Files that `zcat` reads
 * ```ts
 * import { chain } from "@everymap/everymap/codecs/chain";
 * import { gzip } from "@everymap/everymap/codecs/gzip";
 * import { json } from "@everymap/everymap/codecs/json";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = chain(json<{ name: string }>(), gzip({ level: 9 }));
 * assertEquals(codec.extension, ".json.gz");
 * assertEquals(await codec.decode(await codec.encode({ name: "Ada" })), { name: "Ada" });
 * ```
 */
export function gzip(options: GzipOptions = {}): Codec<Uint8Array, Uint8Array> {
  checkOptions("gzip", options, ["level", "maxBytes", "minBytes"]);
  checkCompression("gzip", options, [0, 9]);
  const codec = compressed({
    name: "gzip",
    contentEncoding: "gzip",
    extension: ".gz",
    encoder: "gzip",
    decoder: "gunzip",
    encoderOptions: options.level === undefined ? {} : { level: options.level },
    maxBytes: options.maxBytes,
    portable: portableCompression("gzip", options),
  });
  return sparingShort(codec, options, isGzip);
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
