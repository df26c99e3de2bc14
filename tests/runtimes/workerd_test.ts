/** The laws of memory stores, layers and codecs inside workerd, the runtime of Cloudflare's workers. */

import { after, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { type Trial, trials } from "./worker_subjects.ts";
import { startWorkerd } from "../support/workerd.ts";

const WORKER = new URL("worker.ts", import.meta.url);

register("in workerd", [], ({ alone }) => alone);
register("in workerd with Node compatibility", ["nodejs_compat"], ({ withNode }) => withNode);

function register(title: string, flags: readonly string[], applies: (trial: Trial) => boolean): void {
  describe(title, () => {
    let miniflare: Promise<Miniflare> | undefined;
    after(async () => await (await miniflare)?.dispose());

    for (const [number, trial] of trials.entries()) {
      if (!applies(trial)) continue;
      test(trial.title, async () => {
        const worker = await (miniflare ??= startWorkerd(WORKER, { external: ["node:*", "bun:*"], flags }));
        const response = await worker.dispatchFetch(`http://worker/${number}`);
        assertEquals(await response.text(), "kept");
      });
    }
  });
}
