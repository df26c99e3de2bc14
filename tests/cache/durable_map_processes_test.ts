/** Durable maps of several processes on one store. */

import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { sqlite } from "../../src/backends/sqlite.ts";
import { DurableMap } from "../../src/cache/durable_map.ts";
import { Store } from "../../src/core/store.ts";
import { openPlace } from "../support/durable_place.ts";
import { type Deed, DurableProcess } from "../support/durable_process.ts";
import { postgresIsMissing, startPostgres } from "../support/postgres_server.ts";
import { redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { inTemporaryFolder } from "../support/runtime.ts";
import { startZookeeper, zookeeperIsMissing } from "../support/zookeeper_server.ts";

/**
 * What two processes see of each other: one asks before each read, the other one when it is told to. A reload of one changed
 * key takes these calls.
 */
async function seeEachOther(place: string, reload: Deed["calls"]): Promise<void> {
  const [writer, manual] = await Promise.all([DurableProcess.start(place, true), DurableProcess.start(place, false)]);
  try {
    assertEquals(await writer.do("set", "color", "red"), { calls: { write: 1 } });
    assertEquals(await manual.do("get", "color"), { calls: {} });
    assertEquals(await manual.do("sync"), { calls: reload });
    assertEquals(await manual.do("get", "color"), { value: "red", calls: {} });

    await manual.do("set", "color", "blue");
    assertEquals(await manual.do("peek", "color"), { value: "blue", calls: {} });
    assertEquals(await writer.do("get", "color"), { value: "blue", calls: reload });
    assertEquals(await writer.do("get", "color"), { value: "blue", calls: { revision: 1 } });

    assertEquals(await writer.do("delete", "color"), { value: true, calls: { remove: 1 } });
    // Nothing was deleted, so nothing has moved.
    await manual.do("sync");
    assertEquals((await manual.do("delete", "color")).value, false);
    assertEquals((await manual.do("sync")).calls, { revision: 1 });

    await Promise.all([writer.do("count", 100), manual.do("count", 100)]);
    assertEquals((await writer.do("get", "count")).value, 200);
    await manual.do("sync");
    assertEquals((await manual.do("peek", "count")).value, 200);
  } finally {
    await Promise.all([writer.stop(), manual.stop()]);
  }
}

test("two processes on one SQLite file see each other with the next read: DD-20, DD-21, DD-61", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, "settings.db");
    await seeEachOther(`sqlite:${file}`, { revision: 1, versions: 1, readMany: 1, keys: 1 });
    const store = new Store<unknown>(sqlite(file));
    assertEquals(await Array.fromAsync(store), [["count", 200]]);
    await store.close();
  });
});

/** Has it done until it succeeds: a busy machine may need more time than an outage shall take. */
async function succeed(act: () => Promise<Deed>): Promise<void> {
  for (let left = 20; left > 0 && (await act()).error !== undefined; left--);
}

/** What a process reads of ten thousand values when one has changed. */
async function reloadOne(place: string, calls: Deed["calls"]): Promise<void> {
  const store = new Store<unknown>(await openPlace(place));
  await store.setMany(Array.from({ length: 10_000 }, (_, index) => [`key ${index}`, { index }]));
  const reader = await DurableProcess.start(place, true);
  try {
    assertEquals((await reader.do("size")).value, 10_000);
    await store.set("key 77", "new");
    assertEquals(await reader.do("get", "key 77"), { value: "new", calls });
  } finally {
    await reader.stop();
    await store.close();
  }
}

test("one change of ten thousand keys in an SQLite file is one value to read for the other process", async () => {
  await inTemporaryFolder(async (folder) => {
    const calls = { revision: 1, versions: 1, readMany: 1, keys: 1 };
    await reloadOne(`sqlite:${join(folder, "settings.db")}`, calls);
  });
});

const skip = redisServerIsMissing() ?? false;

test(
  "two processes on one Redis see each other with the next read, also after it was killed: DD-20, DD-21, DD-30…DD-34",
  {
    skip,
  },
  async () => {
    const server = await startRedisServer();
    const place = `redis:${server.port}`;
    try {
      // Before the first write there is no revision to go back to.
      const first = new Store<unknown>(await openPlace(place));
      await first.set("first", 1);
      await first.close();
      await seeEachOther(place, { revision: 1, changes: 1, readMany: 1, keys: 1 });
      // In an outage calls last as long as they may.
      const brief = `${place}#3000`;
      const [asking, manual] = await Promise.all([
        DurableProcess.start(brief, true),
        DurableProcess.start(brief, false),
      ]);
      try {
        await succeed(() => manual.do("set", "color", "green"));
        assertEquals((await asking.do("get", "color")).value, "green");
        await server.kill();
        // What is read is what was known; what is written is refused.
        assertEquals((await asking.do("get", "color")).value, "green");
        assertEquals((await asking.do("stale")).value, true);
        assertEquals((await manual.do("get", "color")).value, "green");
        assertMatch((await manual.do("set", "color", "gray")).error!, /unavailable|timeout/);
        assertMatch((await manual.do("sync")).error!, /unavailable|timeout/);
        await server.start();
        await succeed(() => manual.do("set", "color", "black"));
        for (let left = 100; left > 0 && (await asking.do("get", "color")).value !== "black"; left--);
        assertEquals([(await asking.do("peek", "color")).value, (await asking.do("stale")).value], ["black", false]);
      } finally {
        await Promise.all([asking.stop(), manual.stop()]);
      }
    } finally {
      await server.stop();
    }
  },
);

