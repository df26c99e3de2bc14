/** A cache region inside workerd: one creator, stale pages at once, and refreshes that `waitUntil` carries. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { until } from "../support/region_suite.ts";
import { startWorkerd } from "../support/workerd.ts";

const noRedis = redisServerIsMissing();
let redis: RedisServer | undefined;
let local: LocalUpstash | undefined;

interface Answer {
  readonly pages: readonly string[];
  readonly made: number;
  readonly scope: string;
}

describe("Region in workerd", () => {
  let miniflare: Promise<Miniflare> | undefined;
  before(async () => {
    if (noRedis) return;
    redis = await startRedisServer();
    local = await startLocalUpstash(redis.url);
  });
  after(async () => {
    await (await miniflare)?.dispose();
    await local?.stop();
    await redis?.stop();
  });

  const places = [
    { name: "near", scope: "process", skip: false },
    { name: "far", scope: "shared", skip: false },
    { name: "http", scope: "shared", skip: noRedis ?? false },
  ] as const;
  for (const { name, scope, skip } of places) {
    test(
      `makes pages once and refreshes them in waitUntil, with a store that is ${name} [DP-A01]`,
      { skip },
      async () => {
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
      },
    );
  }
});

function start(): Promise<Miniflare> {
  return startWorkerd(new URL("region_worker.ts", import.meta.url), {
    external: ["node:*", "bun:*"],
    bindings: { REDIS_URL: local?.url ?? "", REDIS_TOKEN: local?.token ?? "" },
  });
}
