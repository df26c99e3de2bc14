/**
 * Files through `Deno.*`.
 *
 * @module
 */

import { IN_PLACE_BYTES, InPlace } from "../core/in_place.ts";
import { fileError, type FileInfo, type FileKind, type FileSystem, type FolderItem } from "./file_system.ts";

/** The part of `Deno.FileInfo` and `Deno.DirEntry` in use. */
interface DenoItem {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
  readonly size: number;
  readonly mtime: Date | null;
  readonly dev: number;
  readonly ino: number | null;
}

/** The part of `Deno.FsFile` in use. */
interface DenoFile {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  stat(): Promise<DenoItem>;
  sync(): Promise<void>;
  close(): void;
}

/** The part of `Deno` in use, declared here so that other runtimes can check the file. */
interface DenoFiles {
  readonly build: { readonly os: string };
  lstatSync(path: string): DenoItem;
  readFileSync(path: string): Uint8Array;
  writeFileSync(path: string, bytes: Uint8Array, options: { createNew: boolean }): void;
  renameSync(from: string, to: string): void;
  removeSync(path: string): void;
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array, options: { createNew: boolean }): Promise<void>;
  open(path: string, options: { read?: boolean; write?: boolean; createNew?: boolean }): Promise<DenoFile>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  readDir(path: string): AsyncIterable<DenoItem>;
}

const PAGE = 1024;
const WRITE_NEW = { createNew: true };

/** The files of the machine, for Deno. */
export function denoFileSystem(inPlace: InPlace = new InPlace()): FileSystem {
  const { Deno } = globalThis as unknown as { Deno: DenoFiles };

  const look = (path: string): FileInfo | undefined => {
    try {
      return infoOf(Deno.lstatSync(path));
    } catch (error) {
      const { code } = withCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw error;
    }
  };
  // Deno cannot refuse links while opening. The look costs a tenth of the reading; a link that takes the path between
  // the two is followed.
  const itemToRead = (path: string): DenoItem => {
    const item = Deno.lstatSync(path);
    if (!item.isFile) throw fileError(item.isDirectory ? "EISDIR" : "ELOOP", path);
    return item;
  };
  const readInPlace = (path: string): Uint8Array | undefined =>
    itemToRead(path).size > IN_PLACE_BYTES ? undefined : Deno.readFileSync(path);
  const writeSynced = async (path: string, bytes: Uint8Array): Promise<void> => {
    const file = await coded(Deno.open(path, { write: true, createNew: true }));
    try {
      await writeAll(file, bytes);
      await coded(file.sync());
    } finally {
      file.close();
    }
  };

  return {
    look,
    readFile(path) {
      if (inPlace.isAllowed()) {
        const bytes = codedSync(() => inPlace.run(() => readInPlace(path)));
        if (bytes) return bytes;
      } else codedSync(() => itemToRead(path));
      return coded(Deno.readFile(path));
    },
    async open(path) {
      codedSync(() => itemToRead(path));
      const file = await coded(Deno.open(path, { read: true }));
      return {
        read: async (into) => await coded(file.read(into)) ?? 0,
        look: async () => infoOf(await coded(file.stat())),
        // deno-lint-ignore require-await
        close: async () => file.close(),
      };
    },
    writeFile(path, bytes, sync) {
      if (sync) return writeSynced(path, bytes);
      const byThread = () => coded(Deno.writeFile(path, bytes, WRITE_NEW));
      if (bytes.length > IN_PLACE_BYTES) return byThread();
      return codedSync(() => inPlace.either(() => Deno.writeFileSync(path, bytes, WRITE_NEW), byThread));
    },
    async create(path) {
      const file = await coded(Deno.open(path, { write: true, createNew: true }));
      return {
        write: (bytes) => writeAll(file, bytes),
        sync: () => coded(file.sync()),
        // deno-lint-ignore require-await
        close: async () => file.close(),
      };
    },
    rename: (from, to) =>
      codedSync(() => inPlace.either(() => Deno.renameSync(from, to), () => coded(Deno.rename(from, to)))),
    link: (from, to) => coded(Deno.link(from, to)),
    removeFile(path) {
      // `Deno.remove` takes empty folders too.
      if (look(path)?.kind === "folder") throw fileError("EISDIR", path);
      return codedSync(() => inPlace.either(() => Deno.removeSync(path), () => coded(Deno.remove(path))));
    },
    makeFolder: (path) => coded(Deno.mkdir(path)),
    async removeFolder(path) {
      const kind = look(path)?.kind ?? "folder";
      if (kind !== "folder") throw fileError("ENOTDIR", path);
      await coded(Deno.remove(path));
    },
    async syncFolder(path) {
      // Windows cannot open folders, and keeps names in its journal by itself.
      if (Deno.build.os === "windows") return;
      const file = await coded(Deno.open(path, { read: true }));
      try {
        await coded(file.sync());
      } finally {
        file.close();
      }
    },
    async *items(path) {
      let page: FolderItem[] = [];
      try {
        for await (const item of Deno.readDir(path)) {
          if (page.push({ name: item.name, kind: kindOf(item) }) < PAGE) continue;
          yield page;
          page = [];
        }
      } catch (error) {
        throw withCode(error);
      }
      yield page;
    },
  };
}

function kindOf(item: DenoItem): FileKind {
  return item.isFile ? "file" : item.isDirectory ? "folder" : item.isSymlink ? "link" : "other";
}

function infoOf(item: DenoItem): FileInfo {
  const { size, mtime, dev, ino } = item;
  return { kind: kindOf(item), size, modifiedAt: mtime?.getTime() ?? 0, id: ino ? `${dev}:${ino}` : "" };
}

async function writeAll(file: DenoFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await coded(file.write(bytes.subarray(at)));
}

function codedSync<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw withCode(error);
  }
}

function coded<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw withCode(error);
  });
}

// Refusals by Deno's own permissions have a name, but no code.
function withCode(error: unknown): Error & { code: string } {
  const failure = error as Error & { code: string };
  if (failure.code === undefined && /^(NotCapable|PermissionDenied)$/.test(failure.name)) failure.code = "EACCES";
  return failure;
}
