import { constants, lstatSync, mkdirSync, mkdtempSync, promises, rmSync, symlinkSync } from "node:fs";
import { compare } from "./harness.ts";
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
let temporary = 0;
const look = (Deno ?? { lstatSync }).lstatSync;
const set = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  await files.writeFile(path, value);
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const setLook = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  await files.writeFile(path, value);
  look(`${folder}/raw/${key}.bin`);
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const setBefore = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  look(`${folder}/raw/${key}.bin`);
  await files.writeFile(path, value);
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const setDuring = async (key: string) => {
  const path = `${folder}/raw/.${++temporary}.tmp`;
  const p = files.writeFile(path, value);
  look(`${folder}/raw/${key}.bin`);
  await p;
  await files.rename(path, `${folder}/raw/${key}.bin`);
};
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const flag = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const opts = { rounds: 61, warmups: 5 };
await compare("set", {
  raw: () => each(set),
  lstat: () => each(setLook),
  before: () => each(setBefore),
  during: () => each(setDuring),
}, opts);
await compare("get", {
  raw: () => each((key) => files.readFile(`${folder}/raw/${key}.bin`)),
  lstat: () =>
    each((key) => {
      look(`${folder}/raw/${key}.bin`);
      return files.readFile(`${folder}/raw/${key}.bin`);
    }),
  during: () =>
    each((key) => {
      const p = files.readFile(`${folder}/raw/${key}.bin`);
      look(`${folder}/raw/${key}.bin`);
      return p;
    }),
  nodeFlag: () => each((key) => promises.readFile(`${folder}/raw/${key}.bin`, { flag } as any)),
  node: () => each((key) => promises.readFile(`${folder}/raw/${key}.bin`)),
}, opts);
symlinkSync(`${folder}/raw/key-1.bin`, `${folder}/raw/link`);
await promises.readFile(`${folder}/raw/link`, { flag } as any).then(
  (x) => console.log("followed", x.length),
  (e) => console.log("refused", e.code),
);
rmSync(folder, { recursive: true });
