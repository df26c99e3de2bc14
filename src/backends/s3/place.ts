/**
 * A part of a bucket as a backend of bytes.
 *
 * @module
 */

import type {
  ByteBackend,
  CallOptions,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  Supports,
  WriteOptions,
} from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { isPast } from "../../core/clock.ts";
import type { Codec, Format } from "../../core/codec.ts";
import { concurrently } from "../../core/concurrently.ts";
import { encoded } from "../../core/encoded.ts";
import { StoreError } from "../../core/store_error.ts";
import { Turns } from "../../core/turns.ts";
import { BulkRemoval } from "./bulk_removal.ts";
import { checksumOf, type S3Checksum } from "./checksum.ts";
import type { S3Client } from "./client.ts";
import { brokenOff, type S3Call } from "./errors.ts";
import { Failures } from "./failures.ts";
import { gunzip, gzip, isGzip } from "./gzip.ts";
import { isReserved, MAX_NAME_BYTES, refusalOf, toPath } from "./keys.ts";
import { type Listed, listPages } from "./listing.ts";
import { metadataHeaders, metadataOf, type Note, noteHeader, type ObjectHead, type S3Metadata } from "./metadata.ts";
import { UploadSink } from "./multipart.ts";
import { type EntryCall, MARK_SIZE, type S3Objects } from "./objects.ts";
import { contentTypeOf, isPublicObject, isText, type PresignOptions, presignParts, setAccess } from "./publishing.ts";
import { resuming } from "./resuming.ts";

/** What an object can be made of. */
export type S3Body = Uint8Array | Blob | ReadableStream<Uint8Array>;

/** What a write to S3 takes. */
export interface S3WriteOptions extends WriteOptions {
  /** Headers of this object, over those of the store. */
  readonly metadata?: S3Metadata | undefined;
  /** Whether everybody may read this object. @default {as the store} */
  readonly public?: boolean | undefined;
}

/** An entry of S3. */
export interface S3Entry extends Entry<Uint8Array> {
  /** Its headers, where details are asked for. */
  readonly metadata?: S3Metadata | undefined;
}

/** A bucket as a backend, and what only a bucket can do. */
export interface S3Backend extends ByteBackend {
  read(key: string, options?: ReadOptions): Promise<S3Entry | undefined>;
  /** A stream or a `Blob` is uploaded in parts if it is large, and is never held as a whole. */
  write(key: string, raw: S3Body, options?: S3WriteOptions): Promise<string | boolean>;
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

/** What all views of a place share. */
export interface S3PlaceParts {
  readonly client: S3Client;
  readonly objects: S3Objects;
  readonly prefix: string;
  readonly codec: Codec<unknown, Uint8Array>;
  readonly now: Clock;
  readonly metadata: S3Metadata;
  readonly isPublic: boolean;
  readonly sendsExpires: boolean;
  readonly compresses: boolean;
  readonly checksum: S3Checksum | undefined;
  readonly countsRemoved: boolean;
  readonly concurrency: number;
  readonly partSize: number | undefined;
  readonly publicUrl: string;
}

/** A part of a bucket. */
export class S3Place implements S3Backend {
  readonly name: string;
  readonly supports: Supports;
  readonly maxKeyBytes: number;
  readonly codec: Codec<unknown, Uint8Array>;
  readonly encoded = encoded;
  readonly now: Clock;
  readonly #parts: S3PlaceParts;
  readonly #format: Format;
  readonly #turns: Turns;
  readonly #bulk: BulkRemoval;

  constructor(
    parts: S3PlaceParts,
    format: Format = parts.codec,
    shared: { turns: Turns; bulk: BulkRemoval } | undefined = undefined,
  ) {
    const { client, objects, prefix, codec, now } = parts;
    this.#parts = parts;
    this.#format = format;
    this.#turns = shared?.turns ?? new Turns();
    this.#bulk = shared?.bulk ?? new BulkRemoval(client);
    this.name = client.store;
    this.maxKeyBytes = MAX_NAME_BYTES - new TextEncoder().encode(prefix).length;
    this.codec = codec;
    this.now = now;
    this.supports = {
      list: true,
      order: true,
      ttl: true,
      get create() {
        return objects.isConditional;
      },
      get swap() {
        return objects.isConditional;
      },
      stream: true,
      revision: false,
    };
  }

