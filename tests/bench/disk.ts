/**
 * A folder as a store beside the bare calls that it cannot do without: a temporary file and a rename to write, one call
 * to read, one to list. PERF rows 11 and 12. Small files are read and written in place, so the calls that wait for nobody
 * stand beside them, too.
 *
 * @module
 */

import { lstatSync, mkdirSync, mkdtempSync, promises, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { disk } from "../../src/backends/disk.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { compare, machine, runtime } from "./harness.ts";

interface Files {
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  readDir?(path: string): AsyncIterable<{ readonly name: string }>;
}

const { Deno } = globalThis as { Deno?: Files };
const files: Files = Deno ?? promises;
const value = new Uint8Array(1024).fill(97);
const keys = Number(process.env["KEYS"] ?? 2000);
const listed = Number(process.env["LISTED"] ?? 100_000);
// In memory where there is such a place, so that it is the processor and not the disk that is measured.
const base = lstatSync("/dev/shm", { throwIfNoEntry: false }) ? "/dev/shm" : tmpdir();
const folder = mkdtempSync(`${base}/everymap-bench-`);
const plain = mkdtempSync(`${tmpdir()}/everymap-bench-`);

async function each(task: (key: string) => Promise<unknown>): Promise<number> {
  for (let index = 0; index < keys; index++) await task(`key-${index}`);
  return keys;
}

console.log(`${runtime()}, ${machine()}`);
try {
  for (const path of ["raw", "raw/users", "ours"]) {
    mkdirSync(`${folder}/${path}`);
  }
  const store = new Store(disk(`${folder}/ours`, { extension: ".bin" }), {
    codec: bytes(),
  });
  let temporary = 0;
  const set = async (key: string) => {
    const path = `${folder}/raw/.${++temporary}.tmp`;
    await files.writeFile(path, value);
    await files.rename(path, `${folder}/raw/${key}.bin`);
  };
  const setSync = (key: string) => {
    const path = `${folder}/raw/.${++temporary}.tmp`;
    writeFileSync(path, value);
    renameSync(path, `${folder}/raw/${key}.bin`);
    return Promise.resolve();
  };
  await compare("set, 1 KiB", {
    "temporary file, rename": () => each(set),
    "the same in place": () => each(setSync),
    disk: () => each((key) => store.set(key, value)),
  });
  await compare("get, 1 KiB", {
    readFile: () => each((key) => files.readFile(`${folder}/raw/${key}.bin`)),
    readFileSync: () => each((key) => Promise.resolve(readFileSync(`${folder}/raw/${key}.bin`))),
    disk: () => each((key) => store.get(key)),
  });
  await compare("set, 1 KiB, in a folder", {
    "temporary file, rename": () => each((key) => set(`users/${key}`)),
    disk: () => each((key) => store.set(`users/${key}`, value)),
  });
  await compare("get, 1 KiB, in a folder", {
    readFile: () => each((key) => files.readFile(`${folder}/raw/users/${key}.bin`)),
    disk: () => each((key) => store.get(`users/${key}`)),
  });
  await compare("miss", {
    readFile: () => each((key) => files.readFile(`${folder}/raw/${key}.not`).catch(() => {})),
    disk: () => each((key) => store.get(`${key}.not`)),
  });

  // tmpfs moves names that are overwritten, so a listing there has to remember what it gave out.
  for (
    const [place, path] of [["in memory", folder], [
      "on a disk",
      plain,
    ]] as const
  ) {
    for (let index = 0; index < listed; index++) {
      writeFileSync(`${path}/key-${index}.json`, "1");
    }
    const many = new Store(disk(path));
    const readdir = async () => {
      if (!files.readDir) return await promises.readdir(path);
      const names: string[] = [];
      for await (const { name } of files.readDir(path)) names.push(name);
      return names;
    };
    // What any listing costs that gives out one key after the other.
    const oneByOne = async function* () {
      for (const name of await readdir()) yield name;
    };
    await compare(`keys of ${listed} files ${place}`, {
      readdir: async () => (await readdir()).length,
      "readdir, names one by one": async () => {
        let count = 0;
        for await (const _ of oneByOne()) count++;
        return count;
      },
      disk: async () => {
        let count = 0;
        for await (const _ of many.keys()) count++;
        return count;
      },
      "disk, size": () => many.size,
    }, { rounds: 5, warmups: 1 });
    const before = performance.now();
    for await (const _ of many.keys()) break;
    console.log(
      `\nfirst key after ${(performance.now() - before).toFixed(1)} ms`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
  rmSync(plain, { recursive: true });
}
