/**
 * Uploads of any length in bounded memory: a single request below the size of a part, parts beyond it.
 *
 * @module
 */

import { drain, readText, type S3Client } from "./client.ts";
import { brokenOff, failureOf, strange } from "./errors.ts";
import { etagOf } from "./metadata.ts";
import { escapeXml, isDocument, textOf } from "./xml.ts";

/** Size of the first parts, in bytes. */
const FIRST_PART_SIZE = 8 * 1024 * 1024;

/** After so many parts they double in size: there are at most 10,000, and they may hold 5 TiB. */
const PARTS_OF_A_SIZE = 1000;

/** How many bytes are on their way at a time; one part is, however large. */
const IN_FLIGHT = 3 * FIRST_PART_SIZE;

/** One upload. */
export interface Upload {
  readonly operation: string;
  readonly key: string;
  readonly name: string;
  /** Headers of the object. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers with the condition under which it appears. @default {none} */
  readonly condition?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Size of the first parts, in bytes. @default {8 MiB} */
  readonly partSize?: number | undefined;
  /** Writes what is smaller than a part; whether the condition held. */
  put(bytes: Uint8Array): Promise<boolean>;
}

/** Where the bytes of an upload go: chunks in, an object at the end, or nothing. */
export class UploadSink implements UnderlyingSink<Uint8Array> {
  readonly #client: S3Client;
  readonly #upload: Upload;
  readonly #ending = new AbortController();
  readonly #etags: string[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #part: Uint8Array;
  #filled = 0;
  #id: string | undefined;
  #failure: { readonly reason: unknown } | undefined;
  /** Whether the condition held, once it is closed. */
  isWritten = false;

  constructor(client: S3Client, upload: Upload) {
    this.#client = client;
    this.#upload = upload;
    // Most values are small; the buffer grows up to the size of a part.
    this.#part = new Uint8Array(Math.min(64 * 1024, this.#partSize()));
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!(chunk instanceof Uint8Array)) {
      throw await this.#fail(new TypeError("Cannot write: a chunk must be a Uint8Array"));
    }
    for (let rest = chunk; rest.length > 0;) {
      const size = this.#partSize();
      const taken = rest.subarray(0, size - this.#filled);
      this.#makeRoom(this.#filled + taken.length, size);
      this.#part.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled === size) await this.#send();
    }
  }

  async close(): Promise<void> {
    if (this.#id === undefined && this.#etags.length === 0) {
      this.isWritten = await this.#upload.put(this.#part.subarray(0, this.#filled));
      return;
    }
    try {
      if (this.#filled > 0) await this.#send();
      await Promise.all(this.#inFlight);
      this.#throwIfFailed();
      this.isWritten = await this.#complete();
      if (!this.isWritten) await this.abort();
    } catch (error) {
      throw await this.#fail(error);
    }
  }

  async abort(reason?: unknown): Promise<void> {
    this.#failure ??= { reason };
    this.#ending.abort(reason);
    // A part that arrives after the end of its upload would stay.
    await Promise.allSettled(this.#inFlight);
    const id = this.#id;
    this.#id = undefined;
    if (id === undefined) return;
    const { operation, key, name } = this.#upload;
    const request = { operation, key, name, method: "DELETE", query: { uploadId: id }, accepts: [404] };
    await this.#client.send(request, drain);
  }

  #partSize(): number {
    return (this.#upload.partSize ?? FIRST_PART_SIZE) * 2 ** Math.floor(this.#etags.length / PARTS_OF_A_SIZE);
  }

  #makeRoom(needed: number, size: number): void {
    if (needed <= this.#part.length) return;
    const larger = new Uint8Array(Math.min(size, Math.max(needed, 4 * this.#part.length)));
    larger.set(this.#part.subarray(0, this.#filled));
    this.#part = larger;
  }

  async #send(): Promise<void> {
    try {
      this.#throwIfFailed();
      this.#id ??= await this.#create();
      const body = this.#part.subarray(0, this.#filled);
      const number = this.#etags.push("");
      const part = this.#sendPart(this.#id, number, body).catch((reason) => {
        this.#failure ??= { reason };
      }).finally(() => this.#inFlight.delete(part));
      this.#inFlight.add(part);
      this.#part = new Uint8Array(this.#partSize());
      this.#filled = 0;
      const most = Math.max(1, Math.floor(IN_FLIGHT / body.length));
      while (this.#inFlight.size >= most) await Promise.race(this.#inFlight);
      this.#throwIfFailed();
    } catch (error) {
      throw await this.#fail(error);
    }
  }

  async #create(): Promise<string> {
    const { operation, key, name, headers, signal } = this.#upload;
    const call = { store: this.#client.store, operation, key };
    const request = { operation, key, name, method: "POST", query: { uploads: "" }, headers, signal };
    return await this.#client.send(request, async (response) => {
      const id = textOf(await readText(response, call), "UploadId");
      if (!id) throw strange(call, "no upload");
      return id;
    });
  }

  async #sendPart(id: string, number: number, body: Uint8Array): Promise<void> {
    const { operation, key, name, signal } = this.#upload;
    const { signal: ending } = this.#ending;
    const request = {
      operation,
      key,
      name,
      method: "PUT",
      query: { partNumber: `${number}`, uploadId: id },
      body,
      signal: signal ? AbortSignal.any([signal, ending]) : ending,
    };
    this.#etags[number - 1] = await this.#client.send(request, async (response) => {
      await drain(response);
      const etag = etagOf(response.headers.get("etag"));
      if (!etag) throw strange({ store: this.#client.store, operation, key }, "a part without an ETag");
      return etag;
    });
  }

  async #complete(): Promise<boolean> {
    const { operation, key, name, signal, condition } = this.#upload;
    const call = { store: this.#client.store, operation, key };
    const parts = this.#etags.map((etag, index) =>
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(`"${etag}"`)}</ETag></Part>`
    );
    const body = new TextEncoder().encode(
      `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
        parts.join("")
      }</CompleteMultipartUpload>`,
    );
    const request = {
      operation,
      key,
      name,
      method: "POST",
      query: { uploadId: this.#id! },
      headers: { ...condition },
      body,
      accepts: [404, 412],
      signal,
    };
    return await this.#client.send(request, async (response, attempt) => {
      if (response.status === 412) return (await drain(response), false);
      const text = await readText(response, call);
      // The answer to the first attempt was lost, and the upload is gone because it was completed.
      if (response.status === 404 && attempt > 0 && textOf(text, "Code") === "NoSuchUpload") return true;
      // S3 says 200 before it knows how it ends (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
      if (isDocument(text, "Error")) throw failureOf(response, text, call);
      if (!isDocument(text, "CompleteMultipartUploadResult")) throw brokenOff(call);
      return true;
    });
  }

  #throwIfFailed(): void {
    this.#upload.signal?.throwIfAborted();
    if (this.#failure) throw this.#failure.reason;
  }

  async #fail(error: unknown): Promise<unknown> {
    await this.abort(error).catch(() => {});
    return error;
  }
}