  withFormat(format: Format): S3Place {
    return new S3Place(this.#parts, format, { turns: this.#turns, bulk: this.#bulk });
  }

  async ready(): Promise<S3Backend> {
    await this.#parts.objects.conditions();
    return this;
  }

  async read(key: string, options?: ReadOptions): Promise<S3Entry | undefined> {
    const call = this.#call("read", key, options);
    const { client } = this.#parts;
    const found = await client.send(this.#get(call), async (response) => {
      const head = await this.#opened(response, call);
      if (!head) return undefined;
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!isComplete(response, bytes.length)) throw brokenOff(this.#context(call));
      return { head, bytes };
    });
    if (!found) return undefined;
    const { head: { note, headers, version, modifiedAt }, bytes } = found;
    const stored = note.isGzipped && isGzip(bytes) ? bytes : undefined;
    await this.#verify(stored ?? bytes, note, call);
    const value = stored ? await gunzip(stored) : bytes;
    const { expiresAt } = note;
    if (!options?.details) return { value };
    return {
      value,
      version: this.supports.swap ? version : undefined,
      expiresAt,
      createdAt: modifiedAt,
      metadata: metadataOf(headers),
    };
  }

  async write(key: string, raw: S3Body, options: S3WriteOptions = {}): Promise<string | boolean> {
    const call = this.#call("write", key, options);
    const { condition, expiresAt } = options;
    if (isPast(expiresAt, this.now)) return await this.#writeExpired(call, condition);
    if (!(raw instanceof Uint8Array)) return await this.#writeStream(call, raw, options);
    const { objects } = this.#parts;
    const write = { ...call, ...await this.#prepare(call, raw, options) };
    const version = condition === undefined
      ? (await objects.put(write)).version
      : condition === "absent"
      ? await objects.add(write)
      : await objects.replace(write, condition.version);
    return version ?? false;
  }

  async remove(key: string, options?: RemoveOptions): Promise<boolean> {
    const call = this.#call("remove", key, options);
    return await this.#remove(call, options?.condition);
  }

  async *list({ prefix = "", after, limit = Infinity, signal }: ListOptions = {}): AsyncGenerator<string, void> {
    const start = this.#parts.prefix.length;
    let left = limit;
    const pageSize = Math.min(1000, Math.max(1, limit));
    for await (const page of this.#livePages({ operation: "list", prefix, after, pageSize, signal })) {
      for (const name of page) {
        if (left-- <= 0) return;
        yield name.slice(start);
      }
      if (left <= 0) return;
    }
  }

  async has(key: string, options?: CallOptions): Promise<boolean> {
    return await this.#parts.objects.liveHead(this.#call("read", key, options)) !== undefined;
  }

  async count({ prefix = "", signal }: PrefixOptions = {}): Promise<number> {
    let count = 0;
    for await (const page of this.#livePages({ operation: "count", prefix, signal })) count += page.length;
    return count;
  }

  async readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, S3Entry>> {
    for (const key of keys) this.#call("read", key);
    const found = new Map<string, S3Entry>();
    await this.#each(keys, options, async (key) => {
      const entry = await this.read(key, options);
      if (entry) found.set(key, entry);
    });
    return found;
  }

  async writeMany(
    entries: ReadonlyMap<string, Uint8Array>,
    options?: Omit<S3WriteOptions, "condition">,
  ): Promise<void> {
    for (const key of entries.keys()) this.#call("write", key);
    await this.#each([...entries], options, ([key, raw]) => this.write(key, raw, options));
  }

  async removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    const calls = keys.map((key) => this.#call("remove", key, options));
    const names = calls.map(({ name }) => name);
    const count = this.#parts.countsRemoved ? await this.#countLive(calls, options) : names.length;
    await this.#removeNames("remove", names, options?.signal);
    return count;
  }

