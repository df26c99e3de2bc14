/**
 * deflate in the zlib format (RFC 1950) around bytes.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { portableCompression } from "../core/portable_compression.ts";
import { checkCompression, compressed } from "../core/zlib.ts";

/** What {@linkcode deflate} is told. */
export interface DeflateOptions {
  /** From 0, none, to 9, smallest. @default {6} */
  readonly level?: number | undefined;
  /** The most bytes that decoding may give; beyond it `too-large`. @default {Infinity} */
  readonly maxBytes?: number | undefined;
}

/**
 * Bytes as deflate in the zlib format: what HTTP calls `deflate` and Python writes with `zlib.compress`.
 *
 * Without `node:zlib` it stands on `CompressionStream`, and on fflate where a level is asked for.
 *
 * @throws {RangeError} If the level or the limit is out of its range.
 *
 * @example
 * ```ts
 * import { deflate } from "@everymap/everymap/codecs/deflate";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const codec = deflate();
 * const packed = await codec.encode(new Uint8Array(1000));
 * assert(packed.length < 30);
 * assertEquals(await codec.decode(packed), new Uint8Array(1000));
 * ```
 */
export function deflate(options: DeflateOptions = {}): Codec<Uint8Array, Uint8Array> {
  checkOptions("deflate", options, ["level", "maxBytes"]);
  checkCompression("deflate", options, [0, 9]);
  return compressed({
    name: "deflate",
    contentEncoding: "deflate",
    extension: ".zz",
    encoder: "deflate",
    decoder: "inflate",
    encoderOptions: options.level === undefined ? {} : { level: options.level },
    maxBytes: options.maxBytes,
    portable: portableCompression("deflate", options),
  });
}
