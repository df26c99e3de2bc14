/**
 * How a value becomes what a backend keeps, and comes back equal.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";

/** What the outside world may want to know of encoded values: the ending of a file, the headers of an object. */
export interface Format {
  /** Media type (RFC 9110 §8.3), such as `application/json`. */
  readonly contentType?: string | undefined;
  /** Content coding (RFC 9110 §8.4), such as `gzip`. */
  readonly contentEncoding?: string | undefined;
  /** Ending of a file's name with its dot, such as `.json` or `.json.gz`; empty for none. */
  readonly extension?: string | undefined;
}

/**
 * A pair of functions that are each other's inverse: `decode(encode(value))` equals `value`, or `encode` refuses.
 *
 * To implement one: `encode` throws a `TypeError` for a value that it cannot keep; `decode` throws anything for what it
 * did not write, which reaches the caller as `StoreError` `corrupt`. Neither changes what it is given, and no message
 * quotes it.
 */
export interface Codec<V, Raw = Uint8Array> extends Format {
  /** What messages call it: `json`, `json+gzip`. */
  readonly name: string;
  /** The value as the backend keeps it; the entry's key is for codecs that bind a value to it. */
  encode(value: V, key?: string): Awaitable<Raw>;
  /** The value again. */
  decode(raw: Raw, key?: string): Awaitable<V>;
  /**
   * For a codec from bytes to bytes: the same two functions as streams. Other codecs have none, and streams of a store
   * carry the bytes as they are.
   */
  readonly streams?: ByteStreams | undefined;
  /** For a codec whose bytes are UTF-8: the same two functions without the bytes, for a place that keeps text. */
  readonly text?: TextForm<V> | undefined;
}

/** A codec of bytes as one of text. */
export interface TextForm<V> {
  /** The value as text. */
  encode(value: V): string;
  /** The value again. */
  decode(text: string): V;
}

/** A codec from bytes to bytes as streams. */
export interface ByteStreams {
  /** A stream that encodes. */
  encode(): TransformStream<Uint8Array, Uint8Array>;
  /** A stream that decodes. */
  decode(): TransformStream<Uint8Array, Uint8Array>;
}

/** What a store does with values that its codec did not write. */
export interface Decoding<V, Raw = Uint8Array> {
  /** Codecs to try when the store's own refuses a value, in this order; nothing is written with them. @default {none} */
  readonly olderCodecs?: readonly Codec<V, Raw>[] | undefined;
  /** Whether a value that no codec reads is an error, `corrupt`, or as good as absent, so that the next write replaces it. @default {"throw"} */
  readonly onDecodeError?: "throw" | "miss" | undefined;
}
