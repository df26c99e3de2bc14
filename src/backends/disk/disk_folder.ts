/**
 * The folder below which entries live: how files get there whole or not at all, and what is told apart from entries.
 *
 * Symbolic links below the folder are never followed: each call looks at the folders on its way before it goes there,
 * and the file systems refuse a link in a file's place. Who can replace a folder by a link between the look and the next
 * system call, some microseconds later, can still lead one call astray; the system offers no portable way to close that.
 *
 * @module
 */

import { type Awaitable, isPending } from "../../core/awaitable.ts";
import { type Clock, isPast } from "../../core/clock.ts";
import { FRAME_BYTES, unframe } from "../../core/frame.ts";
import { errorCode, fileError, type FileInfo, type FileReader, type FileSystem } from "../../platform/file_system.ts";
import type { Place } from "./file_names.ts";
import { holding } from "./lock_file.ts";

/** What the names of all files start with that are no entries but belong to the work on them. */
export const HIDDEN = ".everymap-";

const LIFETIMES = `${HIDDEN}lifetimes`;
const LIFETIMES_TEXT = "Some files in this folder start with the moment at which they expire.\n";
const STALE_AFTER = 3_600_000;
const ATTEMPTS = 20;
const START_BYTES = 4096;

// Other processes, here or on other machines, write to the same folders.
const writer = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
let lastTemporary = 0;

/** The folder of a disk backend. */
export class DiskFolder {
  readonly files: FileSystem;
  readonly root: string;
  readonly #durable: boolean;
  readonly #now: Clock;
  #hasLifetimes = false;
  #listsSteadily: boolean | undefined;

  constructor(files: FileSystem, root: string, durable: boolean, now: Clock) {
    this.files = files;
    this.root = root === "/" ? "" : root;
    this.#durable = durable;
    this.#now = now;
  }

  /** The path of the folder that a place is in. */
  pathOf(folders: readonly string[]): string {
    return folders.length === 0 ? this.root : `${this.root}/${folders.join("/")}`;
  }

  /**
   * Whether the folders on the way are there, and are folders.
   *
   * @throws An error with the code `ENOTDIR` if the root is something else.
   */
  isReachable(folders: readonly string[]): Awaitable<boolean> {
    let path = this.root;
    for (const [index, folder] of folders.entries()) {
      path += `/${folder}`;
      const info = this.files.look(path);
      if (isPending(info)) return this.#isReachableFrom(info, path, folders.slice(index + 1));
      if (info?.kind !== "folder") return this.checkRoot().then(() => false);
    }
    return true;
  }

  /** Nothing, unless the root is something else than a folder: that is no empty store, but none. */
  async checkRoot(): Promise<void> {
    const kind = (await this.files.look(this.root || "/"))?.kind;
    if (kind === "file" || kind === "other") throw fileError("ENOTDIR", this.root);
  }

  /** A new path for a file that is no entry yet, or no more. */
  temporary(folder: string): string {
    return `${folder}/${HIDDEN}${writer}-${++lastTemporary}.tmp`;
  }

  /** Does something that makes a file in a folder, which is made if it is missing. */
  async inFolder<T>(folders: readonly string[], task: (folder: string) => Promise<T>): Promise<T> {
    const folder = this.pathOf(folders);
    for (let attempt = 1;; attempt++) {
      let path = this.root;
      for (const name of folders) {
        path += `/${name}`;
        refuse((await this.files.look(path))?.kind, "folder", path);
      }
      try {
        return await patiently(() => task(folder));
      } catch (error) {
        // Another process that clears the store may remove the folder again before there is a file in it.
        if (errorCode(error) !== "ENOENT" || attempt === ATTEMPTS) throw error;
        await this.#makeFolders(folders);
      }
    }
  }

