/**
 * Signed requests to one bucket: tried again while that may help, within a deadline.
 *
 * @module
 */

import { StoreError } from "../../core/store_error.ts";
import type { CredentialsHolder, S3Credentials } from "./credentials.ts";
import { brokenOff, Failure, failureOf, type S3Call, strange } from "./errors.ts";
import { toPath } from "./keys.ts";
import { S3Signer, sha256 } from "./signing.ts";

/** What a {@linkcode S3Client} is told once. */
export interface S3ClientOptions {
  /** What messages call the store. */
  readonly store: string;
  /** Address of the bucket, without a slash at its end. */
  readonly address: string;
  /** Region for signatures. */
  readonly region: string;
  /** Who asks. */
  readonly credentials: CredentialsHolder;
  /** Milliseconds for a request with all its repetitions. */
  readonly deadline: number;
  /** How to wait between them. */
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** What sends a request. */
  readonly fetch: typeof fetch;
}

/** One request. */
export interface S3Request {
  /** The operation of the store that it is for. */
  readonly operation: string;
  /** The key that messages name. */
  readonly key?: string | undefined;
  /** The method. @default {"GET"} */
  readonly method?: string | undefined;
  /** Name of the object; without one the bucket is meant. */
  readonly name?: string | undefined;
  /** The query. @default {none} */
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Headers. @default {none} */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What is sent. @default {nothing} */
  readonly body?: Uint8Array | undefined;
  /** Statuses beside 2xx that are answers. @default {none} */
  readonly accepts?: readonly number[] | undefined;
  /** Milliseconds for it with all its repetitions. @default {the client's} */
  readonly deadline?: number | undefined;
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined;
}

/** What is made of an answer; a failure in it counts as a failure of the request. `attempt` is 0 at first. */
export type ReadAnswer<T> = (response: Response, attempt: number) => T | PromiseLike<T>;

/** The SHA-256 of nothing. */
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 5000;

/** Bytes per millisecond of time that a body gets beside the deadline. */
const SLOWEST_BODY = 50;

/** A body that may take so long that it counts, in bytes. */
const LONG_BODY = 100_000;

/** Most bytes of XML that are read: a page of a listing has at most 1,000 names of 1,024 bytes, three times as long when encoded. */
const MAX_TEXT_BYTES = 16_000_000;

/** A client of one bucket. */
export class S3Client {
  readonly #options: S3ClientOptions;
  readonly #isSecure: boolean;
  // Derived signing keys, one a day.
  #signingKeys = new Map<string, ArrayBuffer>();
  // How far the server's clock is ahead of ours, in milliseconds.
  #skew = 0;

  constructor(options: S3ClientOptions) {
    this.#options = options;
    this.#isSecure = options.address.startsWith("https:");
  }

  /** What messages call the store. */
  get store(): string {
    return this.#options.store;
  }