  async clear({ prefix = "", signal }: PrefixOptions = {}): Promise<void> {
    const request = { operation: "clear", prefix: this.#parts.prefix + prefix, signal };
    for await (const page of listPages(this.#parts.client, request)) {
      const names = page.map(({ name }) => name).filter((name) => !isReserved(name));
      await this.#removeNames("clear", names, signal);
    }
  }

  async touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    const call = this.#call("touch", key, options);
    if (isPast(expiresAt, this.now)) return await this.#remove(call);
    return await this.#copy(call, call, (note) => ({ ...note, expiresAt }));
  }

  async prune(options?: CallOptions): Promise<number> {
    const { client, objects, prefix, concurrency } = this.#parts;
    const request = { operation: "prune", prefix, signal: options?.signal };
    const hasLifetimes = await objects.hasLifetimes(request);
    let count = 0;
    for await (const page of listPages(client, request)) {
      const suspects = page.filter(({ size }) => hasLifetimes || size === MARK_SIZE);
      await concurrently(suspects, async ({ name }) => {
        const call = { ...request, name, key: name.slice(prefix.length) };
        const head = await objects.head(call);
        if (!head || objects.isLive(head) || objects.isBusy(head)) return;
        if (await objects.prune(call, head) && !isReserved(name)) count++;
      }, { concurrency, signal: request.signal });
    }
    return count;
  }

  async readable(key: string, options?: CallOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    const call = this.#call("read", key, options);
    const { client } = this.#parts;
    const found = await client.send(this.#get(call), async (response) => {
      const head = await this.#opened(response, call);
      return head && { head, response };
    });
    if (!found) return undefined;
    const { head: { etag, note }, response } = found;
    const body = response.body ?? new Blob().stream();
    const length = lengthOf(response);
    if (length === undefined) return body;
    const resumable = resuming(body, {
      length,
      signal: options?.signal,
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

  async writable(key: string, options: Omit<S3WriteOptions, "condition"> = {}): Promise<WritableStream<Uint8Array>> {
    return new WritableStream(await this.#sink(this.#call("write", key, options), options));
  }

  async inTurn<T>(key: string, task: () => Promise<T>): Promise<T> {
    return await this.#turns.run(key, task);
  }

  url(key: string): string {
    return `${this.#parts.publicUrl}/${toPath(this.#call("publish", key).name)}`;
  }

  async presign(key: string, options: PresignOptions = {}): Promise<string> {
    return await this.#parts.client.presign(this.#call("publish", key).name, presignParts(options));
  }

  async makePublic(key: string, options?: CallOptions): Promise<boolean> {
    return await this.#setAccess(key, true, options);
  }

  async makePrivate(key: string, options?: CallOptions): Promise<boolean> {
    return await this.#setAccess(key, false, options);
  }

  async copy(from: string, to: string, options?: CallOptions): Promise<boolean> {
    return await this.#copy(this.#call("copy", from, options), this.#call("copy", to, options), (note) => note);
  }

  /** Tries all, several at a time. */
  async #each<T>(
    items: readonly T[],
    options: CallOptions | undefined,
    task: (item: T) => Promise<unknown>,
  ): Promise<void> {
    const failures = new Failures();
    const { concurrency } = this.#parts;
    await concurrently(items, (item) => task(item).catch(failures.add), { concurrency, signal: options?.signal });
    failures.throwAny(items.length);
  }

  #call(operation: string, key: string, options?: CallOptions): EntryCall {
    const reason = refusalOf(key);
    if (reason) throw new StoreError("invalid-key", { store: this.name, operation, key, reason });
    return { operation, key, name: this.#parts.prefix + key, signal: options?.signal };
  }

  #context({ operation, key }: EntryCall): S3Call {
    return { store: this.name, operation, key };
  }

  #get(call: EntryCall): EntryCall & { accepts: readonly number[]; query?: Record<string, string> } {
    // Every platform's `fetch` decodes what is said to be gzipped, unless the server does not say so.
    const isEncoded = this.#format.contentEncoding !== undefined || this.#parts.compresses;
    return { ...call, accepts: [404], ...isEncoded && { query: { "response-content-encoding": "identity" } } };
  }

  /** The head of an entry that lives; the body is let go of otherwise. */
  async #opened(response: Response, call: EntryCall): Promise<ObjectHead | undefined> {
    const head = await this.#parts.objects.opened(response, call);
    if (!head || this.#parts.objects.isLive(head)) return head;
    await response.body?.cancel();
    return undefined;
  }

  async #verify(bytes: Uint8Array, { checksum }: Note, call: EntryCall): Promise<void> {
    const [kind, expected] = checksum?.split(":") ?? [];
    if (kind !== this.#parts.checksum || kind === undefined) return;
    if (await checksumOf(bytes, kind as S3Checksum) === expected) return;
    throw new StoreError("corrupt", { ...this.#context(call), reason: "the checksum differs" });
  }

  /** Bytes and headers as they are sent. */
  async #prepare(call: EntryCall, raw: Uint8Array, options: S3WriteOptions): Promise<{
    readonly body: Uint8Array;
    readonly headers: Readonly<Record<string, string>>;
    readonly note: Note;
  }> {
    const headers = await this.#headers(call, options);
    const { compresses, checksum } = this.#parts;
    const isGzipped = compresses && headers["content-encoding"] === undefined && isText(headers["content-type"]!);
    const body = isGzipped ? await gzip(raw) : raw;
    if (isGzipped) headers["content-encoding"] = "gzip";
    const note: Note = {
      expiresAt: options.expiresAt,
      isGzipped,
      ...checksum && { checksum: `${checksum}:${await checksumOf(body, checksum)}` },
    };
    if (checksum) headers[`x-amz-checksum-${checksum}`] = note.checksum!.slice(checksum.length + 1);
    return { body, headers, note };
  }

  async #headers({ key, signal }: EntryCall, options: S3WriteOptions): Promise<Record<string, string>> {
    const { objects, metadata, sendsExpires, isPublic } = this.#parts;
    const { expiresAt } = options;
    if (expiresAt !== undefined) await objects.noteLifetimes(signal);
    const all = { ...metadata, ...options.metadata, custom: { ...metadata.custom, ...options.metadata?.custom } };
    const headers = metadataHeaders(all);
    const { contentType, contentEncoding } = this.#format;
    headers["content-type"] = all.contentType ?? await contentTypeOf(key, contentType);
    if (contentEncoding) headers["content-encoding"] = contentEncoding;
    if (expiresAt !== undefined && sendsExpires) headers["expires"] = new Date(expiresAt).toUTCString();
    if (options.public ?? isPublic) headers["x-amz-acl"] = "public-read";
    return headers;
  }

  async #writeExpired(call: EntryCall, condition: WriteOptions["condition"]): Promise<boolean> {
    const { objects } = this.#parts;
    if (condition === "absent") return await objects.liveHead(call) === undefined;
    if (condition) return await this.#remove(call, condition);
    await objects.drop(call);
    return true;
  }

