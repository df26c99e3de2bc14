/**
 * Codecs one after the other.
 *
 * @module
 */

import { andThen } from "../core/awaitable.ts";
import type { ByteStreams, Codec } from "../core/codec.ts";
import { StoreError } from "../core/store_error.ts";

/**
 * A codec that hands its bytes on to others: values are encoded from left to right and decoded from right to left.
 *
 * It answers at once if all its parts do. Streams of a store go through those parts that turn bytes into bytes; if one of
 * these has no streams, streaming is refused with `unsupported`.
 *
 * @example
 * ```ts
 * import { chain } from "@everymap/everymap/codecs/chain";
 * import { gzip } from "@everymap/everymap/codecs/gzip";
 * import { json } from "@everymap/everymap/codecs/json";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = chain(json<number[]>(), gzip());
 * assertEquals([codec.name, codec.extension, codec.contentEncoding], ["json+gzip", ".json.gz", "gzip"]);
 * assertEquals(await codec.decode(await codec.encode([1, 2])), [1, 2]);
 * ```
 */
export function chain<V>(
  first: Codec<V, Uint8Array>,
  ...rest: readonly Codec<Uint8Array, Uint8Array>[]
): Codec<V, Uint8Array> {
  if (rest.length === 0) return first;
  const all = [first, ...rest];
  const codings = all.flatMap(({ contentEncoding }) => contentEncoding ?? []);
  const name = all.map(({ name }) => name).join("+");
  return {
    name,
    contentType: first.contentType,
    contentEncoding: codings.length > 0 ? codings.join(", ") : undefined,
    extension: all.map(({ extension }) => extension ?? "").join(""),
    encode: (value, key) =>
      rest.reduce((raw, codec) => andThen(raw, (raw) => codec.encode(raw, key)), first.encode(value, key)),
    decode: (raw, key) =>
      andThen(
        rest.reduceRight(
          (raw, codec) => andThen(raw, (raw) => codec.decode(raw, key)),
          raw as ReturnType<typeof first.encode>,
        ),
        (raw) => first.decode(raw, key),
      ),
    streams: joined(name, first.streams ? [first, ...rest] : rest),
  };
}

/** The streams of all parts as one. */
function joined(name: string, parts: readonly { readonly streams?: ByteStreams | undefined }[]): ByteStreams {
  const streamsOf = (operation: string) =>
    parts.map(({ streams }) => {
      if (streams) return streams;
      throw new StoreError("unsupported", { store: name, operation, reason: "a part of it has no streams" });
    });
  return {
    encode: () => streamsOf("write").map((streams) => streams.encode()).reduce(through),
    decode: () => streamsOf("read").map((streams) => streams.decode()).reduceRight(through),
  };
}

type Bytes = TransformStream<Uint8Array, Uint8Array>;

function through(earlier: Bytes, later: Bytes): Bytes {
  return { writable: earlier.writable, readable: earlier.readable.pipeThrough(later) };
}
