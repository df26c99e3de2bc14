import { after, before } from "node:test";
import { redis } from "../../src/backends/redis.ts";
import { checkRedisLaws } from "../support/redis_laws.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";

const skip = redisServerIsMissing() ?? false;
let server: RedisServer;

before(async () => {
  if (!skip) server = await startRedisServer();
});
after(async () => {
  if (!skip) await server.stop();
});

checkRedisLaws("redis", () => server, (place) => redis(server.url, place), { skip });