  /** Sends a request until it is answered; what the answer means is what `read` makes of it. */
  async send<T>(request: S3Request, read: ReadAnswer<T>): Promise<T> {
    const { signal, deadline = this.#options.deadline } = request;
    const { credentials } = this.#options;
    const start = performance.now();
    const end = start + deadline + (request.body?.length ?? 0) / SLOWEST_BODY;
    let fixes = 0;
    for (let attempt = 0;; attempt++) {
      signal?.throwIfAborted();
      const failure = await this.#attempt(request, read, attempt, end);
      if (!(failure instanceof Failure)) return failure.answer;
      signal?.throwIfAborted();
      if (fixes < 2 && this.#canFix(failure, credentials)) {
        fixes++;
        continue;
      }
      const pause = Math.max(failure.retryAfter, Math.random() * Math.min(50 * 2 ** attempt, LONGEST_PAUSE));
      if (!failure.isPassing || performance.now() + pause >= end) throw failure.error;
      await this.#options.wait(pause, signal);
    }
  }

  /** The address of an object with a signature in it. */
  async presign(
    name: string,
    { method, query, headers }: {
      readonly method: string;
      readonly query: Readonly<Record<string, string>>;
      readonly headers: Readonly<Record<string, string>>;
    },
  ): Promise<string> {
    const url = this.#urlOf({ operation: "presign", name, query });
    const signer = this.#signer(await this.#options.credentials.get(), {
      method,
      url,
      headers,
      signQuery: true,
      allHeaders: true,
    });
    return (await signer.sign()).url.href;
  }

  async #attempt<T>(
    request: S3Request,
    read: ReadAnswer<T>,
    attempt: number,
    end: number,
  ): Promise<Failure | { readonly answer: T }> {
    const { signal } = request;
    const call: S3Call = { store: this.store, operation: request.operation, key: request.key };
    const controller = new AbortController();
    const abort = () => controller.abort(signal!.reason);
    let isLate = false;
    const late = () => {
      isLate = true;
      controller.abort();
    };
    let timer = setTimeout(late, Math.max(0, end - performance.now()));
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const { url, init } = await this.#sign(request).catch((cause) => {
        throw new Failure(new StoreError("denied", { ...call, reason: "no credentials", retryable: true, cause }));
      });
      const response = await this.#options.fetch(url, { ...init, redirect: "manual", signal: controller.signal });
      const length = Number(response.headers.get("content-length"));
      if (length > LONG_BODY) {
        clearTimeout(timer);
        timer = setTimeout(late, Math.max(0, end - performance.now()) + length / SLOWEST_BODY);
      }
      if (response.ok || request.accepts?.includes(response.status)) return { answer: await read(response, attempt) };
      return this.#note(
        failureOf(response, request.method === "HEAD" ? "" : await readText(response, call), call),
        response,
      );
    } catch (error) {
      if (error instanceof Failure) return error;
      if (error instanceof StoreError) return new Failure(error);
      if (isLate) return new Failure(new StoreError("timeout", { ...call, cause: error }));
      return brokenOff(call, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Remembers what the server's clock says when it complains of ours. */
  #note(failure: Failure, response: Response): Failure {
    const date = Date.parse(response.headers.get("date") ?? "");
    if (failure.name === "RequestTimeTooSkewed" && date) this.#skew = date - Date.now();
    return failure;
  }

  #canFix({ name }: Failure, credentials: CredentialsHolder): boolean {
    if (name === "RequestTimeTooSkewed") return true;
    if (name !== "ExpiredToken" || !credentials.isRenewable) return false;
    credentials.forget();
    return true;
  }

  async #sign(wanted: S3Request): Promise<{ url: string; init: RequestInit }> {
    const { method = "GET", body } = wanted;
    const url = this.#urlOf(wanted);
    const headers: Record<string, string> = { ...wanted.headers };
    const hash = this.#isSecure ? "UNSIGNED-PAYLOAD" : body?.length ? await sha256(body, "hex") : NOTHING;
    headers["x-amz-content-sha256"] = hash;
    const credentials = this.#options.credentials.get();
    const signed: Record<string, string> = {};
    // What needs no signature costs time in one.
    for (const name in headers) if (name.startsWith("x-amz-")) signed[name] = headers[name]!;
    const request = { method, url, headers: signed };
    const signer = this.#signer("then" in credentials ? await credentials : credentials, request);
    // As an object of one's own: `fetch` takes much longer over `Headers`.
    headers["x-amz-date"] = signer.datetime;
    if (signer.sessionToken) headers["x-amz-security-token"] = signer.sessionToken;
    headers["authorization"] = await signer.authHeader();
    return { url, init: { method, headers, body: body as BodyInit | undefined ?? null } };
  }

  #signer(
    { accessKeyId, secretAccessKey, sessionToken }: S3Credentials,
    request: ConstructorParameters<typeof S3Signer>[0] | { readonly url: string },
  ): S3Signer {
    if (this.#signingKeys.size > 100) this.#signingKeys = new Map();
    return new S3Signer(
      {
        ...request,
        accessKeyId,
        secretAccessKey,
        ...sessionToken !== undefined && { sessionToken },
        service: "s3",
        region: this.#options.region,
        cache: this.#signingKeys,
        datetime: new Date(Date.now() + this.#skew).toISOString().replace(/[:-]|\.\d{3}/g, ""),
      } as ConstructorParameters<typeof S3Signer>[0],
    );
  }

  #urlOf({ name, query }: S3Request): string {
    const path = name === undefined ? "" : `/${toPath(name)}`;
    if (!query) return this.#options.address + path;
    const pairs = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `${this.#options.address}${path}?${pairs.join("&")}`;
  }
}

/** Reads an answer to its end, so that its connection can be used again; dearer is to ask for its stream and to cancel it. */
export async function drain(response: Response): Promise<void> {
  await response.arrayBuffer();
}

/** The text of an answer, which is refused beyond a size that S3 has no use for. */
export async function readText(response: Response, call: S3Call): Promise<string> {
  const length = Number(response.headers.get("content-length") ?? NaN);
  if (length <= MAX_TEXT_BYTES) return await response.text();
  if (!response.body) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let size = 0;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > MAX_TEXT_BYTES) {
      await reader.cancel();
      throw strange(call, "it is too long");
    }
    text += decoder.decode(value, { stream: true });
  }
}
