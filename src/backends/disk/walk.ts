/**
 * A walk through the files of a store, a page at a time: the whole listing is never in memory.
 *
 * @module
 */

import { concurrently } from "../../core/concurrently.ts";
import { unframe } from "../../core/frame.ts";
import { errorCode, type FolderItem } from "../../platform/file_system.ts";
import { type DiskFolder, HIDDEN } from "./disk_folder.ts";
import { type FileNames, HASHED_FOLDER } from "./file_names.ts";
import { patiently } from "./file_reading.ts";
import type { Lifetimes } from "./lifetimes.ts";

// A folder that changes while it is read is read at least, and at most, so often.
const MIN_PASSES = 3;
const MAX_PASSES = 10;
// Milliseconds within which two changes of a folder may bear the same time.
const CLOCK_STEP = 50;

/** Some entries of one folder, live or not. */
export interface Page {
  /** The path of the folder. */
  readonly folder: string;
  /** Whether the files' names are hashes. */
  readonly isHashed: boolean;
  /** The keys. */
  readonly keys: string[];
  /** The names of their files, in the same order. */
  readonly files: string[];
}

/** Walks through all entries whose keys start with the prefix; leftovers on the way are swept. */
export async function* walk(folder: DiskFolder, names: FileNames, prefix: string): AsyncGenerator<Page, void> {
  const start = names.foldersOf(prefix);
  const keys = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (start.length === 0 || await folder.isReachable(start)) {
    yield* walkFolder(folder, names, folder.pathOf(start), keys, prefix);
  }
  if (await folder.isReachable([HASHED_FOLDER])) yield* walkHashed(folder, names, prefix);
}

/** The page without what has expired; most often the page itself. */
export async function liveOnly(lifetimes: Lifetimes, page: Page): Promise<Page> {
  if (!await lifetimes.exist()) return page;
  const expired = new Set<number>();
  await concurrently(page.files.entries(), async ([index, file]) => {
    if (await lifetimes.hasExpired(`${page.folder}/${file}`, page.isHashed)) expired.add(index);
  });
  const isLive = (_: string, index: number) => !expired.has(index);
  return { ...page, keys: page.keys.filter(isLive), files: page.files.filter(isLive) };
}

async function* walkFolder(
  folder: DiskFolder,
  names: FileNames,
  path: string,
  before: string,
  prefix: string,
): AsyncGenerator<Page, void> {
  const isInside = before.startsWith(prefix);
  for await (const items of itemsOf(folder, path)) {
    const page: Page = { folder: path, isHashed: false, keys: [], files: [] };
    const below: string[] = [];
    for (const { name, kind } of items) {
      if (kind === "file") {
        const part = names.keyOfFile(name);
        if (part === undefined) {
          if (name.startsWith(HIDDEN)) await sweep(folder, path, name);
          continue;
        }
        const key = before === "" ? part : before + part;
        if (!isInside && !key.startsWith(prefix)) continue;
        page.keys.push(key);
        page.files.push(name);
      } else if (kind === "folder") below.push(name);
    }
    if (page.keys.length > 0) yield page;
    for (const name of below) {
      const part = names.keyOfFolder(name);
      if (part === undefined) continue;
      const inside = `${before}${part}/`;
      if (inside.startsWith(prefix) || prefix.startsWith(inside)) {
        yield* walkFolder(folder, names, `${path}/${name}`, inside, prefix);
      }
    }
  }
}

async function* walkHashed(folder: DiskFolder, names: FileNames, prefix: string): AsyncGenerator<Page, void> {
  const path = folder.pathOf([HASHED_FOLDER]);
  for await (const items of itemsOf(folder, path)) {
    const page: Page = { folder: path, isHashed: true, keys: [], files: [] };
    await concurrently(items, async ({ name, kind }) => {
      if (kind !== "file" || !names.isHash(name)) {
        return name.startsWith(HIDDEN) ? sweep(folder, path, name) : undefined;
      }
      const key = await hashedKey(folder, `${path}/${name}`);
      if (!key?.startsWith(prefix) || (await names.place(key)).file !== name) return;
      page.keys.push(key);
      page.files.push(name);
    });
    if (page.keys.length > 0) yield page;
  }
}

async function hashedKey(folder: DiskFolder, path: string): Promise<string | undefined> {
  try {
    return unframe(await patiently(() => folder.files.readFile(path))).key;
  } catch (error) {
    // Gone since, or nothing that this store wrote.
    if (errorCode(error) === "ENOENT" || error instanceof RangeError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The items of a folder, each name once; those that are there throughout all come. */
async function* itemsOf(folder: DiskFolder, path: string): AsyncGenerator<readonly FolderItem[], void> {
  if (await folder.listsSteadily()) return yield* itemsNow(folder, path);
  // Names that moved while the folder was read may have been missed: it is read again until nothing new comes up.
  const seen = new Set<string>();
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const start = Date.now();
    const before = (await folder.files.look(path || "/"))?.modifiedAt ?? 0;
    let hasNews = false;
    for await (const items of itemsNow(folder, path)) {
      const unseen = items.filter(({ name }) => seen.size !== seen.add(name).size);
      hasNews ||= unseen.some(({ name }) => !name.startsWith(HIDDEN));
      yield unseen;
    }
    const after = (await folder.files.look(path || "/"))?.modifiedAt ?? 0;
    if (after === before && before < start - CLOCK_STEP) return;
    if (pass >= MIN_PASSES && !hasNews) return;
  }
}

async function* itemsNow(folder: DiskFolder, path: string): AsyncGenerator<readonly FolderItem[], void> {
  try {
    yield* folder.files.items(path || "/");
  } catch (error) {
    const code = errorCode(error);
    // A folder that is gone is empty; so is a root that is not there yet, unless it is something else.
    if (code === "ENOTDIR") await folder.checkRoot();
    else if (code !== "ENOENT" && code !== "ENAMETOOLONG" && code !== "ELOOP") throw error;
  }
}

async function sweep(folder: DiskFolder, path: string, name: string): Promise<void> {
  if (name.endsWith(".tmp") || name.startsWith(`${HIDDEN}lock-`)) await folder.sweep(`${path}/${name}`);
}
