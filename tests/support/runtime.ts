/**
 * The runtime that runs this test: its name, how it runs a script in a process of its own, a folder that goes away.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { fromFileUrl, join } from "@std/path";

/** The name of the runtime. */
export const RUNTIME: "deno" | "bun" | "node" = process.versions["deno"]
  ? "deno"
  : process.versions["bun"]
  ? "bun"
  : "node";

/** The command that runs a script in this runtime, with all it may need; the first word is the executable. */
export function scriptCommand(script: URL, ...args: readonly string[]): [executable: string, ...args: string[]] {
  const flags = {
    deno: ["run", "-A", "--no-check", "--quiet"],
    bun: ["run"],
    node: ["--disable-warning=ExperimentalWarning"],
  };
  return [process.execPath, ...flags[RUNTIME], fromFileUrl(script), ...args];
}

/** Calls back with the path of a new folder, which is gone afterwards. */
export async function inTemporaryFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "everymap-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
