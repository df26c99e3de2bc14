import { after, before, describe, test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { s3 } from "../../src/backends/s3.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { type S3rver, s3rverIsMissing, startS3rver } from "../support/s3rver.ts";

const skip = s3rverIsMissing() ?? false;

/** What files as names can keep; a removal through two stores is not atomic without conditions. */
const TITLES =
  /any sequence|value is there|take\(\) answers|size, keys|every kind|lives|expiry|hundreds|limit ends|through one|stream/;

describe("s3 on a server that ignores conditions", { skip }, () => {
  let server: S3rver;
  let folders = 0;
  before(async () => void (server = await startS3rver()));
  after(async () => await server?.stop());

  const supports = { list: true, order: true, ttl: true, create: false, swap: false, stream: true, revision: false };
  for (const law of storeLawsFor(supports).filter(({ title }) => TITLES.test(title))) {
    test(law.title, () =>
      law.run({
        refusesKey: (key) => key === "" || key.includes("//"),
        make: ({ now }) => {
          const { endpoint, credentials } = server;
          const place = { bucket: "bucket", prefix: `law${folders++}/`, endpoint, credentials, now };
          return { open: () => s3(place).ready() };
        },
      }));
  }

  test("the probe finds it out, a wrong secret is denied", async () => {
    const { endpoint, credentials } = server;
    const backend = await s3({ bucket: "bucket", endpoint, credentials }).ready();
    assertEquals([backend.supports.create, backend.supports.swap], [false, false]);
    const wrong = { ...credentials, secretAccessKey: "wrong" };
    const stranger = new Store<number>(s3({ bucket: "bucket", endpoint, credentials: wrong }));
    const error = await assertRejects(() => stranger.set("key", 1), StoreError);
    assertEquals(error.code, "denied");
  });
});
