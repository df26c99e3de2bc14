/**
 * What a bucket can do beyond what every place of bytes can.
 *
 * @module
 */

import type { ByteBackend, CallOptions, Entry, ReadOptions, WriteOptions } from "../../core/backend.ts";
import type { Format } from "../../core/codec.ts";
import type { PresignOptions } from "./publishing.ts";

/** What an object can be made of. */
export type S3Body = Uint8Array | Blob | ReadableStream<Uint8Array>;

/** What a write to S3 takes. */
export interface S3WriteOptions extends WriteOptions {
  /** Whether everybody may read this object. @default {as the store} */
  readonly public?: boolean | undefined;
}

/** A bucket as a backend, and what only a bucket can do. */
export interface S3Backend extends ByteBackend {
  /** The entry, with its headers if details are asked for. */
  read(key: string, options?: ReadOptions): Promise<Entry<Uint8Array> | undefined>;
  /**
   * A stream or a `Blob` is uploaded in parts if it is large, and is never held as a whole. Its condition is looked at before,
   * and again by the server at the end; some servers do not, and then another write in between is overwritten.
   */
  write(key: string, raw: S3Body, options?: S3WriteOptions): Promise<string | boolean>;
  /** The same place for values of this format. */
  withFormat(format: Format): S3Backend;
  /** Resolves to this backend when `supports` is known from the server itself; only `conditionalWrites: "probe"` has to ask. */
  ready(): Promise<S3Backend>;
  /** The address of an object for those who may read it without credentials. */
  url(key: string): string;
  /** An address with a signature, good for anybody until it expires; an entry that has expired is still served by it. */
  presign(key: string, options?: PresignOptions): Promise<string>;
  /** Lets everybody read an object; `false` if there is none. Writing it again undoes this, unless the write says `public`. */
  makePublic(key: string, options?: CallOptions): Promise<boolean>;
  /** Lets only its owner read an object; `false` if there is none. */
  makePrivate(key: string, options?: CallOptions): Promise<boolean>;
  /** Copies an entry on the server with its headers and its lifetime; `false` if there is none. */
  copy(from: string, to: string, options?: CallOptions): Promise<boolean>;
}
