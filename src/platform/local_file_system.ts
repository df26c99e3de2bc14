/**
 * The file system of the runtime this runs on.
 *
 * @module
 */

import type { FileSystem } from "./file_system.ts";
import { listsSteadily } from "./steady_listing.ts";

/** The part of the runtimes' globals that tells them apart. */
interface Runtime {
  readonly Deno?: { readonly version?: { readonly deno?: string } };
  readonly process?: { readonly versions?: { readonly node?: string } };
}

/**
 * The files of this machine; the runtime's own modules are loaded by the call.
 *
 * @throws {TypeError} On a runtime without files.
 */
export async function localFileSystem(): Promise<FileSystem> {
  const { Deno, process } = globalThis as Runtime;
  if (Deno?.version?.deno) return { ...(await import("./deno_file_system.ts")).denoFileSystem(), listsSteadily };
  if (process?.versions?.node) {
    return { ...await (await import("./node_file_system.ts")).nodeFileSystem(), listsSteadily };
  }
  throw new TypeError("Cannot find files on this runtime: give a fileSystem");
}
