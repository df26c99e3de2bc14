/**
 * What comes back of an entry: whole and verified, or as a stream.
 *
 * @module
 */

import type { Entry } from "../../core/backend.ts";
import type { Format } from "../../core/codec.ts";
import { StoreError } from "../../core/store_error.ts";
import type { S3Checksum } from "./checksum.ts";
import type { S3Client } from "./client.ts";
import { brokenOff, type S3Call } from "./errors.ts";
import { metadataOf, type ObjectHead } from "./metadata.ts";
import type { EntryCall, S3Objects } from "./objects.ts";

/** What {@linkcode Incoming} is told once. */
export interface IncomingOptions {
  readonly client: S3Client;
  readonly objects: S3Objects;
  readonly format: Format;
  /** Whether text may be gzipped. */
  readonly compresses: boolean;
  readonly checksum: S3Checksum | undefined;
}

/** How gzip begins (RFC 1952 §2.3.1). */
const GZIP = [0x1f, 0x8b] as const;

/** Reads of one format. */
export class Incoming {
  readonly #options: IncomingOptions;

  constructor(options: IncomingOptions) {
    this.#options = options;
  }

  /** The entry. */
  async read(call: EntryCall, details = false): Promise<Entry<Uint8Array> | undefined> {
    const { client, objects, checksum } = this.#options;
    const found = await client.send(this.#get(call), async (response) => {
      const head = await this.#opened(response, call);
      if (!head) return undefined;
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!isComplete(response, bytes.length)) throw brokenOff(this.#context(call));
      return { head, bytes };
    });
    if (!found) return undefined;
    const { head: { note, headers, version, modifiedAt }, bytes } = found;
    // Some servers say that the object is gzipped although they were asked not to, and then the platform decodes it.
    const isStored = note.isGzipped && bytes[0] === GZIP[0] && bytes[1] === GZIP[1];
    const isAsStored = isStored || !note.isGzipped;
    if (checksum && isAsStored && !await (await import("./checksum.ts")).isIntact(bytes, note.checksum, checksum)) {
      this.#corrupt(call, "the checksum differs");
    }
    const value = isStored
      ? await (await import("./gzip.ts")).gunzip(bytes).catch((cause) => this.#corrupt(call, "not gzip", cause))
      : bytes;
    const { expiresAt } = note;
    if (!details) return { value };
    return {
      value,
      version: objects.isConditional ? version : undefined,
      expiresAt,
      createdAt: modifiedAt,
      metadata: metadataOf(headers),
    };
  }

  /** The bytes as a stream. */
  async readable(call: EntryCall): Promise<ReadableStream<Uint8Array> | undefined> {
    const { client } = this.#options;
    const found = await client.send(this.#get(call), async (response) => {
      const head = await this.#opened(response, call);
      return head && { head, response };
    });
    if (!found) return undefined;
    const { head: { etag, note }, response } = found;
    const body = response.body ?? new Blob().stream();
    const length = lengthOf(response);
    if (length === undefined) return body;
    const { resuming } = await import("./resuming.ts");
    const resumable = resuming(body, {
      length,
      signal: call.signal,
      broken: (cause) => brokenOff(this.#context(call), cause).error,
      openAt: (offset) => {
        const headers = { range: `bytes=${offset}-`, "if-match": `"${etag}"` };
        return client.send({ ...this.#get(call), headers, accepts: [404, 412, 416] }, async (part) => {
          const begins = part.headers.get("content-range")?.startsWith(`bytes ${offset}-`);
          if (part.status === 206 && begins && part.body) return part.body;
          await part.body?.cancel();
          throw new StoreError("conflict", { ...this.#context(call), reason: "it changed while it was read" });
        });
      },
    });
    return note.isGzipped
      ? resumable.pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>)
      : resumable;
  }

  #corrupt(call: EntryCall, reason: string, cause?: unknown): never {
    throw new StoreError("corrupt", { ...this.#context(call), reason, cause });
  }

  #context({ operation, key }: EntryCall): S3Call {
    return { store: this.#options.client.store, operation, key };
  }

  #get(call: EntryCall): EntryCall & { accepts: readonly number[]; query?: Record<string, string> } {
    // Every platform's `fetch` decodes what is said to be gzipped, unless the server does not say so.
    const isEncoded = this.#options.format.contentEncoding !== undefined || this.#options.compresses;
    return { ...call, accepts: [404], ...isEncoded && { query: { "response-content-encoding": "identity" } } };
  }

  /** The head of an entry that lives; the body is let go of otherwise. */
  async #opened(response: Response, call: EntryCall): Promise<ObjectHead | undefined> {
    const head = await this.#options.objects.opened(response, call);
    if (!head || this.#options.objects.isLive(head)) return head;
    await response.body?.cancel();
    return undefined;
  }
}

/** The length of a body as it arrives, if the platform did not decode it on the way. */
function lengthOf({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  const encoding = headers.get("content-encoding") ?? "identity";
  return length === null || encoding !== "identity" ? undefined : Number(length);
}

function isComplete(response: Response, length: number): boolean {
  return (lengthOf(response) ?? length) === length;
}
