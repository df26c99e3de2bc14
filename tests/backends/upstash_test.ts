/** The laws of stores in Redis over HTTP: the local Upstash over a real Redis. */

import { after, before } from "node:test";
import { upstash } from "../../src/backends/upstash.ts";
import { checkRedisLaws } from "../support/redis_laws.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";

const skip = redisServerIsMissing() ?? false;
let server: RedisServer;
let local: LocalUpstash;

before(async () => {
  if (skip) return;
  server = await startRedisServer();
  local = await startLocalUpstash(server.url);
});
after(async () => {
  if (skip) return;
  await local.stop();
  await server.stop();
});

checkRedisLaws("upstash", () => server, (place) => upstash(local, place), { skip });
