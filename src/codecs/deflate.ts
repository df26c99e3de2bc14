/**
 * deflate in the zlib format (RFC 1950) around bytes.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { portableCompression } from "../core/portable_compression.ts";
import { sparingShort } from "../core/short_values.ts";
import { checkCompression, compressed } from "../core/zlib.ts";

/** What {@linkcode deflate} is told. */
export interface DeflateOptions {
  /** From 0, none, to 9, smallest. @default {6} */
  readonly level?: number | undefined;
  /** The most bytes that decoding may give; beyond it `too-large`. @default {Infinity} */
  readonly maxBytes?: number | undefined;
  /** Values of fewer bytes are kept as they are, and no content coding is named. @default {0} */
  readonly minBytes?: number | undefined;
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
  checkOptions("deflate", options, ["level", "maxBytes", "minBytes"]);
  checkCompression("deflate", options, [0, 9]);
  const codec = compressed({
    name: "deflate",
    contentEncoding: "deflate",
    extension: ".zz",
    encoder: "deflate",
    decoder: "inflate",
    encoderOptions: options.level === undefined ? {} : { level: options.level },
    maxBytes: options.maxBytes,
    portable: portableCompression("deflate", options),
  });
  return sparingShort(codec, options, isZlib);
}

/** Whether bytes begin with a header of zlib (RFC 1950 §2.2). */
function isZlib([first = 0, second = -1]: Uint8Array): boolean {
  return (first & 15) === 8 && first >> 4 <= 7 && second >= 0 && (first * 256 + second) % 31 === 0;
}
