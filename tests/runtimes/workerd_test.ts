/** The laws of memory stores, layers and codecs inside workerd, the runtime of Cloudflare's workers. */

import { after, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { type Trial, trials } from "./worker_subjects.ts";

register("in workerd", [], ({ alone }) => alone);
register("in workerd with Node compatibility", ["nodejs_compat"], ({ withNode }) => withNode);

function register(title: string, flags: readonly string[], applies: (trial: Trial) => boolean): void {
  describe(title, () => {
    let miniflare: Promise<Miniflare> | undefined;
    after(async () => await (await miniflare)?.dispose());

    for (const [number, trial] of trials.entries()) {
      if (!applies(trial)) continue;
      test(trial.title, async () => {
        const worker = await (miniflare ??= start(flags));
        const response = await worker.dispatchFetch(`http://worker/${number}`);
        assertEquals(await response.text(), "kept");
      });
    }
  });
}

async function start(compatibilityFlags: readonly string[]): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [fromFileUrl(new URL("worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "bun:*"],
    write: false,
    logLevel: "error",
  });
  return new Miniflare({
    modules: true,
    script: outputFiles[0]!.text,
    compatibilityDate: "2026-07-01",
    compatibilityFlags: [...compatibilityFlags],
  });
}
