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
import { discardFile, errorCode, fileError, type FileInfo, type FileSystem } from "../../platform/file_system.ts";
import type { Place } from "./file_names.ts";
import { isBusy, patiently } from "./file_reading.ts";
import { holding } from "./lock_file.ts";

/** What the names of all files start with that are no entries but belong to the work on them. */
export const HIDDEN = ".everymap-";

const STALE_AFTER = 3_600_000;
const ATTEMPTS = 20;

// Other processes, here or on other machines, write to the same folders.
const writer = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
let lastTemporary = 0;

/** The folder of a disk backend. */
export class DiskFolder {
  readonly files: FileSystem;
  readonly root: string;
  readonly durable: boolean;
  #listsSteadily: boolean | undefined;

  constructor(files: FileSystem, root: string, durable: boolean) {
    this.files = files;
    this.root = root === "/" ? "" : root;
    this.durable = durable;
  }

  /** The path of the folder that a place is in. */
  pathOf(folders: readonly string[]): string {
    return folders.length === 0 ? this.root : `${this.root}/${folders.join("/")}`;
  }

  /** The path of the file of a place. */
  fileOf({ folders, file }: Place): string {
    return folders.length === 0 ? `${this.root}/${file}` : `${this.root}/${folders.join("/")}/${file}`;
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
        const info = this.files.look(path += `/${name}`);
        refuse((isPending(info) ? await info : info)?.kind, "folder", path);
      }
      try {
        return attempt === 1 ? await task(folder) : await patiently(() => task(folder));
      } catch (error) {
        if (isBusy(error) && attempt === 1) continue;
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
        await this.files.writeFile(path, bytes, this.durable);
        return path;
      } catch (error) {
        if (errorCode(error) !== "ENOENT") await this.discard(path);
        throw error;
      }
    });
  }

  /** Makes a temporary file the file of the place, whatever was there before; or removes it and fails. */
  async replace(temporary: string, place: Place): Promise<void> {
    const path = this.fileOf(place);
    try {
      const info = this.files.look(path);
      refuse((isPending(info) ? await info : info)?.kind, "file", path);
      await this.files.rename(temporary, path);
    } catch (error) {
      await this.discard(temporary);
      throw error;
    }
    if (this.durable) await this.settle(this.pathOf(place.folders));
  }

  /** Removes a file; whether it was there. */
  async remove(path: string): Promise<boolean> {
    try {
      await this.files.removeFile(path);
      return true;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** Removes a file without a word if that fails: what is left of it is ignored, and swept one day. */
  discard(path: string): Promise<void> {
    return discardFile(this.files, path);
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
    if (this.durable) await this.files.syncFolder(folder || "/");
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

  /** Gives a file a free path, leaving it its own or not; `false` if that is taken. */
  async claim(from: string, to: string): Promise<boolean> {
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

/** Refuses to go on if there is something else than what is wanted. */
export function refuse(found: FileInfo["kind"] | undefined, wanted: FileInfo["kind"], path: string): void {
  if (found === undefined || found === wanted) return;
  throw fileError(found === "link" ? "ELOOP" : found === "folder" ? "EISDIR" : "ENOTDIR", path);
}
