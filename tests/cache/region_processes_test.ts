/** Regions of several processes on one store: one creator among all of them, and nobody waits for the dead. */

import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { Calls, RegionProcess } from "../support/region_processes.ts";
import { inTemporaryFolder } from "../support/runtime.ts";

const noRedis = redisServerIsMissing() ?? false;
let redis: RedisServer;
before(async () => {
  if (!noRedis) redis = await startRedisServer();
});
after(async () => {
  if (!noRedis) await redis.stop();
});

processes("SQLite", (folder) => `sqlite:${join(folder, "cache.db")}`, false);
processes("a folder", (folder) => `disk:${join(folder, "cache")}`, false);
processes("Redis", () => `${redis.url}?timeout=30000&prefix=${crypto.randomUUID()}:`, noRedis);

function processes(title: string, urlIn: (folder: string) => string, skip: string | false): void {
  describe(`Regions of several processes on ${title}`, () => {
    test("make a value once for 4 times 250 callers [DP-B15]", { skip }, () =>
      inTemporaryFolder(async (folder) => {
        const calls = new Calls(folder);
        await calls.start();
        const url = urlIn(folder);
        const all = await Promise.all([1, 2, 3, 4].map(() => RegionProcess.start(url, "stampede", calls.file, 50)));
        try {
          for (let trial = 0; trial < 5; trial++) {
            const outcomes = await Promise.all(all.map((process) => process.stampede(`key ${trial}`)));
            assertEquals(new Set(outcomes.flatMap(({ values }) => values)).size, 1);
            assertEquals(await calls.count(), 1);
          }
        } finally {
          await Promise.all(all.map((process) => process.end()));
        }
      }));

    test(
      "do not wait longer than a lease for a process that died [X-06]",
      { skip },
      () =>
        inTemporaryFolder(async (folder) => {
          const calls = new Calls(folder);
          await calls.start();
          const url = urlIn(folder);
          const mortal = await RegionProcess.start(url, "die", calls.file, 0);
          const heir = await RegionProcess.start(url, "stampede", calls.file, 0);
          try {
            mortal.begin("key");
            assertEquals(await mortal.line(), "dying");
            assertEquals(await calls.count(), 1);
            const { values, p99 } = await heir.stampede("key");
            assertEquals([values.length, await calls.count()], [1, 1]);
            assert(p99 < 5000, `it took ${p99} ms with a lease of 1000 ms`);
          } finally {
            await Promise.all([mortal.end(), heir.end()]);
          }
        }),
    );
  });
}
