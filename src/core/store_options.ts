/**
 * What a store and its calls are told.
 *
 * @module
 */

import type { Backend, CallOptions, Metadata } from "./backend.ts";
import type { Clock } from "./clock.ts";
import type { Codec, Decoding } from "./codec.ts";
import type { Duration, Lifetime } from "./lifetime.ts";

/** What a {@linkcode Store} is told once. */
export interface StoreOptions {
  /** Lifetime of entries that are written without one: milliseconds, or a {@linkcode Duration}. @default {Infinity} */
  readonly ttl?: number | Duration | undefined;
  /** The clock that turns a `ttl` into a moment. @default {the backend's} */
  readonly now?: Clock | undefined;
}

/** What stores over bytes are told beside {@linkcode StoreOptions}. */
export interface CodecOptions<V> extends Decoding<V> {
  /** How values become bytes. @default {the backend's} */
  readonly codec?: Codec<V, Uint8Array>;
}

/** What a writing call takes: a lifetime, a signal, and what to keep beside the value. */
export interface SetOptions extends Lifetime, CallOptions {
  /** What to keep beside the value, where there is room for it; other places leave it out. */
  readonly metadata?: Metadata | undefined;
}

/** A backend that keeps values as they are. */
export type ValueBackend<V> = Backend<V> & { readonly codec?: never };
