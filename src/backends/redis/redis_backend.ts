/**
 * The backend of bytes over a store of texts in Redis, for every road.
 *
 * @module
 */

import { json } from "../../codecs/json.ts";
import type { Backend, ByteBackend } from "../../core/backend.ts";
import type { Codec, Decoding } from "../../core/codec.ts";
import { encoded } from "../../core/encoded.ts";
import { type RedisBackendOptions, RedisTexts } from "./redis_texts.ts";
import type { Shape } from "./shape.ts";
import { fromText, textCodec, toText } from "./text_values.ts";
import type { RedisWire } from "./wire.ts";

/** A backend over the wire. A codec that knows text is asked for it, so that nothing goes by way of bytes. */
export function redisBackend(wire: RedisWire, shape: Shape, options: RedisBackendOptions): ByteBackend {
  const texts = new RedisTexts(wire, shape, options);
  const bytes: Omit<Backend<Uint8Array>, "withFormat"> = encoded(texts, {
    name: "bytes as text",
    encode: toText,
    decode: fromText,
  });
  const backend: ByteBackend = Object.assign(bytes, {
    codec: json(),
    encoded: <V>(outer: Backend<Uint8Array>, codec: Codec<V, Uint8Array>, decoding: Decoding<V, Uint8Array> = {}) => {
      if (outer !== backend) return encoded(outer, codec, decoding);
      const olderCodecs = decoding.olderCodecs?.map(textCodec);
      return encoded(texts, textCodec(codec), { ...decoding, olderCodecs });
    },
  });
  return backend;
}
