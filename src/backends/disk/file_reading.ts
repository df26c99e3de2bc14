/**
 * Files as a store reads them: whole, or only as much as says what they are.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import { FRAME_BYTES, unframe } from "../../core/frame.ts";
import { errorCode, type FileInfo, type FileReader, type FileSystem } from "../../platform/file_system.ts";

const START_BYTES = 4096;

/** The bytes of a file and when they were written, both of the same file. */
export async function readAt(
  files: FileSystem,
  path: string,
): Promise<{ bytes: Uint8Array; info: FileInfo }> {
  const file = await patiently(() => files.open(path));
  try {
    const info = await file.look();
    return { bytes: await readAll(file, info.size), info };
  } finally {
    await file.close();
  }
}

/** The first bytes of a file, as many as say when it expires. */
export async function readHead(files: FileSystem, path: string): Promise<Uint8Array> {
  const file = await patiently(() => files.open(path));
  try {
    const head = new Uint8Array(FRAME_BYTES);
    return head.subarray(0, await file.read(head));
  } finally {
    await file.close();
  }
}

/** The beginning of a file, as much as has the whole frame in it. */
export async function readStart(file: FileReader, isHashed: boolean): Promise<Uint8Array> {
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

/** Tries again while too many files are open, which passes when others are closed. */
export async function patiently<T>(task: () => Awaitable<T>): Promise<T> {
  for (let wait = 1;; wait *= 2) {
    try {
      return await task();
    } catch (error) {
      if (!isBusy(error) || wait > 512) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Whether an error says that too many files are open. */
export function isBusy(error: unknown): boolean {
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
