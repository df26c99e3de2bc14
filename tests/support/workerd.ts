/**
 * A worker in workerd, the runtime of Cloudflare's workers, bundled as its users would.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { build, type BuildOptions } from "esbuild";
import { Miniflare } from "miniflare";

/** How a worker is bundled and started. */
export interface WorkerdOptions extends Pick<BuildOptions, "target"> {
  /** What its bundle may leave to workerd: imports that only run elsewhere, or with Node compatibility. @default {nothing} */
  readonly external?: readonly string[];
  readonly flags?: readonly string[];
  readonly bindings?: Readonly<Record<string, string | undefined>>;
  /** Names of databases. */
  readonly d1Databases?: readonly string[];
}

/** Starts a worker; `dispose()` ends it. */
export async function startWorkerd(worker: URL, options: WorkerdOptions = {}): Promise<Miniflare> {
  const { external = [], target, flags = [], bindings = {}, d1Databases = [] } = options;
  const { outputFiles } = await build({
    entryPoints: [fromFileUrl(worker)],
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: [...external],
    ...(target && { target }),
    write: false,
    logLevel: "error",
  });
  return new Miniflare({
    modules: true,
    script: outputFiles[0]!.text,
    compatibilityDate: "2026-07-01",
    compatibilityFlags: [...flags],
    bindings: { ...bindings },
    d1Databases: [...d1Databases],
  });
}
