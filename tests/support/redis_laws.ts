/**
 * The laws of stores on a real Redis, over any road.
 *
 * The server has a clock of its own, so the fake clock starts an hour ahead: until then nothing expires by itself. Where
 * the test lets time pass, every key whose moment has come by the fake clock is told to expire now, which is what the
 * server would do.
 *
 * @module
 */

import { describe, test } from "node:test";
import type { ByteBackend } from "../../src/core/backend.ts";
import type { Clock } from "../../src/core/clock.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import type { RedisServer } from "./redis_server.ts";

const AHEAD = 3_600_000;

/** What a store in Redis supports. */
export function redisSupports(revision: boolean) {
  return { list: true, order: false, ttl: true, create: true, swap: true, stream: false, revision };
}

/** A store's own place in the database. */
export interface RedisPlace {
  readonly prefix?: string;
  readonly hash?: string;
  readonly revision: boolean;
  readonly now: Clock;
}

let places = 0;

/** Registers the laws for both shapes, with and without a revision. */
export function checkRedisLaws(
  title: string,
  server: () => RedisServer,
  open: (place: RedisPlace) => ByteBackend,
  { skip }: { readonly skip: string | false },
): void {
  for (const shape of ["key per entry", "one hash"]) {
    for (const revision of [false, true]) {
      describe(`${title} keeps the laws of stores, ${shape}, revision ${revision}`, { skip }, () => {
        for (const law of storeLawsFor(redisSupports(revision))) {
          test(law.title, () =>
            law.run({
              versionsTellContents: true,
              make: (clock) => {
                clock.advance(AHEAD);
                const name = `{law${places++}}[*?\\`;
                const place = shape === "one hash" ? { hash: name } : { prefix: name };
                return {
                  open: () => open({ ...place, revision, now: clock.now }),
                  advance: async (milliseconds) => {
                    clock.advance(milliseconds);
                    await expire(server(), clock.now());
                  },
                  dispose: async () => void await server().cli("FLUSHALL"),
                };
              },
            }));
        }
      });
    }
  }
}

const EXPIRE = `for _, k in ipairs(redis.call('KEYS', '*')) do
  local t = redis.call('PEXPIRETIME', k)
  if t > 0 and t <= tonumber(ARGV[1]) then redis.call('PEXPIREAT', k, 1) end
end`;

async function expire(server: RedisServer, moment: number): Promise<void> {
  await server.cli("EVAL", EXPIRE, "0", `${moment}`);
}
