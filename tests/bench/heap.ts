/**
 * Heap per entry at a million keys, keys and values excluded, beside a native `Map`.
 *
 * `deno run -A --v8-flags=--expose-gc tests/bench/heap.ts`, `bun tests/bench/heap.ts`,
 * `node --expose-gc tests/bench/heap.ts`
 *
 * @module
 */

import process from "node:process";
import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import { Store } from "../../src/core/store.ts";
import { machine, runtime } from "./harness.ts";

const ENTRIES = 1_000_000;
const keys = Array.from({ length: ENTRIES }, (_, index) => `key-${index}`);
const { gc, Bun } = globalThis as {
  gc?: () => void;
  Bun?: { gc(force: boolean): void };
};

async function heap(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    if (Bun) Bun.gc(true);
    else if (gc) gc();
    else throw new Error("Run with --expose-gc");
    await new Promise((wake) => setTimeout(wake, 10));
  }
  // Bun answers `heapUsed` late; its own count is exact after a collection.
  if (Bun) return (await import("bun:jsc" as string)).heapStats().heapSize;
  return process.memoryUsage().heapUsed;
}

async function bytesPerEntry(fill: () => Promise<unknown>): Promise<number> {
  const before = await heap();
  const filled = await fill();
  const after = await heap();
  if (filled === undefined) throw new Error("It must be alive until here");
  return (after - before) / ENTRIES;
}

async function filled(
  store: Store<number>,
  options?: { ttl: number },
): Promise<Store<number>> {
  for (let index = 0; index < ENTRIES; index++) {
    await store.set(keys[index]!, index & 1023, options);
  }
  return store;
}

const map = await bytesPerEntry(() => {
  const map = new Map<string, number>();
  for (let index = 0; index < ENTRIES; index++) {
    map.set(keys[index]!, index & 1023);
  }
  return Promise.resolve(map);
});
const rows: readonly (readonly [string, number])[] = [
  ["Map", map],
  [
    "everymap memory",
    await bytesPerEntry(() => filled(new Store<number>(memory()))),
  ],
  [
    "everymap memory, with lifetimes",
    await bytesPerEntry(() => filled(new Store<number>(memory()), { ttl: 3_600_000 })),
  ],
  [
    "everymap lru",
    await bytesPerEntry(() => filled(new Store<number>(lru({ maxEntries: ENTRIES })))),
  ],
];
console.log(
  `${machine()}\n\nBytes of heap per entry, ${ENTRIES.toLocaleString("en")} entries (${runtime()})\n`,
);
console.log("| store | bytes | beside Map |\n|---|---:|---:|");
for (const [name, bytes] of rows) {
  console.log(
    `| ${name} | ${bytes.toFixed(0)} | ${(bytes / map).toFixed(2)}×, ${(bytes - map).toFixed(0)} more |`,
  );
}
