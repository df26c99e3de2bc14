import { lstatSync, mkdirSync, mkdtempSync, promises, rmSync } from "node:fs";
import { disk } from "../../src/backends/disk.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { localFileSystem } from "../../src/platform/local_file_system.ts";
import { compare, machine, runtime } from "./harness.ts";
const { Deno } = globalThis as any;
const files: any = Deno ?? promises;
const value = new Uint8Array(1024).fill(97);
const keys = 300;
const folder = mkdtempSync(`/dev/shm/everymap-bench-`);
async function each(task: (key: string) => Promise<unknown>): Promise<number> {
  for (let index = 0; index < keys; index++) await task(`key-${index}`);
  return keys;
}
for (const path of ["raw", "raw/users", "ours"]) mkdirSync(`${folder}/${path}`);
const store = new Store(disk(`${folder}/ours`, { extension: ".bin" }), { codec: bytes() });
const fs = await localFileSystem();
let temporary = 0;
const set = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  await files.writeFile(path, value);
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const setNew = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  await files.writeFile(path, value, Deno ? { createNew: true } : { flag: "wx" });
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const setLook = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  await files.writeFile(path, value);
  (Deno ?? { lstatSync }).lstatSync(`${folder}/raw/${key}.bin`);
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const setFs = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  await fs.writeFile(path, value);
  fs.look(`${folder}/raw/${key}.bin`);
  await fs.rename(path, `${folder}/raw/${key}.bin`);
};
const backend = disk(`${folder}/ours`, { extension: ".bin" });
const opts = { rounds: 61, warmups: 5 };
await compare("set", {
  raw: () => each(set),
  again: () => each(set),
  createNew: () => each(setNew),
  lstat: () => each(setLook),
  fs: () => each(setFs),
  backend: () => each((key) => backend.write(key, value) as any),
  disk: () => each((key) => store.set(key, value)),
}, opts);
await compare("get", {
  raw: () => each((key) => files.readFile(`${folder}/raw/${key}.bin`)),
  again: () => each((key) => files.readFile(`${folder}/raw/${key}.bin`)),
  lstat: () =>
    each((key) => {
      (Deno ?? { lstatSync }).lstatSync(`${folder}/raw/${key}.bin`);
      return files.readFile(`${folder}/raw/${key}.bin`);
    }),
  fs: () => each((key) => fs.readFile(`${folder}/raw/${key}.bin`)),
  backend: () => each((key) => backend.read(key) as any),
  disk: () => each((key) => store.get(key)),
}, opts);
rmSync(folder, { recursive: true });
