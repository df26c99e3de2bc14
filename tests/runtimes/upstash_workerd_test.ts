/** The laws of stores in Redis over HTTP inside workerd, and a store that many requests of a worker share. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { AHEAD, EXPIRE } from "../support/redis_laws.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { startWorkerd } from "../support/workerd.ts";
import { supportsOf } from "./upstash_worker.ts";

const skip = redisServerIsMissing() ?? false;

/** Laws of thousands of requests, which add nothing here. */
const LONG = /any sequence|hundreds|random keys|throughout|limit ends|in the order|may be deleted|left early/;

let redis: RedisServer;
let local: LocalUpstash;
let places = 0;

before(async () => {
  if (skip) return;
  redis = await startRedisServer();
  local = await startLocalUpstash(redis.url);
});
after(async () => {
  if (skip) return;
  await local.stop();
  await redis.stop();
});

describe("upstash inside workerd", { skip }, () => {
  let miniflare: Miniflare;
  before(async () => {
    miniflare = await startWorkerd(new URL("upstash_worker.ts", import.meta.url));
  });
  after(() => miniflare?.dispose());

  for (const [shape, revision] of [["prefix", false], ["hash", true]] as const) {
    for (const { title } of storeLawsFor(supportsOf(revision)).filter(({ title }) => !LONG.test(title))) {
      test(`${title} (${shape}, revision ${revision})`, async () => {
        await redis.cli("FLUSHALL");
        const place = { [shape]: `{workerd${places++}}`, revision };
        const { url, token } = local;
        const body = JSON.stringify({ title, database: { url, token }, place, ahead: AHEAD, expire: EXPIRE });
        const response = await miniflare.dispatchFetch("http://worker/", { method: "POST", body });
        assertEquals(await response.text(), "kept");
      });
    }
  }
});

describe("upstash shared by the requests of a worker", { skip }, () => {
  let miniflare: Miniflare;
  before(async () => {
    miniflare = await startWorkerd(new URL("upstash_shared_worker.ts", import.meta.url));
  });
  after(() => miniflare?.dispose());

  test("requests at the same time, some of them given up, all get their answers", async () => {
    const { url, token } = local;
    const ask = async (index: number) => {
      const target = `http://worker/?${new URLSearchParams({ url, token, index: `${index}` })}`;
      return await (await miniflare.dispatchFetch(target)).text();
    };
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(index)));
      assertEquals(answers, answers.map((_, index) => `value${index}`));
    }
    assertEquals(Number(await redis.cli("GET", "shared:count")) > 0, true);
  });
});