test(
  "two processes on one table of Postgres see each other with the next read, also of ten thousand keys: DD-20, DD-21, DD-43, DD-44",
  {
    skip: postgresIsMissing() ?? false,
  },
  async () => {
    const server = await startPostgres();
    const calls = { revision: 1, versions: 1, readMany: 1, keys: 1 };
    try {
      await seeEachOther(`sql:${server.url}`, calls);
      server.query("DELETE FROM settings");
      await reloadOne(`sql:${server.url}`, calls);
    } finally {
      await server.stop();
    }
  },
);

/** How many values a process reads until it sees this one: a look at the snapshot asks for nothing, the server tells of it. */
async function keysUntil(reader: DurableProcess, key: string, value: unknown): Promise<number> {
  for (let keys = 0;;) {
    const deed = await reader.do("peek", key);
    keys += deed.calls["keys"] ?? 0;
    if (deed.value === value) return keys;
  }
}

test("one change of ten thousand keys in ZooKeeper is one value to read for the other process", {
  skip: zookeeperIsMissing() ?? false,
}, async () => {
  const server = await startZookeeper();
  const place = `zookeeper:${server.address}/settings`;
  const store = new Store<unknown>(await openPlace(place));
  try {
    await store.setMany(Array.from({ length: 10_000 }, (_, index) => [`key ${index}`, { index }]));
    const reader = await DurableProcess.start(place, true);
    try {
      assertEquals((await reader.do("size")).value, 10_000);
      await store.set("key 77", "new");
      assertEquals(await keysUntil(reader, "key 77", "new"), 1);
    } finally {
      await reader.stop();
    }
  } finally {
    await store.close();
    await server.stop();
  }
});

test("two processes on one ZooKeeper are told of each other's changes: DD-61", {
  skip: zookeeperIsMissing() ?? false,
}, async () => {
  const server = await startZookeeper();
  const place = `zookeeper:${server.address}/settings`;
  try {
    const [writer, reader] = await Promise.all([DurableProcess.start(place, true), DurableProcess.start(place, true)]);
    try {
      for (const color of ["red", "blue"]) {
        await writer.do("set", "color", color);
        assertEquals(await keysUntil(reader, "color", color), 1);
        await reader.do("sync");
        assertEquals(await reader.do("get", "color"), { value: color, calls: {} });
      }
      await Promise.all([writer.do("count", 20), reader.do("count", 20)]);
      await reader.do("sync");
      assertEquals((await reader.do("peek", "count")).value, 40);
    } finally {
      await Promise.all([writer.stop(), reader.stop()]);
    }
  } finally {
    await server.stop();
  }
});

test("a read that asks Redis is one command, and a thousand at once are one", { skip }, async () => {
  const server = await startRedisServer();
  const map = await DurableMap.open(new Store<number>(await openPlace(`redis:${server.port}`)));
  try {
    await map.set("a", 1);
    await map.get("a");
    const commands = async () =>
      Number(/total_commands_processed:(\d+)/.exec(`${await server.cli("INFO", "stats")}`)![1]);
    const cost = async (act: () => Promise<unknown>) => {
      const before = await commands();
      await act();
      // The INFO before was counted after it was answered.
      return await commands() - before - 1;
    };
    assertEquals(await cost(() => map.get("a")), 1);
    assertEquals(await cost(() => Promise.all(Array.from({ length: 1000 }, () => map.get("a")))), 1);
    assertEquals(await cost(() => map.getMany(["a", "b"])), 1);
    assertEquals(map.snapshot.get("a"), 1);
  } finally {
    await map.close();
    await server.stop();
  }
});

test("one change of ten thousand keys in Redis is one value to read for the other process", { skip }, async () => {
  const server = await startRedisServer();
  try {
    await reloadOne(`redis:${server.port}`, { revision: 1, changes: 1, readMany: 1, keys: 1 });
  } finally {
    await server.stop();
  }
});
