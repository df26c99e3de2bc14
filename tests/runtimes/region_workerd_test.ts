/** A cache region inside workerd: one creator, stale pages at once, and refreshes that `waitUntil` carries. */

import { after, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { until } from "../support/region_suite.ts";

interface Answer {
  readonly pages: readonly string[];
  readonly made: number;
  readonly scope: string;
}

describe("Region in workerd", () => {
  let miniflare: Promise<Miniflare> | undefined;
  after(async () => await (await miniflare)?.dispose());

  for (const [name, scope] of [["near", "process"], ["far", "shared"]] as const) {
    test(`makes pages once and refreshes them in waitUntil, with a store that is ${name} [DP-A01]`, async () => {
      const worker = await (miniflare ??= start());
      const ask = async (query = ""): Promise<Answer> =>
        await (await worker.dispatchFetch(`http://worker/${name}${query}`)).json() as Answer;
      assertEquals(await ask(), { pages: ["page 1"], made: 1, scope });
      assertEquals(await ask(), { pages: ["page 1"], made: 1, scope });
      assertEquals((await ask("?later=2000")).pages, ["page 1"]);
      await until(async () => (await ask()).pages[0] === "page 2");
      assertEquals(await ask(), { pages: ["page 2"], made: 2, scope });
      assertEquals((await ask("?invalidate")).pages, ["page 3"]);
      // Requests at the same time share a creator, too.
      await ask("?later=100000");
      const { made } = await ask();
      const all = await Promise.all([ask("?later=100000"), ask(), ask()]);
      assertEquals([new Set(all.flatMap(({ pages }) => pages)).size, (await ask()).made], [1, made + 1]);
    });
  }
});

async function start(): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [fromFileUrl(new URL("region_worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "bun:*"],
    write: false,
    logLevel: "error",
  });
  return new Miniflare({ modules: true, script: outputFiles[0]!.text, compatibilityDate: "2026-07-01" });
}
