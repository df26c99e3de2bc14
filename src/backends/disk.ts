/**
 * Entries in a folder, one file each: files that people and other programs can read, write and copy.
 *
 * @module
 */

import type { ByteBackend } from "../core/backend.ts";
import { type Clock, coarseNow } from "../core/clock.ts";
import { checkOptions } from "../core/options.ts";
import { json } from "../codecs/json.ts";
import type { FileSystem } from "../platform/file_system.ts";
import { folderPath } from "../platform/folder_path.ts";
import { localFileSystem } from "../platform/local_file_system.ts";
import { DiskBackend } from "./disk/disk_backend.ts";

export type { FileInfo, FileKind, FileReader, FileSystem, FileWriter, FolderItem } from "../platform/file_system.ts";

/** How {@linkcode disk} behaves. */
export interface DiskOptions {
  /** The files. @default {those of this machine} */
  readonly fileSystem?: FileSystem | undefined;
  /** Whether a write ends only when it would survive a power failure. @default {false} */
  readonly durable?: boolean | undefined;
  /** Ending of the files' names, with its dot; empty for none. @default {the codec's} */
  readonly extension?: string | undefined;
  /** The clock by which entries expire. @default {`Date.now`, looked at once per millisecond} */
  readonly now?: Clock | undefined;
}

/**
 * A backend in a folder, which is made with the first write. The key `users/ada` is the file `users/ada.json`, with the
 * ending of the store's codec; other characters than small letters, digits, most ASCII punctuation and Chinese characters
 * are written as `%xx`, and names over 230 bytes as a hash in the folder `%long`. A file has exactly the bytes of its value,
 * unless the entry has a lifetime: then 11 bytes that say so stand before them.
 *
 * A file that is put there by hand under a name of this kind is an entry. Other files are left alone, and symbolic links are
 * not followed. Several processes can use the same folder: a value is written to a file of its own and then renamed, so
 * each reader sees the old value or the new one.
 *
 * Files up to 64 KiB are read and written in place, and files are renamed and removed there, which is several times
 * faster than leaving it to a thread: some milliseconds at a time, and not at all for a while after one call that took over
 * 2 ms. What must survive a power failure (`durable`) is written by a thread.
 *
 * @throws {TypeError} If an option is unknown or of the wrong kind, or the folder is no path or `file:` URL.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { disk } from "@everymap/everymap/backends/disk";
 * import { MemoryFileSystem } from "@everymap/everymap/platform/memory-file-system";
 * import { assertEquals } from "@std/assert";
 *
 * const fileSystem = new MemoryFileSystem(); // leave it out for real files
 * const users = new Store<{ name: string }>(disk("/data", { fileSystem }));
 * await users.set("users/ada", { name: "Ada" });
 * assertEquals(new TextDecoder().decode(await fileSystem.readFile("/data/users/ada.json")), '{"name":"Ada"}');
 * ```
 */
export function disk(folder: string | URL, options: DiskOptions = {}): ByteBackend {
  checkOptions("disk", options, ["fileSystem", "durable", "extension", "now"]);
  const { fileSystem, durable = false, extension, now = coarseNow } = options;
  if (typeof durable !== "boolean") throw new TypeError("Cannot make disk: durable must be true or false");
  const files = fileSystem ? () => fileSystem : localFileSystem;
  return new DiskBackend({ root: folderPath(folder), files, durable, extension, codec: json(), now });
}

/**
 * The backend that a URL describes: `disk:./users`, `disk:///srv/users?durable=true`, `file:///srv/users?extension=.txt`.
 *
 * @throws {TypeError} If the URL names a host, no folder, or a parameter other than `durable` and `extension`.
 */
export function diskFromUrl(url: URL): ByteBackend {
  const { durable, extension, ...others } = Object.fromEntries(url.searchParams);
  checkOptions("disk", others, ["durable", "extension"]);
  if (url.hash) throw new TypeError("Cannot make disk: write # in the folder's name as %23");
  if (durable !== undefined && durable !== "true" && durable !== "false") {
    throw new TypeError("Cannot make disk: durable must be true or false");
  }
  const options = { durable: durable === undefined ? undefined : durable === "true", extension };
  if (url.protocol === "file:") return disk(url, options);
  if (url.host) throw new TypeError("Cannot make disk: a relative folder is written disk:./folder");
  return disk(decodeURIComponent(url.pathname), options);
}
