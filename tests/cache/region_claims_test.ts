/** Many regions of one process on one store, each with a `Store` of its own, as a worker makes them for each request. */

import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { redis } from "../../src/backends/redis.ts";
import { upstash } from "../../src/backends/upstash.ts";
import { Region, type RegionEvent, type RegionOptions } from "../../src/cache/region.ts";
import type { ByteBackend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";

/** More of them: RUNS=300. */
const ROUNDS = Number(process.env["RUNS"] ?? 20);

const noRedis = redisServerIsMissing() ?? false;
let server: RedisServer;
let local: LocalUpstash;
before(async () => {
  if (noRedis) return;
  server = await startRedisServer();
  local = await startLocalUpstash(server.url);
});
after(async () => {
  if (noRedis) return;
  await local.stop();
  await server.stop();
});

describe("Regions of one process, each over a store of its own", () => {
  test("leave a claim alone until the value that was made under it is written [DP-B15]", async () => {
    const backend = memory<string>({ clone: true });
    const written = Promise.withResolvers<void>();
    const committing = Promise.withResolvers<void>();
    let writes = 0;
    const slow = faulty(backend, {
      fault: "none",
      // The claim, then the value.
      when: ({ method }) => method === "write" && ++writes === 2,
      gate: () => (committing.resolve(), written.promise),
    });
    const first = new Region<string>({ store: new Store(slow), ttl: 1000 });
    const waited = Promise.withResolvers<void>();
    const onEvent = ({ type }: RegionEvent) => {
      if (type === "wait") waited.resolve();
    };
    const quick = faulty(backend, { fault: "none", gate: () => Promise.resolve() });
    const second = new Region<string>({ store: new Store(quick), ttl: 1000, onEvent });
    const one = first.getOrCreate("key", () => "first");
    await committing.promise;
    const other = second.getOrCreate("key", () => "second");
    await Promise.race([waited.promise, other]);
    written.resolve();
    assertEquals([await one, await other], ["first", "first"]);
  });

  test("take over at once what one of them could not write", async () => {
    const backend = memory<string>({ clone: true });
    let writes = 0;
    const failing = faulty(backend, { when: ({ method }) => method === "write" && ++writes === 2 });
    const later = faulty(backend, { fault: "none", gate: () => Promise.resolve() });
    const first = new Region<string>({ store: new Store(failing), ttl: 1000, lease: { ttl: 1e9 } });
    const second = new Region<string>({ store: new Store(later), ttl: 1000, lease: { ttl: 1e9 } });
    assertEquals(await first.getOrCreate("key", () => "first"), "first");
    assertEquals(await second.getOrCreate("key", () => "second"), "second");
    assertEquals(await first.get("key"), "second");
  });

  test("take over at once what one of them could not give up", async () => {
    const backend = memory<string>({ clone: true });
    const failing = faulty(backend, { when: ({ method }) => method === "remove" });
    const later = faulty(backend, { fault: "none", gate: () => Promise.resolve() });
    const first = new Region<string>({ store: new Store(failing), ttl: 1000, lease: { ttl: 1e9 } });
    const second = new Region<string>({ store: new Store(later), ttl: 1000, lease: { ttl: 1e9 } });
    const fail = () => Promise.reject(new Error("none today"));
    await assertRejects(() => first.getOrCreate("key", fail), Error, "none today");
    assertEquals(await second.getOrCreate("key", () => "second"), "second");
  });

  test("wait for no creator that another one superseded [DP-B16]", async () => {
    const changes = {
      delete: (region: Region<string>) => region.delete("key"),
      set: (region: Region<string>) => region.set("key", "other", { ttl: 0 }),
      invalidate: (region: Region<string>) => region.invalidate(),
      invalidateTags: (region: Region<string>) => region.invalidateTags(["tag"]),
    };
    const tags = ["tag"];
    const asks = {
      one: (region: Region<string>, create: () => string) => region.getOrCreate("key", create, { tags }),
      many: async (region: Region<string>, create: () => string) =>
        (await region.getOrCreateMany(["key"], (keys) => keys.map((key) => [key, create()]), { tags })).get("key"),
    };
    for (const [how, change] of Object.entries(changes)) {
      for (const [number, ask] of Object.entries(asks)) {
        const backend = memory<string>({ clone: true });
        const open = () => {
          const later = faulty(backend, { fault: "none", gate: () => Promise.resolve() });
          return new Region<string>({ store: new Store(later), ttl: 1000 });
        };
        const [region, other] = [open(), open()];
        const begun = Promise.withResolvers<void>();
        const end = Promise.withResolvers<string>();
        const first = region.getOrCreate("key", () => (begun.resolve(), end.promise), { tags });
        await begun.promise;
        await change(other);
        const second = ask(region, () => "new");
        const timer = setTimeout(() => end.resolve("old"), 200);
        assertEquals(await second, "new", `${how}, ${number}`);
        clearTimeout(timer);
        end.resolve("old");
        assertEquals([await first, await region.get("key")], ["old", "new"], `${how}, ${number}`);
      }
    }
  });

  test("make a value anew on demand although the old one goes meanwhile [DP-D12]", async () => {
    const backend = memory<string>({ clone: true });
    const reading = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    let reads = 0;
    const slow = faulty(backend, {
      fault: "none",
      // To look, then for the claim.
      when: ({ key, keys = [key] }) => keys.includes("region:v:key") && ++reads === 2,
      gate: () => (reading.resolve(), gone.promise),
    });
    const region = new Region<string>({ store: new Store(slow), ttl: 1000 });
    const value = region.refresh("key", () => "new");
    await reading.promise;
    await region.delete("key");
    gone.resolve();
    assertEquals([await value, await region.get("key")], ["new", "new"]);
  });

  crowd("Redis", (prefix) => redis(server.url, { prefix, timeout: 30_000 }));
  crowd("Redis over HTTP", (prefix) => upstash(local, { prefix, timeout: 30_000 }));
});

/** Calls of many at one time, of which each travels for as long as it likes. */
function crowd(title: string, open: (prefix: string) => ByteBackend): void {
  test(`make a value once, however their calls overtake each other: ${title} [DP-B15]`, { skip: noRedis }, async () => {
    const prefix = `${crypto.randomUUID()}:`;
    const backends = [1, 2, 3, 4].map(() => open(prefix));
    try {
      for (let round = 0; round < ROUNDS; round++) {
        let calls = 0;
        const create = async () => {
          const call = ++calls;
          await pause();
          return call;
        };
        const events: RegionEvent[] = [];
        const options: RegionOptions<number> = { ttl: 60_000, onEvent: (event) => events.push(event) };
        const values = await Promise.all(Array.from({ length: 20 }, async (_, at) => {
          await pause();
          const late = faulty(backends[at % 4]!, { fault: "none", gate: pause });
          return await new Region<number>({ ...options, store: new Store(late) }).getOrCreate(`key ${round}`, create);
        }));
        assertEquals([calls, new Set(values).size], [1, 1], `in round ${round}`);
        assertEquals(events.filter(({ type }) => type === "error"), []);
      }
    } finally {
      await Promise.all(backends.map((backend) => backend.close?.()));
    }
  });
}

/** Now, or in some milliseconds. */
function pause(): Promise<void> {
  const milliseconds = Math.floor(Math.random() ** 3 * 12);
  return milliseconds === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, milliseconds));
}
