/**
 * Files in memory, for tests: they can be told to fail, to crash at any of their steps, and to lose what was not synced.
 *
 * @module
 */

import type { Clock } from "../core/clock.ts";
import {
  fileError,
  type FileInfo,
  type FileReader,
  type FileSystem,
  type FileWriter,
  type FolderItem,
} from "./file_system.ts";

/** How a {@linkcode MemoryFileSystem} behaves. */
export interface MemoryFileSystemOptions {
  /** Whether files can have a second path. @default {true} */
  readonly links?: boolean | undefined;
  /** The clock of the files' times. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/**
 * What a crash takes along: `nothing` but the process itself; the `data` of files that was not synced, while their names
 * stay; or the `names` too, in folders that were not synced.
 */
export type CrashLoss = "nothing" | "data" | "names";

/** A method that can be told to fail. */
export type FileOperation = Exclude<keyof FileSystem, "look"> | "read" | "write" | "sync";

interface MemoryFile {
  readonly kind: "file";
  readonly id: string;
  bytes: Uint8Array;
  synced: Uint8Array;
  modifiedAt: number;
}

interface MemoryFolder {
  readonly kind: "folder";
  readonly id: string;
  names: Map<string, MemoryItem>;
  synced: Map<string, MemoryItem>;
}

interface MemoryLink {
  readonly kind: "link";
  readonly id: string;
  readonly target: string;
}

type MemoryItem = MemoryFile | MemoryFolder | MemoryLink;

const PAGE = 16;

/**
 * A file system in memory. Each change of a file or folder is a step; writing takes two of them, so that a crash can
 * tear it.
 *
 * @example A crash between any two steps leaves the old value or the new one
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { disk } from "@everymap/everymap/backends/disk";
 * import { MemoryFileSystem } from "@everymap/everymap/platform/memory-file-system";
 * import { assert, assertRejects } from "@std/assert";
 *
 * const fileSystem = new MemoryFileSystem();
 * const open = () => new Store<string>(disk("/data", { fileSystem }));
 * await open().set("key", "old");
 * fileSystem.crashAt(2);
 * await assertRejects(() => open().set("key", "new"));
 * fileSystem.restart();
 * assert(["old", "new"].includes(await open().getOrThrow("key")));
 * ```
 */
export class MemoryFileSystem implements FileSystem {
  readonly link?: (from: string, to: string) => Promise<void>;
  readonly #now: Clock;
  readonly #root: MemoryFolder = newFolder("0");
  readonly #faults: { operation: FileOperation; code: string; times: number; path: string | undefined }[] = [];
  #lastId = 0;
  #steps = 0;
  #stepsLeft = Infinity;
  #loss: CrashLoss = "nothing";
  #isDown = false;

  /** An empty file system. */
  constructor(options: MemoryFileSystemOptions = {}) {
    this.#now = options.now ?? Date.now;
    if (options.links ?? true) {
      this.link = (from, to) => this.#change("link", to, () => this.#place(to, this.#file(from)));
    }
  }

  /** How many steps have been taken. */
  get steps(): number {
    return this.#steps;
  }

  /** Crashes instead of taking the step of this number, counted from now on: 1 is the next one. */
  crashAt(step: number, loss: CrashLoss = "nothing"): void {
    this.#stepsLeft = step;
    this.#loss = loss;
  }

  /** Comes back after a crash, with what was left. */
  restart(): void {
    this.#isDown = false;
    this.#stepsLeft = Infinity;
  }

  /** Lets an operation fail with a code, always or so many times, on all paths or on those that contain a text. */
  fail(
    operation: FileOperation,
    code: string,
    { times = Infinity, path }: { times?: number; path?: string } = {},
  ): void {
    this.#faults.push({ operation, code, times, path });
  }

  /** Takes back what {@linkcode fail} said. */
  heal(): void {
    this.#faults.length = 0;
  }

  /** Puts a symbolic link somewhere. */
  makeLink(target: string, path: string): void {
    this.#place(path, { kind: "link", id: this.#newId(), target });
  }

  look(path: string): FileInfo | undefined {
    if (this.#isDown) throw fileError("EIO", path);
    const item = this.#find(path);
    return item && infoOf(item);
  }

  async readFile(path: string): Promise<Uint8Array> {
    await this.#begin("readFile", path);
    return this.#file(path).bytes.slice();
  }

  async open(path: string): Promise<FileReader> {
    await this.#begin("open", path);
    const file = this.#file(path);
    let at = 0;
    return {
      read: async (into) => {
        await this.#begin("read", path);
        const bytes = file.bytes.subarray(at, at + into.length);
        into.set(bytes);
        at += bytes.length;
        return bytes.length;
      },
      look: () => Promise.resolve(infoOf(file)),
      close: () => Promise.resolve(),
    };
  }

  async writeFile(path: string, bytes: Uint8Array, sync?: boolean): Promise<void> {
    await this.#begin("writeFile", path);
    const file = await this.create(path);
    await file.write(bytes);
    if (sync) await file.sync();
  }

  async create(path: string): Promise<FileWriter> {
    const file = newFile(this.#newId(), this.#now());
    await this.#change("create", path, () => this.#place(path, file));
    const append = (bytes: Uint8Array) =>
      this.#change("write", path, () => {
        const longer = new Uint8Array(file.bytes.length + bytes.length);
        longer.set(file.bytes);
        longer.set(bytes, file.bytes.length);
        file.bytes = longer;
        file.modifiedAt = this.#now();
      });
    return {
      async write(bytes) {
        await append(bytes.slice(0, bytes.length >> 1));
        await append(bytes.slice(bytes.length >> 1));
      },
      sync: () => this.#change("sync", path, () => void (file.synced = file.bytes)),
      close: () => Promise.resolve(),
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change("rename", to, () => {
      const source = this.#folder(from);
      const item = source.names.get(nameOf(from));
      if (!item) throw fileError("ENOENT", from);
      const target = this.#folder(to);
      if (target.names.get(nameOf(to))?.kind === "folder") throw fileError("EISDIR", to);
      target.names.set(nameOf(to), item);
      source.names.delete(nameOf(from));
    });
  }

  removeFile(path: string): Promise<void> {
    return this.#change("removeFile", path, () => {
      const folder = this.#folder(path);
      const item = folder.names.get(nameOf(path));
      if (!item) throw fileError("ENOENT", path);
      if (item.kind === "folder") throw fileError("EISDIR", path);
      folder.names.delete(nameOf(path));
    });
  }

