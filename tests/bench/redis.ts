/**
 * `redis()` beside the clients that it may stand on and beside libraries, on a `redis-server` over loopback: values of 100
 * bytes of text, a connection each.
 *
 * @module
 */

import { createRequire } from "node:module";
import process from "node:process";
import { redis } from "../../src/backends/redis.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { startRedisServer } from "../support/redis_server.ts";
import { compare, type Contender } from "./harness.ts";

const COUNT = 1000;
const keys = Array.from({ length: COUNT }, (_, index) => `key:${index}`);
const value = "x".repeat(100);
const require = createRequire(import.meta.url);

const server = await startRedisServer("--appendonly", "no");
const { createClient } = require("@redis/client");
const nodeRedis = createClient({ url: server.url });
await nodeRedis.connect();
const { Redis } = require("ioredis");
const ioredis = new Redis(server.port, "127.0.0.1");
const pipelining = new Redis(server.port, "127.0.0.1", {
  enableAutoPipelining: true,
});
const { Bun } = globalThis as unknown as {
  Bun?: {
    RedisClient: new (
      url: string,
    ) => {
      send(name: string, args: string[]): Promise<unknown>;
      close(): void;
    };
  };
};
const bun = Bun && new Bun.RedisClient(server.url);

const store = new Store(redis(server.url), { codec: text() });
const hash = new Store(redis(server.url, { hash: "hash" }), { codec: text() });
await store.setMany(keys.map((key) => [key, value]));
await hash.setMany(keys.map((key) => [key, value]));

interface Peer {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  getMany?(keys: string[]): Promise<unknown>;
  setMany?(entries: { key: string; value: string }[]): Promise<unknown>;
  close(): unknown;
}

/** The libraries that run here. */
async function libraries(): Promise<Record<string, Peer>> {
  const peers: Record<string, () => Peer> = {
    "unstorage": () => {
      const { createStorage } = require("unstorage");
      const driver = require("unstorage/drivers/redis");
      const storage = createStorage({
        driver: (driver.default ?? driver)({ url: server.url }),
      });
      return {
        get: (key) => storage.getItem(key),
        set: (key, value) => storage.setItem(key, value),
        getMany: (keys) => storage.getItems(keys),
        setMany: (entries) => storage.setItems(entries),
        close: () => storage.dispose(),
      };
    },
    "keyv": () => {
      const { default: Keyv } = require("keyv");
      const { default: KeyvRedis } = require("@keyv/redis");
      const keyv = new Keyv({ store: new KeyvRedis(server.url) });
      return {
        get: (key) => keyv.get(key),
        set: (key, value) => keyv.set(key, value),
        getMany: (keys) => keyv.get(keys),
        setMany: (entries) => keyv.setMany(entries),
        close: () => keyv.disconnect(),
      };
    },
    "cacheable": () => {
      const { Cacheable } = require("cacheable");
      const { default: KeyvRedis } = require("@keyv/redis");
      // Without its first tier, which answers from memory.
      const cache = new Cacheable({ primary: new KeyvRedis(server.url) });
      return {
        get: (key) => cache.get(key),
        set: (key, value) => cache.set(key, value),
        getMany: (keys) => cache.getMany(keys),
        setMany: (entries) => cache.setMany(entries),
        close: () => cache.disconnect(),
      };
    },
  };
  const running: Record<string, Peer> = {};
  for (const [name, make] of Object.entries(peers)) {
    try {
      const peer = make();
      await peer.set("probe", value);
      if (await peer.get("probe") !== value) {
        throw new Error("it does not answer what it was given");
      }
      for (const key of keys) await peer.set(key, value);
      running[name] = peer;
    } catch (error) {
      console.log(
        `\n${name} does not run here: ${(error as Error).message.split("\n")[0]}`,
      );
    }
  }
  return running;
}

const peers = await libraries();

function contenders(
  first: Record<string, Contender>,
  of: (peer: Peer) => Contender | undefined,
): Record<string, Contender> {
  const all = { ...first };
  for (const [name, peer] of Object.entries(peers)) {
    const contender = of(peer);
    if (contender) all[name] = contender;
  }
  return all;
}

