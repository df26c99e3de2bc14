/** What regions must do, over every kind of store. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after, before, describe } from "node:test";
import { join } from "@std/path";
import { disk } from "../../src/backends/disk.ts";
import { memory } from "../../src/backends/memory.ts";
import { redis } from "../../src/backends/redis.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { upstash } from "../../src/backends/upstash.ts";
import { Store } from "../../src/core/store.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { regionSuite } from "../support/region_suite.ts";

async function folder(): Promise<{ path: string; close: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "everymap-"));
  return { path, close: () => removeFolder(path) };
}

// The claim of a refresh in the background may still be on its way when the test has seen its value.
async function removeFolder(path: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await rm(path, { recursive: true, force: true });
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOTEMPTY" || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const noRedis = redisServerIsMissing();
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

describe("Regions", () => {
  regionSuite("a map of its own", { make: () => ({ open: undefined }), isShared: false });

  regionSuite("a store in memory", {
    make: (now) => {
      const backend = memory<unknown>({ now });
      return { open: () => new Store(backend) };
    },
    isShared: false,
  });

  // As a distant store: nothing is at hand, each call is a promise.
  regionSuite("a store that answers later", {
    make: (now) => {
      const backend = memory<unknown>({ now, clone: true });
      return { open: () => new Store(faulty(backend, { fault: "none", gate: () => Promise.resolve() })) };
    },
  });

  regionSuite("SQLite", {
    make: async (now) => {
      const { path, close } = await folder();
      return { open: () => new Store(sqlite(join(path, "cache.db"), { now })), close };
    },
  });

  regionSuite("a folder", {
    make: async (now) => {
      const { path, close } = await folder();
      return { open: () => new Store(disk(path, { now })), close };
    },
  });

  for (const layout of ["keys", "hash"] as const) {
    regionSuite(`Redis, as ${layout}`, {
      make: (now) => {
        const name = `${crypto.randomUUID()}:`;
        const place = layout === "hash" ? { hash: name } : { prefix: name };
        return { open: () => new Store(redis(server.url, { ...place, now })) };
      },
      skip: noRedis,
    });
  }

  regionSuite("Redis over HTTP", {
    make: (now) => {
      const prefix = `${crypto.randomUUID()}:`;
      return { open: () => new Store(upstash(local, { prefix, now })) };
    },
    skip: noRedis,
  });
});
