/** The laws of stores on memcached inside workerd, over TCP to a real server. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { memcachedIsMissing, type MemcachedServer, startMemcached } from "../support/memcached_server.ts";
import { startWorkerd } from "../support/workerd.ts";
import { SUPPORTS } from "./memcached_worker.ts";

describe("memcached inside workerd with Node compatibility", { skip: memcachedIsMissing() ?? false }, () => {
  let server: MemcachedServer;
  let miniflare: Miniflare;

  before(async () => {
    server = await startMemcached();
    const worker = new URL("memcached_worker.ts", import.meta.url);
    miniflare = await startWorkerd(worker, { external: ["node:*"], flags: ["nodejs_compat"] });
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