const inTurn = (work: (key: string) => Promise<unknown>): Contender => async () => {
  for (const key of keys) await work(key);
  return COUNT;
};
const atOnce = (work: (key: string) => Promise<unknown>): Contender => async () => {
  await Promise.all(keys.map(work));
  return COUNT;
};
const asOne = (work: () => Promise<unknown> | undefined): Contender => async () => {
  await work();
  return COUNT;
};

const gets = {
  "node-redis": (key: string) => nodeRedis.get(key),
  "everymap": (key: string) => store.get(key),
  "everymap, one hash": (key: string) => hash.get(key),
  "ioredis": (key: string) => ioredis.get(key),
  ...(bun && { "Bun.RedisClient": (key: string) => bun.send("GET", [key]) }),
};
const map = <T>(
  record: Record<string, T>,
  change: (value: T) => Contender,
): Record<string, Contender> =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, change(value)]),
  );
const options = { rounds: Number(process.env["ROUNDS"] ?? 15), warmups: 5 };

await compare(
  "redis: get, one after the other",
  contenders(map(gets, inTurn), ({ get }) => inTurn(get)),
  options,
);
await compare(
  "redis: set, one after the other",
  contenders(
    map({
      "node-redis": (key: string) => nodeRedis.set(key, value),
      "everymap": (key: string) => store.set(key, value),
      "ioredis": (key: string) => ioredis.set(key, value),
      ...(bun &&
        { "Bun.RedisClient": (key: string) => bun.send("SET", [key, value]) }),
    }, inTurn),
    ({ set }) => inTurn((key) => set(key, value)),
  ),
  options,
);
await compare(
  "redis: 1,000 get at once",
  contenders(
    map({
      ...gets,
      "ioredis, pipelining": (key: string) => pipelining.get(key),
    }, atOnce),
    ({ get }) => atOnce(get),
  ),
  options,
);
await compare(
  "redis: 1,000 set at once",
  contenders(
    map({
      "node-redis": (key: string) => nodeRedis.set(key, value),
      "everymap": (key: string) => store.set(key, value),
      "ioredis": (key: string) => ioredis.set(key, value),
      ...(bun &&
        { "Bun.RedisClient": (key: string) => bun.send("SET", [key, value]) }),
    }, atOnce),
    ({ set }) => atOnce((key) => set(key, value)),
  ),
  options,
);
await compare(
  "redis: getMany of 1,000",
  contenders(
    map({
      "node-redis, MGET": () => nodeRedis.mGet(keys),
      "everymap": () => store.getMany(keys),
      "everymap, one hash": () => hash.getMany(keys),
      "ioredis, MGET": () => ioredis.mget(keys),
      ...(bun && { "Bun.RedisClient, MGET": () => bun.send("MGET", keys) }),
    }, asOne),
    ({ getMany }) => getMany && asOne(() => getMany(keys)),
  ),
  options,
);
const pairs = keys.map((key) => [key, value] as const);
await compare(
  "redis: setMany of 1,000",
  contenders(
    map({
      "node-redis, MSET": () => nodeRedis.mSet(pairs.map((pair) => [...pair])),
      "everymap": () => store.setMany(pairs),
      "everymap, one hash": () => hash.setMany(pairs),
      "everymap, with a lifetime": () => store.setMany(pairs, { ttl: 3_600_000 }),
      "ioredis, MSET": () => ioredis.mset(...pairs.flat()),
      ...(bun &&
        { "Bun.RedisClient, MSET": () => bun.send("MSET", pairs.flat()) }),
    }, asOne),
    ({ setMany }) => setMany && asOne(() => setMany(keys.map((key) => ({ key, value })))),
  ),
  options,
);

await Promise.all([
  store.close(),
  hash.close(),
  ...Object.values(peers).map((peer) => peer.close()),
]);
nodeRedis.destroy();
ioredis.disconnect();
pipelining.disconnect();
bun?.close();
await server.stop();
