/**
 * A lock between processes: a file that only one of them can make.
 *
 * It guards steps of well under a millisecond, so one that is some seconds old was left by a process that is gone. Nobody's
 * value depends on the lock alone: what is done under it checks what it finds.
 *
 * @module
 */

import { discardFile, errorCode, type FileSystem } from "../../platform/file_system.ts";

const STALE_AFTER = 5000;
const PATIENCE = 20_000;

/**
 * Does something to a file while no other process that asks for the same does.
 *
 * @throws An error with the code `EBUSY` if others keep it locked for 20 seconds.
 */
export async function holding<T>(files: FileSystem, path: string, task: () => Promise<T>): Promise<T> {
  const slash = path.lastIndexOf("/");
  const lock = `${path.slice(0, slash)}/.everymap-lock-${path.slice(slash + 1)}`;
  await acquire(files, lock);
  try {
    return await task();
  } finally {
    await discardFile(files, lock);
  }
}

async function acquire(files: FileSystem, lock: string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  for (let wait = 1;; wait = Math.min(wait * 2, 50)) {
    try {
      await files.writeFile(lock, new Uint8Array());
      return;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    if (await isStale(files, lock)) {
      // Of all who find it stale one takes it away. Should it have become a fresh one just now, it goes back.
      const aside = `${lock}-${crypto.randomUUID().slice(0, 8)}`;
      try {
        await files.rename(lock, aside);
      } catch {
        continue;
      }
      if (!await isStale(files, aside)) await files.link?.(aside, lock).catch(() => {});
      await discardFile(files, aside);
      continue;
    }
    if (performance.now() > deadline) throw Object.assign(new Error("EBUSY: locked"), { code: "EBUSY" });
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function isStale(files: FileSystem, lock: string): Promise<boolean> {
  const info = await files.look(lock);
  return info !== undefined && Math.abs(Date.now() - info.modifiedAt) > STALE_AFTER;
}
