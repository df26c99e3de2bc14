/**
 * The laws of stores on folders: real ones and ones in memory, of JSON files and of files as they come.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { disk, type DiskOptions } from "../../src/backends/disk.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import type { Codec } from "../../src/core/codec.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import type { FakeClock } from "../../src/testing/fake_clock.ts";
import { checkStoreLaws } from "../support/laws.ts";

const { supports } = disk("/anywhere");
const raw = bytes() as Codec<unknown, Uint8Array>;
const blobs = ["one", "", "two", "\u00eeM\u0003", "什么"].map((text) => new TextEncoder().encode(text));

async function onDisk(clock: FakeClock, options?: DiskOptions) {
  const folder = await mkdtemp(`${tmpdir()}/everymap-`);
  return {
    open: () => disk(folder, { now: clock.now, ...options }),
    dispose: () => rm(folder, { recursive: true }),
  };
}

function inMemory(clock: FakeClock, links: boolean) {
  const fileSystem = new MemoryFileSystem({ links });
  return { open: () => disk("/data", { fileSystem, now: clock.now }) };
}

checkStoreLaws("a folder of JSON files", supports, { make: (clock) => onDisk(clock) });
checkStoreLaws("a folder of files as they come", supports, { make: (clock) => onDisk(clock), codec: raw, values: blobs });
checkStoreLaws("a durable folder", supports, { make: (clock) => onDisk(clock, { durable: true }) });
checkStoreLaws("a folder in memory", supports, { make: (clock) => inMemory(clock, true) });
checkStoreLaws("a folder in memory without second paths", supports, { make: (clock) => inMemory(clock, false) });
checkStoreLaws("bytes in memory", supports, { make: (clock) => inMemory(clock, true), codec: raw, values: blobs });
