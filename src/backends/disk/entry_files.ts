/**
 * One entry in one file: what each call of a backend does to it.
 *
 * @module
 */

import { isPending } from "../../core/awaitable.ts";
import type { Entry, WriteOptions } from "../../core/backend.ts";
import { type Clock, isPast } from "../../core/clock.ts";
import { frame, unframe } from "../../core/frame.ts";
import { StoreError } from "../../core/store_error.ts";
import { errorCode, type FileReader, type FileWriter } from "../../platform/file_system.ts";
import type { DiskFolder } from "./disk_folder.ts";
import type { Place } from "./file_names.ts";
import { patiently, readAt, readStart } from "./file_reading.ts";
import type { Lifetimes } from "./lifetimes.ts";

/** The files of a folder as entries. Failures are those of the file system. */
export class EntryFiles {
  readonly folder: DiskFolder;
  readonly lifetimes: Lifetimes;
  readonly #store: string;
  readonly #now: Clock;

  constructor(store: string, folder: DiskFolder, lifetimes: Lifetimes, now: Clock) {
    this.#store = store;
    this.folder = folder;
    this.lifetimes = lifetimes;
    this.#now = now;
  }

  async read(key: string, place: Place, details: boolean | undefined): Promise<Entry<Uint8Array> | undefined> {
    const { files } = this.folder;
    const isReachable = this.folder.isReachable(place.folders);
    if (!(isPending(isReachable) ? await isReachable : isReachable)) return undefined;
    const path = this.folder.fileOf(place);
    if (!details) return this.#entry(key, place, await files.readFile(path));
    const { bytes, info } = await readAt(files, path);
    const entry = this.#entry(key, place, bytes);
    return entry && { ...entry, createdAt: info.modifiedAt };
  }

  async has(place: Place): Promise<boolean> {
    return await this.#isFile(place) && await this.lifetimes.isLive(this.folder.fileOf(place), place.isHashed);
  }

  async write(key: string, place: Place, raw: Uint8Array, options: WriteOptions): Promise<boolean> {
    const { expiresAt, condition, signal } = options;
    if (condition && await this.has(place)) return false;
    if (isPast(expiresAt, this.#now)) {
      await this.remove(place);
      return true;
    }
    if (expiresAt !== undefined) await this.lifetimes.keep();
    const temporary = await this.folder.prepare(place, framed(key, place, raw, expiresAt));
    if (signal?.aborted) {
      await this.folder.discard(temporary);
      throw signal.reason;
    }
    if (condition) return await this.lifetimes.create(temporary, place);
    await this.folder.replace(temporary, place);
    return true;
  }

  async remove(place: Place): Promise<boolean> {
    if (!await this.#isFile(place)) return false;
    const path = this.folder.fileOf(place);
    if (await this.lifetimes.exist() && await this.lifetimes.hasExpired(path, place.isHashed)) {
      await this.lifetimes.evict(path, place.isHashed);
      return false;
    }
    if (!await this.folder.remove(path)) return false;
    if (this.folder.durable) await this.folder.settle(this.folder.pathOf(place.folders));
    return true;
  }

  async touch(key: string, place: Place, expiresAt: number | undefined): Promise<boolean> {
    if (isPast(expiresAt, this.#now)) return await this.remove(place);
    if (!await this.folder.isReachable(place.folders)) return false;
    const path = this.folder.fileOf(place);
    for (;;) {
      const { bytes, info } = await readAt(this.folder.files, path);
      const entry = this.#entry(key, place, bytes);
      if (!entry) return false;
      if (expiresAt !== undefined) await this.lifetimes.keep();
      const temporary = await this.folder.prepare(place, framed(key, place, entry.value, expiresAt));
      // Another process may have written a new value meanwhile.
      const now = await this.folder.files.look(path);
      if (now?.id === info.id && now.modifiedAt === info.modifiedAt) {
        await this.folder.replace(temporary, place);
        return true;
      }
      await this.folder.discard(temporary);
      if (now === undefined) return false;
    }
  }

  async take(key: string, place: Place): Promise<Entry<Uint8Array> | undefined> {
    for (;;) {
      if (!await this.has(place)) return undefined;
      const path = this.folder.fileOf(place);
      const { bytes, info } = await readAt(this.folder.files, path);
      const entry = this.#entry(key, place, bytes);
      // Of all who want to take it, one moves it.
      const aside = await this.folder.moveAside(path);
      if (aside === undefined) return undefined;
      const moved = await this.folder.files.look(aside);
      if (moved?.id === info.id && moved.modifiedAt === info.modifiedAt) {
        await this.folder.discard(aside);
        await this.folder.settle(this.folder.pathOf(place.folders));
        return entry && { ...entry, createdAt: info.modifiedAt };
      }
      // It is a newer value than the one that was read.
      await this.folder.putBack(aside, path);
    }
  }

  /** The entry's value up to where the file was read, and the file. */
  async open(key: string, place: Place): Promise<{ start: Uint8Array; file: FileReader } | undefined> {
    if (!await this.folder.isReachable(place.folders)) return undefined;
    const file = await patiently(() => this.folder.files.open(this.folder.fileOf(place)));
    let start: Uint8Array | undefined;
    try {
      start = this.#entry(key, place, await readStart(file, place.isHashed))?.value;
    } finally {
      if (start === undefined) await file.close();
    }
    return start && { start, file };
  }

  /** A new file that can become the entry. */
  async create(place: Place, expiresAt: number | undefined): Promise<{ temporary: string; file: FileWriter }> {
    if (expiresAt !== undefined) await this.lifetimes.keep();
    return await this.folder.inFolder(place.folders, async (path) => {
      const temporary = this.folder.temporary(path);
      return { temporary, file: await this.folder.files.create(temporary) };
    });
  }

  /** Makes a file from {@linkcode create} the entry. */
  async commit(temporary: string, place: Place, expiresAt: number | undefined): Promise<void> {
    if (!isPast(expiresAt, this.#now)) return await this.folder.replace(temporary, place);
    await this.folder.discard(temporary);
    await this.remove(place);
  }

  /** Nothing, if an error says that there is no file of ours; else it is thrown again. */
  async absentAfter(error: unknown): Promise<undefined> {
    const code = errorCode(error);
    if (code === "ENOTDIR") await this.folder.checkRoot();
    else if (code !== "ENOENT" && code !== "ELOOP" && code !== "EISDIR") throw error;
  }

  async #isFile(place: Place): Promise<boolean> {
    if (!await this.folder.isReachable(place.folders)) return false;
    const kind = (await this.folder.files.look(this.folder.fileOf(place)))?.kind;
    if (kind === undefined) await this.folder.checkRoot();
    return kind === "file";
  }

  #entry(key: string, place: Place, bytes: Uint8Array): Entry<Uint8Array> | undefined {
    try {
      const { payload, expiresAt, key: kept } = unframe(bytes);
      if (isPast(expiresAt, this.#now) || (place.isHashed && kept !== key)) return undefined;
      return expiresAt === undefined ? { value: payload } : { value: payload, expiresAt };
    } catch (cause) {
      const reason = "the frame of its file is damaged";
      throw new StoreError("corrupt", { store: this.#store, operation: "read", key, reason, cause });
    }
  }
}

function framed(key: string, place: Place, payload: Uint8Array, expiresAt: number | undefined): Uint8Array {
  return frame({ payload, expiresAt, key: place.isHashed ? key : undefined });
}
