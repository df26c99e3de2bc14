/** The example of a worker, in workerd: Redis over HTTP, a bucket, work that goes on behind an answer. */

import { after, before, describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import type { Env } from "../../examples/worker/worker.ts";
import { s3 } from "../../src/backends/s3.ts";
import { upstash } from "../../src/backends/upstash.ts";
import { Region } from "../../src/cache/region.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { type S3rver, s3rverIsMissing, startS3rver } from "../support/s3rver.ts";
import { serve, type Served } from "../support/serve.ts";
import { startWorkerd } from "../support/workerd.ts";

const skip = redisServerIsMissing() ?? s3rverIsMissing() ?? false;

describe("examples/worker", { skip }, () => {
  let redis: RedisServer;
  let database: LocalUpstash;
  let bucket: S3rver;
  let service: Served;
  let miniflare: Miniflare;
  let isDown = false;
  let gate: Promise<void> | undefined;
  const asked: string[] = [];

  before(async () => {
    redis = await startRedisServer();
    database = await startLocalUpstash(redis.url);
    bucket = await startS3rver();
    service = await serve(async (request) => {
      const number = asked.push(new URL(request.url).pathname);
      await gate;
      return isDown ? new Response("down", { status: 503 }) : Response.json({ dollar: number });
    });
    const { accessKeyId, secretAccessKey } = bucket.credentials;
    const bindings: Env = {
      UPSTASH_REDIS_REST_URL: database.url,
      UPSTASH_REDIS_REST_TOKEN: database.token,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ASSETS_BUCKET: "bucket",
      ASSETS_ENDPOINT: bucket.endpoint,
      RATES_URL: service.endpoint,
    };
    const worker = new URL("../../examples/worker/worker.ts", import.meta.url);
    miniflare = await startWorkerd(worker, { external: ["node:*", "bun:*"], bindings: { ...bindings } });
  });
  after(async () => {
    await miniflare?.dispose();
    await service?.stop();
    await bucket?.stop();
    await database?.stop();
    await redis?.stop();
  });

  const ask = async (path: string) => await miniflare.dispatchFetch(`http://worker${path}`);
  const rates = async (day: string) => {
    const answer = await ask(`/rates/${day}`);
    assertEquals(answer.status, 200, await answer.clone().text());
    return await answer.json() as { dollar: number };
  };
  /** The same region, as another isolate or a script for the administrator sees it. */
  const elsewhere = () =>
    new Region<{ dollar: number }>({
      name: "rates",
      store: new Store(upstash(database, { prefix: "worker:" })),
      ttl: 1000,
    });
  const until = async (isSo: () => Promise<boolean>, what: string) => {
    for (let left = 1000; left > 0; left--) {
      if (await isSo()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`It never came about that ${what}`);
  };

  test("asks the slow service once, and keeps what it says for all", async () => {
    const before = asked.length;
    const first = await rates("monday");
    assertEquals([await rates("monday"), await rates("monday")], [first, first]);
    assertEquals(asked.slice(before), ["/monday"]);
    assertEquals(await elsewhere().get("monday"), first);
  });

  test("asks once for many requests at one time", async () => {
    const before = asked.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const answers = Promise.all(Array.from({ length: 20 }, () => rates("tuesday")));
    await until(async () => await Promise.resolve(asked.length > before), "the service is asked");
    resolve();
    assertEquals(new Set((await answers).map((one) => JSON.stringify(one))).size, 1);
    assertEquals(asked.slice(before), ["/tuesday"]);
    gate = undefined;
  });

  test("answers with what is stale and fetches anew behind the answer, by waitUntil", async () => {
    const old = await rates("wednesday");
    await elsewhere().invalidate({ mode: "soft" });
    const before = asked.length;
    assertEquals(await rates("wednesday"), old);
    // Not only until the service is asked: the answers in between are the old one, and rightly.
    await until(async () => (await elsewhere().get("wednesday"))?.dollar === before + 1, "what is fetched is kept");
    assertEquals(asked.slice(before), ["/wednesday"]);
    assertEquals(await rates("wednesday"), { dollar: before + 1 });
  });

  test("answers with what is stale when the service is down", async () => {
    const old = await rates("thursday");
    await elsewhere().invalidate({ mode: "soft" });
    isDown = true;
    try {
      assertEquals([await rates("thursday"), await rates("thursday")], [old, old]);
    } finally {
      isDown = false;
    }
  });

  test("serves files of the bucket with what the bucket says of them", async () => {
    const { endpoint, credentials } = bucket;
    const files = new Store(s3({ bucket: "bucket", endpoint, credentials }), { codec: text() });
    await files.set("css/site.css", "body {}", { metadata: { contentType: "text/css", cacheControl: "max-age=3600" } });
    const answer = await ask("/assets/css/site.css");
    assertEquals([answer.status, await answer.text()], [200, "body {}"]);
    assert(answer.headers.get("content-type")?.startsWith("text/css"));
    assertEquals((await ask("/assets/none.css")).status, 404);
    assertEquals((await ask("/other")).status, 404);
  });

  test("does without Redis while that is down", async () => {
    await redis.kill();
    try {
      const before = asked.length;
      await rates("friday");
      assert(asked.length > before);
    } finally {
      await redis.start();
    }
  });
});
