/**
 * The functions of `jsr:@std/fs` that are in use here, over `node:fs`: for machines that reach npm but not JSR.
 *
 * @module
 */

import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";

/** Makes the folder and those above it, or leaves it as it is. */
export async function ensureDir(dir: string | URL): Promise<void> {
  await mkdir(dir, { recursive: true });
}

/** Makes the folder, or empties it. */
export async function emptyDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true, force: true });
}

/** Whether there is something at the path. */
export async function exists(path: string | URL): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

/** One thing that {@linkcode walk} came by. */
export interface WalkEntry {
  readonly path: string;
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
}

/** What {@linkcode walk} is told. */
export interface WalkOptions {
  /** Whether folders come too. @default {true} */
  readonly includeDirs?: boolean;
  /** Only files with one of these endings. */
  readonly exts?: string[];
}

/** Everything below a folder, the folder first. */
export async function* walk(
  root: string,
  { includeDirs = true, exts }: WalkOptions = {},
): AsyncIterableIterator<WalkEntry> {
  if (includeDirs && !exts) {
    yield { path: root, name: basename(root), isFile: false, isDirectory: true, isSymlink: false };
  }
  for (const child of await readdir(root, { withFileTypes: true })) {
    const path = join(root, child.name);
    if (child.isDirectory()) yield* walk(path, { includeDirs, ...(exts && { exts }) });
    else if (!exts || exts.some((ext) => child.name.endsWith(ext))) {
      yield { path, name: child.name, isFile: child.isFile(), isDirectory: false, isSymlink: child.isSymbolicLink() };
    }
  }
}
