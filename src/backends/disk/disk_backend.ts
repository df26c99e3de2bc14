/**
 * The backend behind `disk()`: turns, batches, and failures by their name.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type {
  ByteBackend,
  CallOptions,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  WriteOptions,
} from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import type { Codec, Format } from "../../core/codec.ts";
import { concurrently } from "../../core/concurrently.ts";
import { encoded } from "../../core/encoded.ts";
import { StoreError } from "../../core/store_error.ts";
import { Turns } from "../../core/turns.ts";
import type { FileSystem } from "../../platform/file_system.ts";
import { diskError } from "./disk_error.ts";
import { DiskFolder } from "./disk_folder.ts";
import { EntryFiles } from "./entry_files.ts";
import { FileNames, type Place } from "./file_names.ts";
import { isBusy, patiently } from "./file_reading.ts";
import { readableFrom, writableInto } from "./file_streams.ts";
import { Lifetimes } from "./lifetimes.ts";
import { PagedKeys } from "./paged_keys.ts";
import { liveOnly, type Page, walk } from "./walk.ts";
import { clear, prune } from "./whole_folder.ts";

/** What a {@linkcode DiskBackend} is made of. */
export interface DiskSetup {
  /** The absolute path of the folder. */
  readonly root: string;
  /** Finds the file system; asked when it is needed first. */
  readonly files: () => Awaitable<FileSystem>;
  /** Whether a write ends only when it would survive a power failure. */
  readonly durable: boolean;
  /** Ending of all names, whatever the format. */
  readonly extension: string | undefined;
  /** The codec of a store that is given none. */
  readonly codec: Codec<unknown, Uint8Array>;
  /** The clock by which entries expire. */
  readonly now: Clock;
}

/** A folder as a backend. */
export class DiskBackend implements ByteBackend {
  readonly name = "disk";
  readonly supports = { list: true, order: false, ttl: true, create: true, swap: false, stream: true, revision: false };
  readonly codec: Codec<unknown, Uint8Array>;
  readonly encoded = encoded;
  readonly now: Clock;
  readonly #setup: DiskSetup;
  readonly #names: FileNames;
  // What is done to one key through this object happens in the order in which it was asked for.
  readonly #turns = new Turns();
  #entries: EntryFiles | undefined;

  constructor(setup: DiskSetup, format: Format = setup.codec) {
    this.codec = setup.codec;
    this.now = setup.now;
    this.#setup = setup;
    this.#names = new FileNames(setup.extension ?? format.extension ?? "");
  }

  withFormat(format: Format): ByteBackend {
    const { extension = format.extension ?? "" } = this.#setup;
    return extension === this.#names.extension ? this : new DiskBackend(this.#setup, format);
  }

  async read(key: string, options?: ReadOptions): Promise<Entry<Uint8Array> | undefined> {
    try {
      options?.signal?.throwIfAborted();
      const entries = this.#entries ?? await this.#open();
      const place = this.#names.place(key);
      return await entries.read(key, "file" in place ? place : await place, options?.details);
    } catch (error) {
      if (isBusy(error)) return await this.#readPatiently(key, options);
      return await this.#absentAfter("read", key, options?.signal, error);
    }
  }