  makeFolder(path: string): Promise<void> {
    return this.#change("makeFolder", path, () => this.#place(path, newFolder(this.#newId())));
  }

  removeFolder(path: string): Promise<void> {
    return this.#change("removeFolder", path, () => {
      const item = this.#find(path);
      if (!item) throw fileError("ENOENT", path);
      if (item.kind !== "folder") throw fileError("ENOTDIR", path);
      if (item.names.size > 0) throw fileError("ENOTEMPTY", path);
      this.#folder(path).names.delete(nameOf(path));
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.#change("syncFolder", path, () => {
      const item = this.#find(path);
      if (item?.kind !== "folder") throw fileError("ENOENT", path);
      item.synced = new Map(item.names);
    });
  }

  async *items(path: string): AsyncGenerator<readonly FolderItem[]> {
    await this.#begin("items", path);
    const folder = this.#find(path);
    if (folder?.kind !== "folder") throw fileError(folder ? "ENOTDIR" : "ENOENT", path);
    let page: FolderItem[] = [];
    for (const [name, { kind }] of folder.names) {
      if (page.push({ name, kind }) < PAGE) continue;
      yield page;
      page = [];
      await this.#begin("items", path);
    }
    yield page;
  }

  async #begin(operation: FileOperation, path: string): Promise<void> {
    await undefined;
    if (this.#isDown) throw fileError("EIO", path);
    for (const fault of this.#faults) {
      if (fault.operation !== operation || !path.includes(fault.path ?? "") || fault.times-- <= 0) continue;
      throw fileError(fault.code, path);
    }
  }

  async #change(operation: FileOperation, path: string, change: () => void): Promise<void> {
    await this.#begin(operation, path);
    this.#steps++;
    if (--this.#stepsLeft === 0) {
      this.#isDown = true;
      if (this.#loss !== "nothing") lose(this.#root, this.#loss);
      throw fileError("EIO", path);
    }
    change();
  }

  #newId(): string {
    return `${++this.#lastId}`;
  }

  #place(path: string, item: MemoryItem): void {
    const { names } = this.#folder(path);
    if (names.has(nameOf(path))) throw fileError("EEXIST", path);
    names.set(nameOf(path), item);
  }

  #file(path: string): MemoryFile {
    const item = path === "/" ? this.#root : this.#folder(path).names.get(nameOf(path));
    if (item?.kind === "file") return item;
    throw fileError(item === undefined ? "ENOENT" : item.kind === "folder" ? "EISDIR" : "ELOOP", path);
  }

  /** The folder that a path is in; links on the way are followed, as every system does. */
  #folder(path: string): MemoryFolder {
    const parent = path.slice(0, path.lastIndexOf("/"));
    let item: MemoryItem | undefined = parent === "" ? this.#root : this.#folder(parent).names.get(nameOf(parent));
    while (item?.kind === "link") item = this.#find(item.target);
    if (item?.kind !== "folder") throw fileError(item ? "ENOTDIR" : "ENOENT", path);
    return item;
  }

  #find(path: string): MemoryItem | undefined {
    if (path === "" || path === "/") return this.#root;
    try {
      return this.#folder(path).names.get(nameOf(path));
    } catch {
      return undefined;
    }
  }
}

function newFile(id: string, modifiedAt: number): MemoryFile {
  return { kind: "file", id, bytes: new Uint8Array(), synced: new Uint8Array(), modifiedAt };
}

function newFolder(id: string): MemoryFolder {
  return { kind: "folder", id, names: new Map(), synced: new Map() };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function infoOf(item: MemoryItem): FileInfo {
  const { kind, id } = item;
  return kind === "file"
    ? { kind, id, size: item.bytes.length, modifiedAt: item.modifiedAt }
    : { kind, id, size: 0, modifiedAt: 0 };
}

function lose(folder: MemoryFolder, loss: CrashLoss): void {
  if (loss === "names") folder.names = new Map(folder.synced);
  for (const item of folder.names.values()) {
    if (item.kind === "folder") lose(item, loss);
    else if (item.kind === "file") item.bytes = item.synced;
  }
}
