/**
 * What is done to all files of a store.
 *
 * @module
 */

import { concurrently } from "../../core/concurrently.ts";
import type { DiskFolder } from "./disk_folder.ts";
import type { EntryFiles } from "./entry_files.ts";
import type { FileNames } from "./file_names.ts";
import { walk } from "./walk.ts";

/** Removes all entries with this prefix, and the folders that are empty then. */
export async function clear(folder: DiskFolder, names: FileNames, prefix: string, signal?: AbortSignal): Promise<void> {
  const emptied = new Set<string>();
  for await (const page of walk(folder, names, prefix)) {
    signal?.throwIfAborted();
    emptied.add(page.folder);
    await concurrently(page.files, (file) => folder.remove(`${page.folder}/${file}`), { signal });
    await folder.settle(page.folder);
  }
  // Whoever writes into one of the folders at this moment makes it again.
  for (const path of [...emptied].sort((a, b) => b.length - a.length)) {
    for (let empty = path; empty.length > folder.root.length; empty = empty.slice(0, empty.lastIndexOf("/"))) {
      if (!await folder.files.removeFolder(empty).then(() => true, () => false)) break;
    }
  }
}

/** Removes all files that have expired; how many. */
export async function prune(entries: EntryFiles, names: FileNames, signal?: AbortSignal): Promise<number> {
  const { folder, lifetimes } = entries;
  let count = 0;
  for await (const { folder: path, files, isHashed } of walk(folder, names, "")) {
    signal?.throwIfAborted();
    if (!await lifetimes.exist()) continue;
    await concurrently(files, async (file) => {
      if (!await lifetimes.hasExpired(`${path}/${file}`, isHashed)) return;
      if (await lifetimes.evict(`${path}/${file}`, isHashed)) count++;
    }, { signal });
  }
  return count;
}
