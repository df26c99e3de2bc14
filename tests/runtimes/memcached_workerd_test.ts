/** The laws of stores on memcached inside workerd, over TCP to a real server. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { memcachedIsMissing, type MemcachedServer, startMemcached } from "../support/memcached_server.ts";
import { SUPPORTS } from "./memcached_worker.ts";

describe("memcached inside workerd with Node compatibility", { skip: memcachedIsMissing() ?? false }, () => {
  let server: MemcachedServer;
  let miniflare: Miniflare;

  before(async () => {
    server = await startMemcached();
    const { outputFiles } = await build({
      entryPoints: [fromFileUrl(new URL("memcached_worker.ts", import.meta.url))],
      bundle: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["workerd", "worker", "browser"],
      external: ["node:*"],
      write: false,
      logLevel: "error",
    });
    miniflare = new Miniflare({
      modules: true,
      script: outputFiles[0]!.text,
      compatibilityDate: "2026-07-01",
      compatibilityFlags: ["nodejs_compat"],
    });
  });
  after(async () => {
    await miniflare?.dispose();
    await server?.stop();
  });

  for (const { title } of storeLawsFor(SUPPORTS)) {
    test(title, async () => {
      const body = JSON.stringify({ title, address: server.address });
      const response = await miniflare.dispatchFetch("http://worker/", { method: "POST", body });
      assertEquals(await response.text(), "kept");
    });
  }
});