  async #writeStream(
    call: EntryCall,
    raw: Blob | ReadableStream<Uint8Array>,
    options: S3WriteOptions,
  ): Promise<boolean> {
    const { signal, condition } = options;
    const { objects } = this.#parts;
    let required: Record<string, string> | undefined;
    if (condition) {
      const head = await objects.head(call);
      const isLive = head !== undefined && objects.isLive(head);
      if (condition === "absent" ? isLive : !isLive || head.version !== condition.version) {
        if (!(raw instanceof Blob)) await raw.cancel();
        return false;
      }
      if (head && !isLive) await objects.prune(call, head);
      required = isLive ? objects.ifMatch(head.etag) : { "if-none-match": "*" };
    }
    const sink = await this.#sink(call, options, required);
    const stream = raw instanceof Blob ? raw.stream() : raw;
    await stream.pipeTo(new WritableStream(sink), signal ? { signal } : {});
    return sink.isWritten;
  }

  async #sink(call: EntryCall, options: S3WriteOptions, condition?: Record<string, string>): Promise<UploadSink> {
    const { client, objects, partSize } = this.#parts;
    const headers = await this.#headers(call, options);
    return new UploadSink(client, {
      ...call,
      headers: { ...headers, ...noteHeader({ expiresAt: options.expiresAt, nonce: objects.nonce() }) },
      condition,
      partSize,
      put: async (bytes) => await this.write(call.key, bytes, options) !== false,
    });
  }

  async #remove(call: EntryCall, condition?: { readonly version: string }): Promise<boolean> {
    const { objects } = this.#parts;
    const attempt = async (): Promise<boolean> => {
      for (;;) {
        const head = await objects.liveHead(call);
        if (!head || (condition && head.version !== condition.version)) return false;
        if (await objects.remove(call, head)) return true;
      }
    };
    await objects.conditions();
    return objects.isConditional ? await attempt() : await this.#turns.run(call.key, attempt);
  }

  async #removeNames(operation: string, names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    await this.#bulk.remove(names, { operation, prefixLength: this.#parts.prefix.length, signal });
  }

  async *#livePages(
    { prefix, ...request }: {
      readonly operation: string;
      readonly prefix: string;
      readonly after?: string | undefined;
      readonly pageSize?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): AsyncGenerator<readonly string[], void> {
    const { client, objects, prefix: own } = this.#parts;
    const lifetimes = objects.hasLifetimes(request);
    const known = lifetimes.then(() => {}, () => {});
    const after = request.after === undefined ? undefined : own + request.after;
    try {
      for await (const page of listPages(client, { ...request, after, prefix: own + prefix })) {
        yield await this.#live(page, await lifetimes, request);
      }
    } finally {
      await known;
    }
  }

  /** The names of entries that live, in the order given; only where there may be others are objects looked at. */
  async #live(
    page: readonly Listed[],
    hasLifetimes: boolean,
    request: { readonly operation: string; readonly signal?: AbortSignal | undefined },
  ): Promise<readonly string[]> {
    const { objects, prefix, concurrency } = this.#parts;
    const listed = page.filter(({ name }) => refusalOf(name.slice(prefix.length)) === undefined);
    const suspects = hasLifetimes ? listed : listed.filter(({ size }) => size === MARK_SIZE);
    const gone = new Set<string>();
    await concurrently(suspects, async ({ name }) => {
      const head = await objects.liveHead({ ...request, name, key: name.slice(prefix.length) });
      if (!head) gone.add(name);
    }, { concurrency, signal: request.signal });
    const names: string[] = [];
    for (const { name } of listed) if (!gone.has(name)) names.push(name);
    return names;
  }

  /** How many of these are there: by a listing of what lies between them, as long as that is not longer than asking for each. */
  async #countLive(calls: readonly EntryCall[], options?: CallOptions): Promise<number> {
    const { objects, prefix, concurrency } = this.#parts;
    const left = new Map(calls.map((call) => [call.name, call]));
    let count = 0;
    if (calls.length > 10) {
      const common = commonPrefix([...left.keys()]).slice(prefix.length);
      let pages = Math.ceil(calls.length / 500);
      let isWhole = true;
      for await (const page of this.#livePages({ operation: "remove", prefix: common, signal: options?.signal })) {
        if (pages-- === 0) {
          isWhole = false;
          break;
        }
        for (const name of page) if (left.delete(name)) count++;
        if (left.size === 0) break;
      }
      if (isWhole) return count;
    }
    await concurrently(left.values(), async (call) => {
      if (await objects.liveHead(call)) count++;
    }, { concurrency, signal: options?.signal });
    return count;
  }

  async #setAccess(key: string, isPublic: boolean, options?: CallOptions): Promise<boolean> {
    const call = this.#call("publish", key, options);
    if (!await this.#parts.objects.liveHead(call)) return false;
    return await setAccess(this.#parts.client, { ...call, isPublic });
  }

  async #copy(from: EntryCall, to: EntryCall, change: (note: Note) => Note): Promise<boolean> {
    const { client, objects, isPublic, sendsExpires } = this.#parts;
    for (;;) {
      const head = await objects.liveHead(from);
      if (!head) return false;
      const note = change(head.note);
      if (note.expiresAt !== undefined) await objects.noteLifetimes(to.signal);
      const headers = copiedHeaders(head);
      const encoding = note.isGzipped ? "gzip" : head.headers.get("content-encoding") ?? this.#format.contentEncoding;
      if (encoding) headers["content-encoding"] = encoding;
      if (note.expiresAt !== undefined && sendsExpires) headers["expires"] = new Date(note.expiresAt).toUTCString();
      if (isPublic || await isPublicObject(client, from)) headers["x-amz-acl"] = "public-read";
      if (await objects.copy(to, { name: from.name, head }, { headers, note })) return true;
    }
  }
}

/** What a copy has to be told again. */
function copiedHeaders({ headers }: ObjectHead): Record<string, string> {
  const copied: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (/^(content-(type|disposition|language)|cache-control|x-amz-storage-class|x-amz-meta-.*)$/.test(name)) {
      copied[name] = value;
    }
  }
  return copied;
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

function commonPrefix(names: readonly string[]): string {
  const [first = ""] = names;
  let length = first.length;
  for (const name of names) {
    while (!name.startsWith(first.slice(0, length))) length--;
  }
  // Not between the halves of a character beyond U+FFFF.
  return first.slice(0, length).isWellFormed() ? first.slice(0, length) : first.slice(0, length - 1);
}
