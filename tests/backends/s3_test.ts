import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { s3, type S3Backend, type S3Options } from "../../src/backends/s3.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { type Radosgw, radosgwIsMissing, startRadosgw } from "../support/radosgw.ts";
import { signedFetch } from "../support/signed_fetch.ts";

const skip = radosgwIsMissing() ?? false;
let gateway: Radosgw;
let folders = 0;

before(async () => {
  if (skip) return;
  gateway = await startRadosgw();
  await signedFetch(gateway.main, `${gateway.endpoint}/bucket`, { method: "PUT" });
});
after(async () => {
  if (!skip) await gateway.stop();
});

function open(options: Partial<S3Options> = {}): S3Backend {
  const { endpoint, main: credentials } = gateway;
  return s3({ bucket: "bucket", prefix: `test${folders++}/`, endpoint, credentials, ...options });
}

const SUPPORTS = { list: true, order: true, ttl: true, create: true, swap: true, stream: true, revision: false };
const refusesKey = (key: string) => key === "" || key.includes("\0") || /(^|\/)\.\.?(\/|$)/.test(key);

describe("s3 keeps the laws of stores on radosgw (BK-40)", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        refusesKey,
        make: (clock) => {
          const prefix = `law${folders++}/`;
          return { open: () => open({ prefix, now: clock.now }) };
        },
      }));
  }
});
