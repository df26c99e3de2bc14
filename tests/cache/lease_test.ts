/** Leases: one holder, whoever asks and whoever dies. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { disk } from "../../src/backends/disk.ts";
import { memcached } from "../../src/backends/memcached.ts";
import { memory } from "../../src/backends/memory.ts";
import { none } from "../../src/backends/none.ts";
import { redis } from "../../src/backends/redis.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { zookeeper } from "../../src/backends/zookeeper.ts";
import { Lease } from "../../src/cache/lease.ts";
import type { ByteBackend } from "../../src/core/backend.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { memcachedIsMissing, type MemcachedServer, startMemcached } from "../support/memcached_server.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { until } from "../support/region_suite.ts";
import { startZookeeper, zookeeperIsMissing, type ZookeeperServer } from "../support/zookeeper_server.ts";

const folder = mkdtempSync(join(tmpdir(), "everymap-leases-"));
const noRedis = redisServerIsMissing();
const noMemcached = memcachedIsMissing();
const noZookeeper = zookeeperIsMissing();
let server: RedisServer;
let forgetful: MemcachedServer;
let keeper: ZookeeperServer;
let places = 0;
before(async () => {
  if (!noRedis) server = await startRedisServer();
  if (!noMemcached) forgetful = await startMemcached();
  if (!noZookeeper) keeper = await startZookeeper();
});
after(async () => {
  if (!noRedis) await server.stop();
  if (!noMemcached) await forgetful.stop();
  if (!noZookeeper) await keeper.stop();
  rmSync(folder, { recursive: true, force: true });
});

leases("memory", (now) => new Store(memory<unknown>({ now })));
leases("SQLite", (now) => new Store(sqlite(":memory:", { now })));
leases("a folder", (now) => new Store(disk(join(folder, `${places++}`), { now })));
// Its server judges by its own clock.
leases("Redis", () => new Store(redis(server.url, { prefix: `${places++}:` })), { skip: noRedis, hasClock: false });
leases("memcached", (now) => new Store(prefixed(memcached(forgetful.address, { now }), `${places++}:`)), {
  skip: noMemcached,
});
leases("ZooKeeper, for as long as a session", (now) => new Store(ephemeral(now)), { skip: noZookeeper });

function ephemeral(now: Clock = Date.now, place = places++): ByteBackend {
  return zookeeper(`${keeper.address}/leases/${place}`, { now, ephemeral: true, timeout: 20_000 });
}

function leases(
  title: string,
  open: (now: Clock) => Store<unknown>,
  { skip, hasClock = true }: { skip?: string | undefined; hasClock?: boolean } = {},
): void {
  const on = (
    title: string,
    run: (store: Store<unknown>, clock: FakeClock) => Promise<void>,
    { now, movesClock = false }: { now?: Clock; movesClock?: boolean } = {},
  ) =>
    test(title, { skip: skip ?? (movesClock && !hasClock ? "its clock is that of a server" : false) }, async () => {
      const clock = new FakeClock();
      const store = open(now ?? clock.now);
      try {
        await run(store, clock);
      } finally {
        await store.close();
      }
    });

  describe(`Lease in ${title}`, () => {
    on("is held by one, and free after its release [DP-M01]", async (store) => {
      const [first, second] = [new Lease(store, "job"), new Lease(store, "job")];
      assertEquals([first.isHeld, await first.tryAcquire(), first.isHeld], [false, true, true]);
      assertEquals([await second.tryAcquire(), second.isHeld, await second.isMine()], [false, false, false]);
      assertEquals(await first.isMine(), true);
      await first.release();
      assertEquals([first.isHeld, await second.tryAcquire()], [false, true]);
      await second.release();
      assertEquals(await store.has("job"), false);
    });

    on("tells whether it is held, without taking it [DP-B05]", async (store) => {
      const lease = new Lease(store, "asked");
      const other = new Lease(store, "asked");
      assertEquals([lease.isHeld, await lease.isMine()], [false, false]);
      assertEquals(await other.tryAcquire(), true);
      assertEquals([other.isHeld, await other.isMine(), await lease.isMine()], [true, true, false]);
      await other.release();
      assertEquals([other.isHeld, await other.isMine()], [false, false]);
    });

    on("does not block other names, and is not taken twice by one object [DP-M04]", async (store) => {
      const lease = new Lease(store, "foo");
      assertEquals(await lease.tryAcquire(), true);
      assertEquals(await lease.tryAcquire(), false);
      const other = new Lease(store, "bar");
      assertEquals(await other.tryAcquire(), true);
      await Promise.all([lease.release(), other.release()]);
    });

    on("is held by one of many at a time [DP-M03]", async (store) => {
      let holders = 0;
      let turns = 0;
      await Promise.all(Array.from({ length: 8 }, async () => {
        const lease = await new Lease(store, "job", { pollInterval: 5 }).acquire();
        assertEquals(++holders, 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        holders--;
        turns++;
        await lease.release();
      }));
      assertEquals(turns, 8);
    });

    on("waits as long as it is told, and not longer than its caller", async (store) => {
      const held = await new Lease(store, "job").acquire();
      const lease = new Lease(store, "job");
      const error = await assertRejects(() => lease.acquire({ wait: 20 }), StoreError, "somebody else");
      assertEquals(error.code, "locked");
      const controller = new AbortController();
      const waiting = lease.acquire({ signal: controller.signal });
      controller.abort(new Error("enough"));
      await assertRejects(() => waiting, Error, "enough");
      const late = lease.acquire({ wait: 10_000 });
      await held.release();
      assertEquals(await late, lease);
      await lease[Symbol.asyncDispose]();
      assertEquals(lease.isHeld, false);
    });

    on("falls to others when its time is over; its release is a no-op then [DP-M06, DP-M07]", async (store, clock) => {
      const lost = new Lease(store, "job", { ttl: 1000, renew: false });
      const heir = new Lease(store, "job", { ttl: 1000, renew: false });
      await lost.release();
      await lost.acquire();
      clock.advance(1000);
      assertEquals(await heir.tryAcquire(), true);
      assertEquals(await lost.renew(), false);
      await lost.release();
      assertEquals([await heir.isMine(), lost.isHeld], [true, false]);
      await heir.release();
    }, { movesClock: true });

    on("lives as long as it is renewed", async (store) => {
      const lease = await new Lease(store, "job", { ttl: 900 }).acquire();
      const began = performance.now();
      await until(() => performance.now() - began > 1200);
      assertEquals([await lease.isMine(), await new Lease(store, "job").tryAcquire()], [true, false]);
      await lease.release();
    }, { now: Date.now });

    on("is renewed by hand", async (store, clock) => {
      const lease = new Lease(store, "job", { ttl: 1000, renew: false });
      assertEquals(await lease.renew(), false);
      await lease.acquire();
      clock.advance(900);
      assertEquals(await lease.renew(), true);
      clock.advance(900);
      assertEquals(await lease.isMine(), true);
      clock.advance(100);
      assertEquals(await lease.renew(), false);
    }, { movesClock: true });

    on("numbers its holders, each higher than the ones before", async (store) => {
      const fences: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const lease = await new Lease(store, "job").acquire();
        fences.push(await lease.fence());
        await lease.release();
        const error = await assertRejects(() => lease.fence(), StoreError);
        assertEquals(error.code, "conflict");
      }
      assert(fences[0]! < fences[1]! && fences[1]! < fences[2]!, `${fences}`);
    });
  });
}

describe("Lease", () => {
  test("refuses stores that cannot create, and options it does not know", () => {
    assertThrows(() => new Lease(new Store(none<unknown>()), "job"), StoreError, "create");
    assertThrows(() => new Lease(new Store(memory<unknown>()), "job", { time: 1 } as object), TypeError, "time");
    assertThrows(() => new Lease(new Store(memory<unknown>()), "job", { ttl: 0 }), RangeError);
  });

  test("is free as soon as the session of its holder ends, long before its time is over", {
    skip: noZookeeper ?? false,
  }, async () => {
    const place = places++;
    const [dying, living] = [new Store(ephemeral(Date.now, place)), new Store(ephemeral(Date.now, place))];
    const held = await new Lease(dying, "job", { ttl: 3_600_000, renew: false }).acquire();
    const heir = new Lease(living, "job", { pollInterval: 5 });
    assertEquals(await heir.tryAcquire(), false);
    await dying.close();
    await heir.acquire({ wait: 10_000 });
    assertEquals([held.isHeld, await heir.isMine()], [true, true]);
    await heir.release();
    await living.close();
  });

  test("counts its fences on from one session to the next", { skip: noZookeeper ?? false }, async () => {
    const place = places++;
    const fences: number[] = [];
    for (let session = 0; session < 2; session++) {
      const store = new Store(ephemeral(Date.now, place));
      const lease = await new Lease(store, "job", { pollInterval: 5 }).acquire({ wait: 10_000 });
      fences.push(await lease.fence());
      // The lease ends with the session, the count does not.
      await store.close();
    }
    assert(fences[0]! < fences[1]!, `${fences}`);
  });

  test("is lost with the entry that memcached forgets, and the holder is told", {
    skip: noMemcached ?? false,
  }, async () => {
    const store = new Store(memcached(forgetful.address));
    const lost = await new Lease(store, "forgotten", { renew: false }).acquire();
    await store.clear();
    const heir = new Lease(store, "forgotten", { renew: false });
    assertEquals(await heir.tryAcquire(), true);
    assertEquals([await lost.renew(), lost.isHeld], [false, false]);
    await lost.release();
    assertEquals(await heir.isMine(), true);
    await heir.release();
    await store.close();
  });
});
