/**
 * A process that writes to a folder until it is killed, and says each time when a write begins and ends.
 *
 * @module
 */

import process from "node:process";
import { writeSync } from "node:fs";
import { disk } from "../../src/backends/disk.ts";
import { Store } from "../../src/core/store.ts";

const [folder, first] = process.argv.slice(2);
const store = new Store<string>(disk(folder!));
const report = (line: string) => writeSync(1, `${line}\n`);

for (let index = Number(first);; index++) {
  const key = `users/${index % 7}`;
  report(`begin ${key} ${index}`);
  // Longer than what goes to the disk in one piece.
  if (index % 5 === 4) await store.delete(key);
  else await store.set(key, `${index} `.repeat(20_000));
  report(`end ${key} ${index}`);
}