  write(key: string, raw: Uint8Array, options: WriteOptions = {}): Promise<boolean> {
    const { condition } = options;
    if (condition !== undefined && condition !== "absent") return Promise.reject(this.#noVersions("write", key));
    return this.#turn("write", key, options, (entries, place) => entries.write(key, place, raw, options));
  }

  remove(key: string, options?: RemoveOptions): Promise<boolean> {
    if (options?.condition) return Promise.reject(this.#noVersions("remove", key));
    return this.#turn("remove", key, options, (entries, place) => entries.remove(place));
  }

  list({ prefix, limit = Infinity, signal }: ListOptions = {}): AsyncIterable<string> {
    return new PagedKeys(this.#pages("list", { prefix, signal }), limit);
  }

  async readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<Uint8Array>>> {
    const entries = new Map<string, Entry<Uint8Array>>();
    await concurrently(keys, async (key) => {
      const entry = await this.read(key, options);
      if (entry) entries.set(key, entry);
    }, options);
    return entries;
  }

  async writeMany(entries: ReadonlyMap<string, Uint8Array>, options?: Omit<WriteOptions, "condition">): Promise<void> {
    await concurrently(entries, ([key, raw]) => this.write(key, raw, options), options);
  }

  async removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    let count = 0;
    await concurrently(keys, async (key) => {
      if (await this.remove(key, options)) count++;
    }, options);
    return count;
  }

  async has(key: string, options?: CallOptions): Promise<boolean> {
    try {
      options?.signal?.throwIfAborted();
      return await (this.#entries ?? await this.#open()).has(await this.#names.place(key));
    } catch (error) {
      return await this.#absentAfter("read", key, options?.signal, error) ?? false;
    }
  }

  async count(options: PrefixOptions = {}): Promise<number> {
    let count = 0;
    for await (const page of this.#pages("count", options)) count += page.keys.length;
    return count;
  }

  async clear({ prefix = "", signal }: PrefixOptions = {}): Promise<void> {
    try {
      await clear((await this.#open()).folder, this.#names, prefix, signal);
    } catch (error) {
      throw this.#error("clear", undefined, signal, error);
    }
  }

  async prune({ signal }: CallOptions = {}): Promise<number> {
    try {
      return await prune(await this.#open(), this.#names, signal);
    } catch (error) {
      throw this.#error("prune", undefined, signal, error);
    }
  }

  touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.#turn("touch", key, options, async (entries, place) => {
      return await entries.touch(key, place, expiresAt).catch((error) => entries.absentAfter(error)) ?? false;
    });
  }

  take(key: string, options?: CallOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#turn("remove", key, options, async (entries, place) => {
      return await entries.take(key, place).catch((error) => entries.absentAfter(error));
    });
  }

  async readable(key: string, { signal }: CallOptions = {}): Promise<ReadableStream<Uint8Array> | undefined> {
    try {
      signal?.throwIfAborted();
      const opened = await (await this.#open()).open(key, await this.#names.place(key));
      const toError = (cause: unknown) => this.#error("read", key, signal, cause);
      return opened && readableFrom(opened.file, opened.start, toError);
    } catch (error) {
      return await this.#absentAfter("read", key, signal, error);
    }
  }

  async writable(key: string, options: Omit<WriteOptions, "condition"> = {}): Promise<WritableStream<Uint8Array>> {
    const { expiresAt, signal } = options;
    const toError = (cause: unknown) => this.#error("write", key, signal, cause);
    try {
      signal?.throwIfAborted();
      const entries = await this.#open();
      const place = await this.#names.place(key);
      const { temporary, file } = await entries.create(place, expiresAt);
      return writableInto(file, {
        meta: { expiresAt, key: place.isHashed ? key : undefined },
        signal,
        sync: this.#setup.durable,
        commit: () => this.#turns.run(key, () => entries.commit(temporary, place, expiresAt)),
        discard: () => entries.folder.discard(temporary),
        toError,
      });
    } catch (error) {
      throw toError(error);
    }
  }

  async #open(): Promise<EntryFiles> {
    if (this.#entries) return this.#entries;
    const { root, files, durable, now } = this.#setup;
    const folder = new DiskFolder(await files(), root, durable);
    return this.#entries ??= new EntryFiles(this.name, folder, new Lifetimes(folder, now), now);
  }

  async #readPatiently(key: string, options: ReadOptions | undefined): Promise<Entry<Uint8Array> | undefined> {
    try {
      const place = await this.#names.place(key);
      return await patiently(() => this.#entries!.read(key, place, options?.details));
    } catch (error) {
      return await this.#absentAfter("read", key, options?.signal, error);
    }
  }

  #turn<T>(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    task: (entries: EntryFiles, place: Place) => Promise<T>,
  ): Promise<T> {
    return this.#turns.run(key, async () => {
      try {
        options?.signal?.throwIfAborted();
        const entries = this.#entries ?? await this.#open();
        const place = this.#names.place(key);
        return await task(entries, "file" in place ? place : await place);
      } catch (error) {
        throw this.#error(operation, key, options?.signal, error);
      }
    });
  }

  async *#pages(operation: string, { prefix = "", signal }: PrefixOptions): AsyncGenerator<Page, void> {
    try {
      const { folder, lifetimes } = await this.#open();
      for await (const page of walk(folder, this.#names, prefix)) {
        signal?.throwIfAborted();
        yield await liveOnly(lifetimes, page);
      }
    } catch (error) {
      throw this.#error(operation, undefined, signal, error);
    }
  }

  async #absentAfter(
    operation: string,
    key: string,
    signal: AbortSignal | undefined,
    error: unknown,
  ): Promise<undefined> {
    try {
      if (!this.#entries) throw error;
      return await this.#entries.absentAfter(error);
    } catch (cause) {
      throw this.#error(operation, key, signal, cause);
    }
  }

  #error(operation: string, key: string | undefined, signal: AbortSignal | undefined, cause: unknown): unknown {
    return signal?.aborted && cause === signal.reason ? cause : diskError(this.name, operation, key, cause);
  }

  #noVersions(operation: string, key: string): StoreError {
    return new StoreError("unsupported", { store: this.name, operation, key, reason: "no versions here" });
  }
}
