/**
 * A part of a bucket as a backend of bytes.
 *
 * @module
 */

import type {
  CallOptions,
  Entry,
  ListOptions,
  Metadata,
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
import type { BulkRemoval } from "./bulk_removal.ts";
import type { S3Checksum } from "./checksum.ts";
import type { S3Client } from "./client.ts";
import { Failures } from "./failures.ts";
import { Incoming } from "./incoming.ts";
import { isReserved, MAX_NAME_BYTES, refusalOf, toPath } from "./keys.ts";
import { listPages } from "./listing.ts";
import { LiveListing } from "./live_listing.ts";
import { type Note, noteHeader } from "./metadata.ts";
import type { UploadSink } from "./multipart.ts";
import { type EntryCall, MARK_SIZE, type S3Objects } from "./objects.ts";
import { Outgoing } from "./outgoing.ts";
import type { PresignOptions } from "./publishing.ts";
import type { S3Backend, S3Body, S3WriteOptions } from "./s3_backend.ts";

/** What all views of a place share. */
export interface S3PlaceParts {
  readonly client: S3Client;
  readonly objects: S3Objects;
  readonly prefix: string;
  readonly codec: Codec<unknown, Uint8Array>;
  readonly now: Clock;
  readonly metadata: Metadata;
  readonly isPublic: boolean;
  readonly sendsExpires: boolean;
  readonly compresses: boolean;
  readonly checksum: S3Checksum | undefined;
  readonly countsRemoved: boolean;
  readonly concurrency: number;
  readonly partSize: number | undefined;
  readonly publicUrl: string;
}

/** What is the same for values of any format. */
interface Shared {
  readonly turns: Turns;
  bulk?: BulkRemoval;
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
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  readonly #listing: LiveListing;
  readonly #shared: Shared;

  constructor(parts: S3PlaceParts, format: Format = parts.codec, shared: Shared = { turns: new Turns() }) {
    const { client, objects, prefix, codec, now } = parts;
    this.#parts = parts;
    this.#incoming = new Incoming({ ...parts, format });
    this.#outgoing = new Outgoing({ ...parts, format });
    this.#listing = new LiveListing(parts);
    this.#shared = shared;
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
    return new S3Place(this.#parts, format, this.#shared);
  }

  async ready(): Promise<S3Backend> {
    await this.#parts.objects.conditions();
    return this;
  }

  async read(key: string, options?: ReadOptions): Promise<Entry<Uint8Array> | undefined> {
    return await this.#incoming.read(this.#call("read", key, options), options?.details);
  }

  async write(key: string, raw: S3Body, options: S3WriteOptions = {}): Promise<string | boolean> {
    const call = this.#call("write", key, options);
    const { condition, expiresAt } = options;
    if (isPast(expiresAt, this.now)) return await this.#writeExpired(call, condition);
    if (!(raw instanceof Uint8Array)) return await this.#writeStream(call, raw, options);
    const { objects } = this.#parts;
    const write = { ...call, ...await this.#outgoing.prepare(call, raw, options) };
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
    for await (const page of this.#listing.pages({ operation: "list", prefix, after, pageSize, signal })) {
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
    for await (const page of this.#listing.pages({ operation: "count", prefix, signal })) count += page.length;
    return count;
  }

  async readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<Uint8Array>>> {
    for (const key of keys) this.#call("read", key);
    const found = new Map<string, Entry<Uint8Array>>();
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
    const count = this.#parts.countsRemoved ? await this.#listing.countThese(calls, options?.signal) : names.length;
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
    return await this.#incoming.readable(this.#call("read", key, options));
  }

  async writable(key: string, options: Omit<S3WriteOptions, "condition"> = {}): Promise<WritableStream<Uint8Array>> {
    return new WritableStream(await this.#sink(this.#call("write", key, options), options));
  }

  async inTurn<T>(key: string, task: () => Promise<T>): Promise<T> {
    return await this.#shared.turns.run(key, task);
  }

  url(key: string): string {
    return `${this.#parts.publicUrl}/${toPath(this.#call("publish", key).name)}`;
  }

  async presign(key: string, options: PresignOptions = {}): Promise<string> {
    const { presignParts } = await import("./publishing.ts");
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
    const headers = await this.#outgoing.headers(call, options);
    const { UploadSink } = await import("./multipart.ts");
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
    return objects.isConditional ? await attempt() : await this.#shared.turns.run(call.key, attempt);
  }

  async #removeNames(operation: string, names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const { BulkRemoval } = await import("./bulk_removal.ts");
    const bulk = this.#shared.bulk ??= new BulkRemoval(this.#parts.client);
    await bulk.remove(names, { operation, prefixLength: this.#parts.prefix.length, signal });
  }

  async #setAccess(key: string, isPublic: boolean, options?: CallOptions): Promise<boolean> {
    const call = this.#call("publish", key, options);
    if (!await this.#parts.objects.liveHead(call)) return false;
    const { setAccess } = await import("./publishing.ts");
    return await setAccess(this.#parts.client, { ...call, isPublic });
  }

  async #copy(from: EntryCall, to: EntryCall, change: (note: Note) => Note): Promise<boolean> {
    const { client, objects, isPublic } = this.#parts;
    const { isPublicObject } = await import("./publishing.ts");
    for (;;) {
      const head = await objects.liveHead(from);
      if (!head) return false;
      const note = change(head.note);
      if (note.expiresAt !== undefined) await objects.noteLifetimes(to.signal);
      const isPublicCopy = isPublic || await isPublicObject(client, from);
      const headers = this.#outgoing.copied(head, note.expiresAt, isPublicCopy);
      if (await objects.copy(to, { name: from.name, head }, { headers, note })) return true;
    }
  }
}
