/**
 * The lifetimes of files: which ones have expired, and how they make room.
 *
 * A lifetime stands in front of a file's bytes. A hidden file in the root says whether there is any, so that a store
 * without lifetimes can be listed and counted without opening its files.
 *
 * @module
 */

import { type Clock, isPast } from "../../core/clock.ts";
import { unframe } from "../../core/frame.ts";
import { errorCode } from "../../platform/file_system.ts";
import { type DiskFolder, HIDDEN, refuse } from "./disk_folder.ts";
import type { Place } from "./file_names.ts";
import { patiently, readHead } from "./file_reading.ts";
import { holding } from "./lock_file.ts";

const MARK = `${HIDDEN}lifetimes`;
const MARK_TEXT = "Some files in this folder start with the moment at which they expire.\n";

/** The lifetimes in a folder, by a clock. */
export class Lifetimes {
  readonly #folder: DiskFolder;
  readonly #now: Clock;
  #exist = false;

  constructor(folder: DiskFolder, now: Clock) {
    this.#folder = folder;
    this.#now = now;
  }

  /** Whether a file may have a lifetime; if not, nobody needs to open one to know that it is an entry. */
  async exist(): Promise<boolean> {
    if (this.#exist) return true;
    return this.#exist = await this.#folder.files.look(`${this.#folder.root}/${MARK}`) !== undefined;
  }

  /** Says, to all processes, that from now on files may have lifetimes. */
  async keep(): Promise<void> {
    if (await this.exist()) return;
    await this.#folder.inFolder([], async (folder) => {
      try {
        await this.#folder.files.writeFile(
          `${folder}/${MARK}`,
          new TextEncoder().encode(MARK_TEXT),
          this.#folder.durable,
        );
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
      }
      await this.#folder.settle(folder);
    });
    this.#exist = true;
  }

  /** Whether a path is an entry that has not expired. */
  async isLive(path: string, isHashed: boolean): Promise<boolean> {
    const kind = (await this.#folder.files.look(path))?.kind;
    if (kind !== "file") {
      refuse(kind, "file", path);
      return false;
    }
    return !(await this.exist()) || await this.#hasTimeLeft(path, isHashed) === true;
  }

  /** Whether a file is there and has expired. */
  async hasExpired(path: string, isHashed: boolean): Promise<boolean> {
    return await this.#hasTimeLeft(path, isHashed) === false;
  }

  /**
   * Removes an expired file; whether it did. A value that is written meanwhile stays: the file is moved aside, looked at
   * once more, and put back if it turns out to be a new one.
   */
  async evict(path: string, isHashed: boolean): Promise<boolean> {
    return await holding(this.#folder.files, path, async () => {
      if (!await this.hasExpired(path, isHashed)) return false;
      const aside = await this.#folder.moveAside(path);
      if (aside === undefined) return false;
      if (await this.hasExpired(aside, isHashed)) {
        await this.#folder.discard(aside);
        return true;
      }
      await this.#folder.putBack(aside, path);
      return false;
    });
  }

  /** Makes a temporary file the file of the place if there is no live one; the temporary one is gone afterwards. */
  async create(temporary: string, place: Place): Promise<boolean> {
    const folder = this.#folder.pathOf(place.folders);
    const path = `${folder}/${place.file}`;
    try {
      for (;;) {
        if (await this.#folder.claim(temporary, path)) {
          await this.#folder.settle(folder);
          return true;
        }
        if (await this.isLive(path, place.isHashed)) return false;
        await this.evict(path, place.isHashed);
      }
    } finally {
      await this.#folder.discard(temporary);
    }
  }

  /** `undefined` if there is no file. What cannot be understood has time left: reading it will tell. */
  async #hasTimeLeft(path: string, isHashed: boolean): Promise<boolean | undefined> {
    try {
      const { files } = this.#folder;
      const head = isHashed ? await patiently(() => files.readFile(path)) : await readHead(files, path);
      return !isPast(unframe(head).expiresAt, this.#now);
    } catch (error) {
      if (error instanceof RangeError) return true;
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }
}
