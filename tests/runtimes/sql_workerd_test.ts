/** The laws of stores on Cloudflare D1, inside workerd. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { startWorkerd } from "../support/workerd.ts";
import { SUPPORTS } from "./sql_worker.ts";

/** Laws of thousands of statements, each of which waits for the disk here. */
const LONG = /any sequence|random keys|throughout|limit ends|hundreds|in the order/;

describe("sql on D1 inside workerd", () => {
  let miniflare: Miniflare;

  before(async () => {
    const worker = new URL("sql_worker.ts", import.meta.url);
    miniflare = await startWorkerd(worker, { external: ["node:*", "postgres"], d1Databases: ["DB"] });
  });
  after(() => miniflare?.dispose());

  for (const { title } of storeLawsFor(SUPPORTS).filter(({ title }) => !LONG.test(title))) {
    test(title, async () => {
      const ask = () => miniflare.dispatchFetch("http://worker/", { method: "POST", body: title });
      // Bun sends it into a connection that the worker has just closed, now and then; every law has a table of its own.
      const response = await ask().catch(ask);
      assertEquals(await response.text(), "kept");
    });
  }
});
