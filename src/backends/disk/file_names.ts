/**
 * Which file a key is, and which key a file is.
 *
 * The parts of a key between slashes are folders, the last one is the file. Characters that every disk keeps apart stay
 * as they are; all others are `%xx` per byte of UTF-8, so that names differ also where a disk ignores case or
 * normalises. A name is a key's only if the key would be given exactly this name.
 *
 * @module
 */

import { andThen, type Awaitable } from "../../core/awaitable.ts";

/** Where the file of a key is, below the root. */
export interface Place {
  /** The folders on the way, outermost first. */
  readonly folders: readonly string[];
  /** The name of the file in the last one. */
  readonly file: string;
  /** Whether the name is a hash, so that the key has to be kept in the file. */
  readonly isHashed: boolean;
}

/** The folder of files whose names are hashes; no key has it as a part of its own name. */
export const HASHED_FOLDER = "%long";

// Most systems allow 255 bytes; the rest is for what is put in front of the names of lock files.
const MAX_NAME_BYTES = 230;
// macOS allows 1,024 bytes for a whole path, root included.
const MAX_PATH_BYTES = 600;

// No capital letters (case), no letters that decompose (Unicode normalisation), nothing that Windows refuses, no `~`
// (short names such as `progra~1`), no `%` (ours).
const ORDINARY = /^[a-z0-9_\-.!#$&'()+,;=@[\]^`{} \u4e00-\u9fa5]*$/;
const EXTRAORDINARY = /[^a-z0-9_\-.!#$&'()+,;=@[\]^`{} \u4e00-\u9fa5]/gu;
const PLAIN = /^[a-z0-9_-]+$/;
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$|clock\$) *(?:\.|$)/;
const EXTENSION = /^(?:\.[a-z0-9_-]+)*$/;
const HASH = /^[0-9a-f]{64}$/;

/**
 * The names in a folder whose files have this extension. Files and folders never share a name: with an extension it is
 * the folders that do not end in it; without one, files have a dot or end in `%`, and folders have neither.
 *
 * @throws {TypeError} If the extension is not made of dots followed by small letters, digits, `_` and `-`.
 */
export class FileNames {
  readonly extension: string;

  constructor(extension: string) {
    if (typeof extension !== "string" || !EXTENSION.test(extension)) {
      throw new TypeError("Cannot use extension: it must be empty, or a dot and small letters, digits, _ or -");
    }
    this.extension = extension;
  }

  /** The place of a key; a promise only for a long one, which has to be hashed. */
  place(key: string): Awaitable<Place> {
    if (isPlain(key)) return { folders: NONE, file: this.#fileName(key), isHashed: false };
    const folders = key.split("/");
    const file = this.#fileName(folders.pop()!);
    for (const [index, part] of folders.entries()) folders[index] = this.#folderName(part);
    let length = byteLength(file);
    let isLong = length > MAX_NAME_BYTES;
    for (const folder of folders) {
      const bytes = byteLength(folder);
      isLong ||= bytes > MAX_NAME_BYTES;
      length += bytes + 1;
    }
    if (!isLong && length <= MAX_PATH_BYTES) return { folders, file, isHashed: false };
    return andThen(hash(key), (hash) => ({ folders: [HASHED_FOLDER], file: hash + this.extension, isHashed: true }));
  }

  /** The folders that all keys with this prefix are in, except those that are hashed. */
  foldersOf(prefix: string): string[] {
    return prefix.split("/").slice(0, -1).map((part) => this.#folderName(part));
  }

  /** The last part of a key whose file has this name; `undefined` for other people's files. */
  keyOfFile(name: string): string | undefined {
    const { extension } = this;
    if (!name.endsWith(extension)) return undefined;
    const stem = extension === "" ? name : name.slice(0, -extension.length);
    if (extension !== "" && isPlain(stem)) return stem;
    const isMarked = extension === "" && stem.endsWith("%");
    const part = decode(isMarked ? stem.slice(0, -1) : stem);
    return part !== undefined && byteLength(name) <= MAX_NAME_BYTES && this.#fileName(part) === name ? part : undefined;
  }

  /** The part of a key that this folder is; `undefined` for other people's folders. */
  keyOfFolder(name: string): string | undefined {
    const part = decode(name);
    return part !== undefined && this.#folderName(part) === name ? part : undefined;
  }

  /** Whether a file in the folder of hashes may be one of these. */
  isHash(name: string): boolean {
    return name.endsWith(this.extension) && HASH.test(name.slice(0, name.length - this.extension.length));
  }

  #fileName(part: string): string {
    const name = encode(part);
    if (this.extension !== "") return name + this.extension;
    return name.includes(".") ? name : `${name}%`;
  }

  #folderName(part: string): string {
    const name = encode(part);
    const { extension } = this;
    if (extension === "") return name.replaceAll(".", "%2e");
    return name.endsWith(extension) ? `${name.slice(0, -extension.length)}%2e${extension.slice(1)}` : name;
  }
}

const NONE: readonly string[] = [];

/** Whether a part of a key is its own name, as most are. */
function isPlain(part: string): boolean {
  return part.length <= 100 && PLAIN.test(part) && !(part.length <= 7 && DEVICE.test(part));
}

function encode(part: string): string {
  if (isPlain(part)) return part;
  if (part === "") return "%";
  let name = ORDINARY.test(part) ? part : part.replace(EXTRAORDINARY, escape);
  // A dot in front hides a file; Windows drops dots and spaces at the end.
  if (/[. ]$/.test(name)) name = name.slice(0, -1) + escape(name.at(-1)!);
  if (name.startsWith(".") || DEVICE.test(name)) name = escape(name[0]!) + name.slice(1);
  return name;
}

function escape(character: string): string {
  let escaped = "";
  for (const byte of new TextEncoder().encode(character)) escaped += `%${byte.toString(16).padStart(2, "0")}`;
  return escaped;
}

function decode(name: string): string | undefined {
  if (!name.includes("%")) return name;
  if (name === "%") return "";
  if (!/^(?:[^%]|%[0-9a-f]{2})*$/.test(name)) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

function byteLength(text: string): number {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text) ? text.length : new TextEncoder().encode(text).length;
}

async function hash(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