  /** A temporary file with these bytes in the folder of the place. */
  prepare({ folders }: Place, bytes: Uint8Array): Promise<string> {
    return this.inFolder(folders, async (folder) => {
      const path = this.temporary(folder);
      try {
        await this.files.writeFile(path, bytes, this.#durable);
        return path;
      } catch (error) {
        if (errorCode(error) !== "ENOENT") await this.discard(path);
        throw error;
      }
    });
  }

  /** Makes a temporary file the file of the place, whatever was there before; or removes it and fails. */
  async replace(temporary: string, { folders, file }: Place): Promise<void> {
    const folder = this.pathOf(folders);
    const path = `${folder}/${file}`;
    try {
      refuse((await this.files.look(path))?.kind, "file", path);
      await this.files.rename(temporary, path);
    } catch (error) {
      await this.discard(temporary);
      throw error;
    }
    await this.settle(folder);
  }

  /** Makes a temporary file the file of the place if there is no live one; the temporary one is gone afterwards. */
  async create(temporary: string, place: Place): Promise<boolean> {
    const folder = this.pathOf(place.folders);
    const path = `${folder}/${place.file}`;
    try {
      for (;;) {
        if (await this.#claim(temporary, path)) {
          await this.settle(folder);
          return true;
        }
        if (await this.isLive(path, place.isHashed)) return false;
        await this.evict(path, place.isHashed);
      }
    } finally {
      await this.discard(temporary);
    }
  }

  /** Removes a file without a word if that fails: what is left of it is ignored, and swept one day. */
  async discard(path: string): Promise<void> {
    await this.files.removeFile(path).catch(() => {});
  }

  /** Removes a file that is no entry if nobody can be writing it any more. */
  async sweep(path: string): Promise<void> {
    const info = await this.files.look(path);
    if (info?.kind === "file" && info.modifiedAt < Date.now() - STALE_AFTER) await this.discard(path);
  }

  /** Whether a listing has each name once that is there throughout. */
  async listsSteadily(): Promise<boolean> {
    return this.#listsSteadily ??= await this.files.listsSteadily?.(this.root || "/") ?? true;
  }

  /** Waits until the names in a folder would survive a power failure, if that is wanted. */
  async settle(folder: string): Promise<void> {
    if (this.#durable) await this.files.syncFolder(folder || "/");
  }

  /** Whether a file may have a lifetime; if not, nobody needs to open one to know that it is an entry. */
  async hasLifetimes(): Promise<boolean> {
    if (this.#hasLifetimes) return true;
    return this.#hasLifetimes = await this.files.look(`${this.root}/${LIFETIMES}`) !== undefined;
  }

  /** Says, to all processes, that from now on files may have lifetimes. */
  async keepLifetimes(): Promise<void> {
    if (await this.hasLifetimes()) return;
    await this.inFolder([], async (folder) => {
      try {
        await this.files.writeFile(`${folder}/${LIFETIMES}`, new TextEncoder().encode(LIFETIMES_TEXT), this.#durable);
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
      }
      await this.settle(folder);
    });
    this.#hasLifetimes = true;
  }

  /** Whether a path is an entry that has not expired. */
  async isLive(path: string, isHashed: boolean): Promise<boolean> {
    const kind = (await this.files.look(path))?.kind;
    if (kind !== "file") {
      refuse(kind, "file", path);
      return false;
    }
    return !(await this.hasLifetimes()) || await this.#hasTimeLeft(path, isHashed) === true;
  }

  /** Whether a file is there and has expired. */
  async hasExpired(path: string, isHashed: boolean): Promise<boolean> {
    return await this.#hasTimeLeft(path, isHashed) === false;
  }

  /**
   * Removes an expired file; whether it did. A value that is written meanwhile stays: the file is moved aside, looked at
   * once more, and put back if it turns out to be a new one.
   */
  async evict(path: string, isHashed: boolean): Promise<boolean> {
    return await holding(this.files, path, async () => {
      if (!await this.hasExpired(path, isHashed)) return false;
      const aside = await this.moveAside(path);
      if (aside === undefined) return false;
      if (await this.hasExpired(aside, isHashed)) {
        await this.discard(aside);
        return true;
      }
      await this.putBack(aside, path);
      return false;
    });
  }

  /** Takes a file away from its path, for one of all who try; `undefined` for the others. */
  async moveAside(path: string): Promise<string | undefined> {
    const aside = this.temporary(path.slice(0, path.lastIndexOf("/")));
    try {
      await this.files.rename(path, aside);
      return aside;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Undoes {@linkcode moveAside}, unless there is a newer file by now. */
  async putBack(aside: string, path: string): Promise<void> {
    const isDone = await this.#link(aside, path);
    if (isDone === undefined && !await this.files.look(path)) await this.files.rename(aside, path);
    else await this.discard(aside);
  }

  /** The bytes of a file. */
  readFile(path: string): Promise<Uint8Array> {
    return this.files.readFile(path).catch((error) => {
      if (!isBusy(error)) throw error;
      return patiently(() => this.files.readFile(path));
    });
  }

  /** The bytes of a file and when they were written, both of the same file. */
  async readAt(path: string): Promise<{ bytes: Uint8Array; info: FileInfo }> {
    const file = await patiently(() => this.files.open(path));
    try {
      const info = await file.look();
      return { bytes: await readAll(file, info.size), info };
    } finally {
      await file.close();
    }
  }

  /** The first bytes of a file, as many as say when it expires. */
  async readHead(path: string): Promise<Uint8Array> {
    const file = await patiently(() => this.files.open(path));
    try {
      const head = new Uint8Array(FRAME_BYTES);
      return head.subarray(0, await file.read(head));
    } finally {
      await file.close();
    }
  }

  /** `undefined` if there is no file. What cannot be understood has time left: reading it will tell. */
  async #hasTimeLeft(path: string, isHashed: boolean): Promise<boolean | undefined> {
    try {
      const head = isHashed ? await this.files.readFile(path) : await this.readHead(path);
      return !isPast(unframe(head).expiresAt, this.#now);
    } catch (error) {
      if (error instanceof RangeError) return true;
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** The beginning of a file, as much as has the whole frame in it. */
  async readStart(file: FileReader, isHashed: boolean): Promise<Uint8Array> {
    let start = new Uint8Array(START_BYTES);
    let length = 0;
    for (;;) {
      const count = await file.read(start.subarray(length));
      length += count;
      const read = start.subarray(0, length);
      if (count === 0 || (length >= FRAME_BYTES && (!isHashed || isWhole(read)))) return read;
      if (length === start.length) start = doubled(start);
    }
  }

  /** Gives a file a free path, leaving it its own or not; `false` if that is taken. */
  async #claim(from: string, to: string): Promise<boolean> {
    return await this.#link(from, to) ?? await holding(this.files, to, async () => {
      if (await this.files.look(to)) return false;
      await this.files.rename(from, to);
      return true;
    });
  }

  /** Gives a file a free path beside its own; `false` if that is taken, `undefined` if files have one path only. */
  async #link(from: string, to: string): Promise<boolean | undefined> {
    try {
      await this.files.link?.(from, to);
      return this.files.link && true;
    } catch (error) {
      const code = errorCode(error);
      if (code === "EEXIST") return false;
      if (["ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EPERM"].includes(code)) return undefined;
      throw error;
    }
  }

  async #isReachableFrom(first: PromiseLike<FileInfo | undefined>, path: string, rest: readonly string[]) {
    let info = await first;
    for (const folder of rest) {
      if (info?.kind !== "folder") break;
      info = await this.files.look(path += `/${folder}`);
    }
    if (info?.kind !== "folder") await this.checkRoot();
    return info?.kind === "folder";
  }

  async #makeFolders(folders: readonly string[]): Promise<void> {
    await this.#makeRoot(this.root);
    let path = this.root;
    for (const folder of folders) {
      const parent = path;
      path += `/${folder}`;
      await this.#makeFolder(parent, path);
    }
  }

  async #makeRoot(path: string): Promise<void> {
    const info = await this.files.look(path || "/");
    if (info?.kind === "folder" || info?.kind === "link") return;
    const parent = path.slice(0, path.lastIndexOf("/"));
    await this.#makeRoot(parent);
    await this.#makeFolder(parent, path);
  }

  async #makeFolder(parent: string, path: string): Promise<void> {
    try {
      await this.files.makeFolder(path);
      await this.settle(parent);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      refuse((await this.files.look(path))?.kind, "folder", path);
    }
  }
}

/** Tries again while too many files are open, which passes when others are closed. */
export async function patiently<T>(task: () => Promise<T>): Promise<T> {
  for (let wait = 1;; wait *= 2) {
    try {
      return await task();
    } catch (error) {
      if (!isBusy(error) || wait > 512) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

function isBusy(error: unknown): boolean {
  return /^E[MN]FILE$/.test(errorCode(error));
}

async function readAll(file: FileReader, size: number): Promise<Uint8Array> {
  // One byte more than expected, to see the end.
  let bytes = new Uint8Array(size + 1);
  let length = 0;
  for (;;) {
    const count = await file.read(bytes.subarray(length));
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length < bytes.length) continue;
    bytes = doubled(bytes);
  }
}

function doubled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(bytes.length * 2);
  longer.set(bytes);
  return longer;
}

function isWhole(start: Uint8Array): boolean {
  try {
    unframe(start);
    return true;
  } catch {
    return false;
  }
}

function refuse(found: FileInfo["kind"] | undefined, wanted: FileInfo["kind"], path: string): void {
  if (found === undefined || found === wanted) return;
  throw fileError(found === "link" ? "ELOOP" : found === "folder" ? "EISDIR" : "ENOTDIR", path);
}
