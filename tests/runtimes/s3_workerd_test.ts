/** The laws of stores on S3 inside workerd, over HTTP to a real gateway. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { type Radosgw, radosgwIsMissing, startRadosgw } from "../support/radosgw.ts";
import { signedFetch } from "../support/signed_fetch.ts";
import { startWorkerd } from "../support/workerd.ts";
import { SUPPORTS } from "./s3_worker.ts";

const skip = radosgwIsMissing() ?? false;

/** Laws of thousands of requests, which add nothing here. */
const LONG = /any sequence|hundreds|random keys|throughout|limit ends|in the order|may be deleted|left early/;

describe("s3 inside workerd", { skip }, () => {
  let gateway: Radosgw;
  let miniflare: Miniflare;
  let folders = 0;

  before(async () => {
    gateway = await startRadosgw();
    await signedFetch(gateway.main, `${gateway.endpoint}/bucket`, { method: "PUT" });
    miniflare = await startWorkerd(new URL("s3_worker.ts", import.meta.url));
  });
  after(async () => {
    await miniflare?.dispose();
    await gateway?.stop();
  });

  for (const { title } of storeLawsFor(SUPPORTS).filter(({ title }) => !LONG.test(title))) {
    test(title, async () => {
      const { endpoint, main: credentials } = gateway;
      const body = JSON.stringify({ title, endpoint, credentials, prefix: `workerd${folders++}/` });
      const response = await miniflare.dispatchFetch("http://worker/", { method: "POST", body });
      assertEquals(await response.text(), "kept");
    });
  }
});
