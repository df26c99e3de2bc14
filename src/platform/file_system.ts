/**
 * The port through which files are reached: what the runtimes have in common, with one word for each thing that went wrong.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";

/** What a name in a folder stands for. `link` is a symbolic link, whatever it points at. */
export type FileKind = "file" | "folder" | "link" | "other";

/** What is known of a path without opening it. */
export interface FileInfo {
  /** What it is. */
  readonly kind: FileKind;
  /** Bytes in it. */
  readonly size: number;
  /** Milliseconds since the epoch at which it was last written. */
  readonly modifiedAt: number;
  /** What tells this file from another one that takes its path later; empty where the system has no such thing. */
  readonly id: string;
}

/** One name in a folder. */
export interface FolderItem {
  /** The name, without its folder. */
  readonly name: string;
  /** What it is. */
  readonly kind: FileKind;
}

/** A file that is being read, from its beginning on. */
export interface FileReader {
  /** Fills the buffer as far as there are bytes; how many, 0 at the end. */
  read(into: Uint8Array): Promise<number>;
  /** What is known of the file that is open, even if its path has been taken by another one. */
  look(): Promise<FileInfo>;
  /** Lets go of it. */
  close(): Promise<void>;
}

/** A file that is being written, from its beginning on. */
export interface FileWriter {
  /** Writes all of the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Waits until what was written would survive a power failure. */
  sync(): Promise<void>;
  /** Lets go of it. */
  close(): Promise<void>;
}

/**
 * Files and folders of one machine.
 *
 * To implement one: paths are absolute and use `/`. A failure is an error with a POSIX `code` (`ENOENT`, `EEXIST`,
 * `ENOTEMPTY`, `EACCES`, `ENOSPC`, …). No method follows a symbolic link at the end of a path: reading one fails with
 * `ELOOP`. `rename` replaces a file as one step, `create`, `writeFile`, `makeFolder` and `link` fail with `EEXIST` if
 * there is anything, as one step. Where an answer may come without a promise, so may a failure.
 */
export interface FileSystem {
  /** What there is at a path, or `undefined` for nothing; best without a promise, because it stands before other calls. */
  look(path: string): Awaitable<FileInfo | undefined>;
  /** All bytes of a file. */
  readFile(path: string): Awaitable<Uint8Array>;
  /** Opens a file for reading. */
  open(path: string): Promise<FileReader>;
  /** Makes a new file and writes all of it; `sync` waits until its bytes would survive a power failure. */
  writeFile(path: string, bytes: Uint8Array, sync?: boolean): Awaitable<void>;
  /** Makes a new file and opens it for writing. */
  create(path: string): Promise<FileWriter>;
  /** Gives a file another path in the same folder, and takes that path from whatever file had it. */
  rename(from: string, to: string): Awaitable<void>;
  /** Gives a file a second path. Left out, or failing with `ENOTSUP` or `EPERM`, where files have one path only. */
  link?(from: string, to: string): Promise<void>;
  /** Removes a file. */
  removeFile(path: string): Awaitable<void>;
  /** Makes one folder. */
  makeFolder(path: string): Promise<void>;
  /** Removes a folder if it is empty. */
  removeFolder(path: string): Promise<void>;
  /** Waits until the names in a folder would survive a power failure. */
  syncFolder(path: string): Promise<void>;
  /** The names in a folder, some at a time, read as they are asked for where the runtime can. */
  items(path: string): AsyncIterable<readonly FolderItem[]>;
  /**
   * Whether `items` of a folder has each name once that is there throughout, also while files are renamed to it. Some
   * file systems give a name another position then, and the reader misses it or meets it twice. @default {yes}
   */
  listsSteadily?(path: string): Awaitable<boolean>;
}

/** The POSIX code of an error, or an empty string. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

/** An error as a {@linkcode FileSystem} throws it. */
export function fileError(code: string, path: string): Error & { code: string } {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** Removes a file without a word if that fails, because it may be gone already and does no harm where it is. */
export async function discardFile(files: FileSystem, path: string): Promise<void> {
  try {
    await files.removeFile(path);
  } catch {
    // As said.
  }
}
