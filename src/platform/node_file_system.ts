/**
 * Files through `node:fs`, for Node and Bun.
 *
 * @module
 */

import { IN_PLACE_BYTES, InPlace } from "../core/in_place.ts";
import { errorCode, fileError, type FileInfo, type FileKind, type FileSystem, type FolderItem } from "./file_system.ts";

/** The part of `fs.Stats` and `fs.Dirent` in use. */
interface NodeKind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

interface NodeStats extends NodeKind {
  readonly size: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
}

const PAGE = 1024;
const WRITE_NEW = { flag: "wx" };
// What is read in place is read here first. One byte more, to see the end.
const room = new Uint8Array(IN_PLACE_BYTES + 1);

/** The files of the machine, for Node and Bun. */
export async function nodeFileSystem(inPlace: InPlace = new InPlace()): Promise<FileSystem> {
  const fs = await import("node:fs");
  const { constants, promises } = fs;
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
  // Without O_NONBLOCK a named pipe would keep the reader waiting for a writer. Windows has neither flag.
  const toRead = O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);
  // The declarations know flags as text only.
  const readOptions = { flag: toRead as unknown as string };
  const toCreate = O_WRONLY | O_CREAT | O_EXCL;

  const look = (path: string): FileInfo | undefined => {
    try {
      const stats = fs.lstatSync(path, { throwIfNoEntry: false });
      return stats && infoOf(stats);
    } catch (error) {
      // Bun throws here where Node answers.
      if (errorCode(error) === "ENOTDIR" || errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  };
  const writeSynced = async (path: string, bytes: Uint8Array): Promise<void> => {
    const file = await promises.open(path, toCreate, 0o666);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  };

  const refuseLink = (path: string): void => {
    if (O_NOFOLLOW === undefined && look(path)?.kind === "link") throw fileError("ELOOP", path);
  };
  const readInPlace = (path: string): Uint8Array | undefined => {
    const file = fs.openSync(path, toRead);
    try {
      let length = 0;
      while (length < room.length) {
        const count = fs.readSync(file, room, length, room.length - length, null);
        if (count === 0) return room.slice(0, length);
        length += count;
      }
      return undefined;
    } finally {
      fs.closeSync(file);
    }
  };

  return {
    look,
    readFile(path) {
      refuseLink(path);
      const bytes = inPlace.isAllowed() ? inPlace.run(() => readInPlace(path)) : undefined;
      return bytes ?? promises.readFile(path, readOptions).then(plain);
    },
    async open(path) {
      refuseLink(path);
      const file = await promises.open(path, toRead);
      return {
        read: async (into) => (await file.read(into, 0, into.length, null)).bytesRead,
        look: async () => infoOf(await file.stat()),
        close: () => file.close(),
      };
    },
    writeFile(path, bytes, sync) {
      if (sync) return writeSynced(path, bytes);
      const byThread = () => promises.writeFile(path, bytes, WRITE_NEW);
      if (bytes.length > IN_PLACE_BYTES) return byThread();
      return inPlace.either(() => fs.writeFileSync(path, bytes, WRITE_NEW), byThread);
    },
    async create(path) {
      const file = await promises.open(path, toCreate, 0o666);
      return {
        async write(bytes) {
          for (let at = 0; at < bytes.length;) {
            at += (await file.write(bytes, at, bytes.length - at, null)).bytesWritten;
          }
        },
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
    rename: (from, to) => inPlace.either(() => fs.renameSync(from, to), () => promises.rename(from, to)),
    link: (from, to) => promises.link(from, to),
    removeFile: (path) => inPlace.either(() => fs.unlinkSync(path), () => promises.unlink(path)),
    makeFolder: (path) => promises.mkdir(path).then(() => {}),
    removeFolder: (path) => promises.rmdir(path),
    async syncFolder(path) {
      // Windows cannot sync folders, and keeps names in its journal by itself.
      if (O_NOFOLLOW === undefined) return;
      const folder = await promises.open(path, O_RDONLY);
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
    async *items(path) {
      const folder = await promises.opendir(path, { bufferSize: PAGE });
      try {
        for (;;) {
          // The awaited read fills the buffer; the others empty it. Only the one that finds the end may touch the disk.
          let item = await folder.read();
          const page: FolderItem[] = [];
          for (; item; item = page.length < PAGE ? folder.readSync() : null) {
            page.push({ name: item.name, kind: kindOf(item) });
          }
          yield page;
          if (page.length < PAGE) return;
        }
      } finally {
        await folder.close();
      }
    },
  };
}

// Readers get the bytes, not the class of Node around them.
function plain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function kindOf(item: NodeKind): FileKind {
  return item.isFile() ? "file" : item.isDirectory() ? "folder" : item.isSymbolicLink() ? "link" : "other";
}

function infoOf(stats: NodeStats): FileInfo {
  return { kind: kindOf(stats), size: stats.size, modifiedAt: stats.mtimeMs, id: `${stats.dev}:${stats.ino}` };
}
