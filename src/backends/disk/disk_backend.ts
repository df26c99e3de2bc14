/**
 * The backend behind `disk()`.
 *
 * @module
 */

import { isPending } from "../../core/awaitable.ts";
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
import { type Clock, isPast } from "../../core/clock.ts";
import type { Codec, Format } from "../../core/codec.ts";
import { concurrently } from "../../core/concurrently.ts";
import { encoded } from "../../core/encoded.ts";
import { frame, unframe } from "../../core/frame.ts";
import { StoreError } from "../../core/store_error.ts";
import { Turns } from "../../core/turns.ts";
import { errorCode, type FileSystem } from "../../platform/file_system.ts";
import { diskError } from "./disk_error.ts";
import { DiskFolder, patiently } from "./disk_folder.ts";
import { FileNames, type Place } from "./file_names.ts";
import { readableFrom, writableInto } from "./file_streams.ts";
import { PagedKeys } from "./paged_keys.ts";
import { liveOnly, type Page, walk } from "./walk.ts";

/** What a {@linkcode DiskBackend} is made of. */
export interface DiskSetup {
  /** The absolute path of the folder. */
  readonly root: string;
  /** Finds the file system; asked when it is needed first. */
  readonly files: () => FileSystem | Promise<FileSystem>;
  readonly durable: boolean;
  /** Ending of all names, whatever the format. */
  readonly extension: string | undefined;
  readonly codec: Codec<unknown, Uint8Array>;
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
  #folder: DiskFolder | undefined;

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
    options?.signal?.throwIfAborted();
    try {
      const folder = this.#folder ?? await this.#open();
      const answer = this.#names.place(key);
      const place = isPending(answer) ? await answer : answer;
      const isReachable = folder.isReachable(place.folders);
      if (!(isPending(isReachable) ? await isReachable : isReachable)) return undefined;
      const path = `${folder.pathOf(place.folders)}/${place.file}`;
      if (options?.details) {
        const { bytes, info } = await folder.readAt(path);
        const entry = this.#entry(key, place, bytes);
        return entry && { ...entry, createdAt: info.modifiedAt };
      }
      return this.#entry(key, place, await folder.readFile(path));
    } catch (error) {
      return await this.#missing("read", key, options, error);
    }
  }

  write(key: string, raw: Uint8Array, options: WriteOptions = {}): Promise<boolean> {
    const { expiresAt, condition, signal } = options;
    if (condition !== undefined && condition !== "absent") return Promise.reject(this.#noVersions("write", key));
    return this.#turn("write", key, options, async (folder, place) => {
      if (expiresAt !== undefined) {
        if (isPast(expiresAt, this.now)) {
          if (condition) return !await this.#has(folder, place);
          await this.#remove(folder, place);
          return true;
        }
        await folder.keepLifetimes();
      }
      if (condition && await this.#has(folder, place)) return false;
      const bytes = frame({ payload: raw, expiresAt, key: place.isHashed ? key : undefined });
      const temporary = await folder.prepare(place, bytes);
      if (signal?.aborted) {
        await folder.discard(temporary);
        throw signal.reason;
      }
      if (condition) return await folder.create(temporary, place);
      await folder.replace(temporary, place);
      return true;
    });
  }

  remove(key: string, options?: RemoveOptions): Promise<boolean> {
    if (options?.condition) return Promise.reject(this.#noVersions("remove", key));
    return this.#turn("remove", key, options, (folder, place) => this.#remove(folder, place));
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
    options?.signal?.throwIfAborted();
    try {
      const folder = this.#folder ?? await this.#open();
      return await this.#has(folder, await this.#names.place(key));
    } catch (error) {
      return await this.#missing("read", key, options, error) ?? false;
    }
  }

  async count(options: PrefixOptions = {}): Promise<number> {
    let count = 0;
    for await (const page of this.#pages("count", options)) count += page.keys.length;
    return count;
  }

  async clear({ prefix = "", signal }: PrefixOptions = {}): Promise<void> {
    try {
      const folder = await this.#open();
      const touched = new Set<string>();
      for await (const page of walk(folder, this.#names, prefix)) {
        touched.add(page.folder);
        await concurrently(page.files, (file) => unlessMissing(folder.files.removeFile(`${page.folder}/${file}`)), {
          signal,
        });
        await folder.settle(page.folder);
      }
      // Folders that are empty now; whoever writes into one of them at this moment makes it again.
      for (const path of [...touched].sort((a, b) => b.length - a.length)) {
        for (let empty = path; empty.length > folder.root.length; empty = empty.slice(0, empty.lastIndexOf("/"))) {
          if (!await folder.files.removeFolder(empty).then(() => true, () => false)) break;
        }
      }
    } catch (error) {
      throw this.#error("clear", undefined, signal, error);
    }
  }

  touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    return this.#turn("touch", key, options, async (folder, place) => {
      if (!await folder.isReachable(place.folders)) return false;
      if (isPast(expiresAt, this.now)) return await this.#remove(folder, place);
      const path = `${folder.pathOf(place.folders)}/${place.file}`;
      for (;;) {
        const { bytes, info } = await folder.readAt(path);
        const entry = this.#entry(key, place, bytes);
        if (!entry) return false;
        if (expiresAt !== undefined) await folder.keepLifetimes();
        const kept = frame({ payload: entry.value, expiresAt, key: place.isHashed ? key : undefined });
        const temporary = await folder.prepare(place, kept);
        // Another process may have written a new value meanwhile.
        const now = await folder.files.look(path);
        if (now?.id === info.id && now.modifiedAt === info.modifiedAt) {
          await folder.replace(temporary, place);
          return true;
        }
        await folder.discard(temporary);
      }
    }, false);
  }

  take(key: string, options?: CallOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#turn("take", key, options, async (folder, place) => {
      if (!await this.#has(folder, place)) return undefined;
      const path = `${folder.pathOf(place.folders)}/${place.file}`;
      const aside = await folder.moveAside(path);
      if (aside === undefined) return undefined;
      try {
        const { bytes, info } = await folder.readAt(aside);
        const entry = this.#entry(key, place, bytes);
        await folder.discard(aside);
        await folder.settle(folder.pathOf(place.folders));
        return entry && { ...entry, createdAt: info.modifiedAt };
      } catch (error) {
        await folder.putBack(aside, path);
        throw error;
      }
    });
  }

  async prune({ signal }: CallOptions = {}): Promise<number> {
    try {
      const folder = await this.#open();
      let count = 0;
      for await (const { folder: path, files, isHashed } of walk(folder, this.#names, "")) {
        signal?.throwIfAborted();
        if (!await folder.hasLifetimes()) continue;
        await concurrently(files, async (file) => {
          if (!await folder.hasExpired(`${path}/${file}`, isHashed)) return;
          if (await folder.evict(`${path}/${file}`, isHashed)) count++;
        });
      }
      return count;
    } catch (error) {
      throw this.#error("prune", undefined, signal, error);
    }
  }

  async readable(key: string, options?: CallOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    options?.signal?.throwIfAborted();
    try {
      const folder = await this.#open();
      const place = await this.#names.place(key);
      if (!await folder.isReachable(place.folders)) return undefined;
      const file = await patiently(() => folder.files.open(`${folder.pathOf(place.folders)}/${place.file}`));
      try {
        const entry = this.#entry(key, place, await folder.readStart(file, place.isHashed));
        if (entry) return readableFrom(file, entry.value, (cause) => this.#error("read", key, options?.signal, cause));
      } catch (error) {
        await file.close();
        throw error;
      }
      await file.close();
      return undefined;
    } catch (error) {
      return await this.#missing("read", key, options, error);
    }
  }

  async writable(key: string, options: Omit<WriteOptions, "condition"> = {}): Promise<WritableStream<Uint8Array>> {
    const { expiresAt, signal } = options;
    signal?.throwIfAborted();
    const toError = (cause: unknown) => this.#error("write", key, signal, cause);
    try {
      const folder = await this.#open();
      const place = await this.#names.place(key);
      if (expiresAt !== undefined) await folder.keepLifetimes();
      const [file, temporary] = await folder.inFolder(place.folders, async (path) => {
        const temporary = folder.temporary(path);
        return [await folder.files.create(temporary), temporary] as const;
      });
      return writableInto(file, {
        meta: { expiresAt, key: place.isHashed ? key : undefined },
        signal,
        sync: this.#setup.durable,
        toError,
        discard: () => folder.discard(temporary),
        commit: () =>
          this.#turns.run(key, async () => {
            if (!isPast(expiresAt, this.now)) return await folder.replace(temporary, place);
            await folder.discard(temporary);
            await this.#remove(folder, place);
          }),
      });
    } catch (error) {
      throw toError(error);
    }
  }

  async #open(): Promise<DiskFolder> {
    const { root, files, durable, now } = this.#setup;
    const system = await files();
    return this.#folder ??= new DiskFolder(system, root, durable, now);
  }

  #turn<T>(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    task: (folder: DiskFolder, place: Place) => Promise<T>,
    absent?: T,
  ): Promise<T> {
    return this.#turns.run(key, async () => {
      options?.signal?.throwIfAborted();
      try {
        return await task(this.#folder ?? await this.#open(), await this.#names.place(key));
      } catch (error) {
        if (absent !== undefined) return await this.#missing(operation, key, options, error) ?? absent;
        throw this.#error(operation, key, options?.signal, error);
      }
    });
  }

  async *#pages(operation: string, { prefix = "", signal }: PrefixOptions): AsyncGenerator<Page, void> {
    try {
      const folder = await this.#open();
      for await (const page of walk(folder, this.#names, prefix)) {
        signal?.throwIfAborted();
        yield await liveOnly(folder, page);
      }
    } catch (error) {
      throw this.#error(operation, undefined, signal, error);
    }
  }

  #entry(key: string, place: Place, bytes: Uint8Array): Entry<Uint8Array> | undefined {
    try {
      const { payload, expiresAt, key: kept } = unframe(bytes);
      if (isPast(expiresAt, this.now) || (place.isHashed && kept !== key)) return undefined;
      return expiresAt === undefined ? { value: payload } : { value: payload, expiresAt };
    } catch (cause) {
      const reason = "the frame of its file is damaged";
      throw new StoreError("corrupt", { store: this.name, operation: "read", key, reason, cause });
    }
  }

  async #has(folder: DiskFolder, { folders, file, isHashed }: Place): Promise<boolean> {
    if (!await folder.isReachable(folders)) return false;
    const path = `${folder.pathOf(folders)}/${file}`;
    const info = await folder.files.look(path);
    if (info === undefined) await folder.checkRoot();
    return info?.kind === "file" && await folder.isLive(path, isHashed);
  }

  async #remove(folder: DiskFolder, place: Place): Promise<boolean> {
    if (!await folder.isReachable(place.folders)) return false;
    const path = `${folder.pathOf(place.folders)}/${place.file}`;
    if ((await folder.files.look(path))?.kind !== "file") {
      await folder.checkRoot();
      return false;
    }
    if (await folder.hasLifetimes() && await folder.hasExpired(path, place.isHashed)) {
      await folder.evict(path, place.isHashed);
      return false;
    }
    const isGone = await unlessMissing(folder.files.removeFile(path));
    if (isGone) await folder.settle(folder.pathOf(place.folders));
    return isGone;
  }

  /** Nothing, if the error says that there is no file of ours. */
  async #missing(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    error: unknown,
  ): Promise<undefined> {
    try {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ELOOP" || code === "EISDIR") return undefined;
      if (code !== "ENOTDIR") throw error;
      await this.#folder!.checkRoot();
      return undefined;
    } catch (cause) {
      throw this.#error(operation, key, options?.signal, cause);
    }
  }

  #error(operation: string, key: string | undefined, signal: AbortSignal | undefined, cause: unknown): unknown {
    return signal?.aborted && cause === signal.reason ? cause : diskError(this.name, operation, key, cause);
  }

  #noVersions(operation: string, key: string): StoreError {
    return new StoreError("unsupported", { store: this.name, operation, key, reason: "no versions here" });
  }
}

async function unlessMissing(removal: Promise<void>): Promise<boolean> {
  try {
    await removal;
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
