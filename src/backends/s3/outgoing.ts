/**
 * What goes out with an entry: its bytes as they rest, the headers that browsers see, the store's note.
 *
 * @module
 */

import type { Metadata } from "../../core/backend.ts";
import type { Format } from "../../core/codec.ts";
import type { S3Checksum } from "./checksum.ts";
import { metadataHeaders, type Note, type ObjectHead } from "./metadata.ts";
import type { EntryCall, S3Objects } from "./objects.ts";
import { contentTypeOf, isText } from "./media_types.ts";
import type { S3WriteOptions } from "./s3_backend.ts";

/** What {@linkcode Outgoing} is told once. */
export interface OutgoingOptions {
  readonly objects: S3Objects;
  readonly format: Format;
  readonly metadata: Metadata;
  readonly isPublic: boolean;
  /** Whether a lifetime is also sent as `Expires`. */
  readonly sendsExpires: boolean;
  /** Whether text is gzipped. */
  readonly compresses: boolean;
  readonly checksum: S3Checksum | undefined;
}

/** Writes of one format, made ready. */
export class Outgoing {
  readonly #options: OutgoingOptions;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Bytes and headers as they are sent. */
  async prepare(call: EntryCall, raw: Uint8Array, options: S3WriteOptions): Promise<{
    readonly body: Uint8Array;
    readonly headers: Readonly<Record<string, string>>;
    readonly note: Note;
  }> {
    const headers = await this.headers(call, options);
    const { compresses, checksum } = this.#options;
    const isGzipped = compresses && headers["content-encoding"] === undefined && isText(headers["content-type"]!);
    const body = isGzipped ? await (await import("./gzip.ts")).gzip(raw) : raw;
    if (isGzipped) headers["content-encoding"] = "gzip";
    const note: Note = {
      expiresAt: options.expiresAt,
      isGzipped,
      ...checksum && { checksum: `${checksum}:${await (await import("./checksum.ts")).checksumOf(body, checksum)}` },
    };
    if (checksum) headers[`x-amz-checksum-${checksum}`] = note.checksum!.slice(checksum.length + 1);
    return { body, headers, note };
  }

  /** Headers as they are sent. */
  async headers({ key, signal }: EntryCall, options: S3WriteOptions): Promise<Record<string, string>> {
    const { objects, metadata, sendsExpires, isPublic } = this.#options;
    const { expiresAt } = options;
    if (expiresAt !== undefined) await objects.noteLifetimes(signal);
    const all = { ...metadata, ...options.metadata, custom: { ...metadata.custom, ...options.metadata?.custom } };
    const headers = metadataHeaders(all);
    const { contentType, contentEncoding } = this.#options.format;
    headers["content-type"] = all.contentType ?? await contentTypeOf(key, contentType);
    if (contentEncoding) headers["content-encoding"] = contentEncoding;
    if (expiresAt !== undefined && sendsExpires) headers["expires"] = new Date(expiresAt).toUTCString();
    if (options.public ?? isPublic) headers["x-amz-acl"] = "public-read";
    return headers;
  }

  /** The headers of a copy, which has to be told them again. */
  copied(
    { headers: old, note: { isGzipped } }: ObjectHead,
    expiresAt: number | undefined,
    isPublic: boolean,
  ): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const [name, value] of old) {
      if (/^(content-(type|disposition|language)|cache-control|x-amz-storage-class|x-amz-meta-.*)$/.test(name)) {
        headers[name] = value;
      }
    }
    const { format, sendsExpires } = this.#options;
    const encoding = isGzipped ? "gzip" : old.get("content-encoding") ?? format.contentEncoding;
    if (encoding) headers["content-encoding"] = encoding;
    if (expiresAt !== undefined && sendsExpires) headers["expires"] = new Date(expiresAt).toUTCString();
    if (isPublic) headers["x-amz-acl"] = "public-read";
    return headers;
  }
}
