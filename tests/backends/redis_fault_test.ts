import { type ChildProcess, spawn } from "node:child_process";
import { after, afterEach, before, describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { redis, type RedisOptions } from "../../src/backends/redis.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { scriptCommand } from "../support/runtime.ts";
import { startTcpProxy, type TcpFault, type TcpProxy } from "../support/tcp_proxy.ts";

const skip = redisServerIsMissing() ?? false;
const DEADLINE = 800;
/** What a busy machine may add to a deadline. */
const SLACK = 3000;
let server: RedisServer;
let proxy: TcpProxy;
let stores: Store<number>[] = [];

before(async () => {
  if (skip) return;
  server = await startRedisServer();
  proxy = await startTcpProxy(server.port);
});
afterEach(async () => {
  if (skip) return;
  for (const store of stores) await store.close();
  stores = [];
  // A test that failed may have left it down.
  if (await server.cli("PING").catch(() => "") !== "PONG") await server.start();
});
after(async () => {
  if (skip) return;
  await proxy.stop();
  await server.stop();
});

function open(port = server.port, options: RedisOptions = {}): Store<number> {
  const store = new Store<number>(
    redis(`redis://127.0.0.1:${port}`, { prefix: "fault:", timeout: DEADLINE, ...options }),
  );
  stores.push(store);
  return store;
}

/** The error, which must come inside the deadline. */
async function failsInTime(call: () => Promise<unknown>, ...codes: StoreErrorCode[]): Promise<StoreError> {
  const begun = performance.now();
  const error = await assertRejects(call, StoreError);
  assert(performance.now() - begun < DEADLINE + SLACK, `it took ${performance.now() - begun} ms`);
  assert(codes.includes(error.code), error.message);
  assertEquals(error.retryable, true);
  return error;
}

/** Calls until it works again; what fails meanwhile must be an outage, never a miss. */
async function recovers<T>(call: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + 15_000; performance.now() < end;) {
    try {
      return await call();
    } catch (error) {
      assert(error instanceof StoreError && ["unavailable", "timeout"].includes(error.code), `${error}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error("it did not recover");
}

describe("redis on a server that is killed and comes again", { skip }, () => {
  test("no acknowledged write is lost, no miss is wrong, and the same store goes on", async () => {
    const store = open();
    const acknowledged = new Map<string, number>();
    let last = Infinity;
    let attempts = 0;
    const writer = (async () => {
      for (let round = 0; round < last; round++) {
        const key = `${round % 20}`;
        attempts++;
        try {
          await store.set(key, round);
          acknowledged.set(key, round);
        } catch (error) {
          assert(["unavailable", "timeout"].includes((error as StoreError).code), `${error}`);
          // Whether it was written is not known, so nobody may rely on the value from before.
          acknowledged.delete(key);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    })();
    for (let crash = 0; crash < 3; crash++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await server.kill();
      await failsInTime(() => store.get("0"), "unavailable");
      await failsInTime(() => store.getMany(["0", "1"]), "unavailable");
      await server.start();
      await recovers(() => store.get("0"));
    }
    // Each key once more, so that it does not matter how long the server took to come back.
    last = Math.max(100, attempts + 20);
    await writer;
    assert(attempts >= 100 && acknowledged.size > 10);
    for (const [key, round] of acknowledged) assertEquals(await store.get(key), round, key);
  });

  test("a count is between what was acknowledged and what was tried", async () => {
    for (const revision of [false, true]) {
      const store = open(server.port, { prefix: `count${revision}:`, revision });
      await recovers(() => store.set("count", 0));
      let done = 0;
      let unknown = 0;
      const counting = (async () => {
        while (done < 150) {
          try {
            await store.update("count", (count = 0) => count + 1);
            done++;
          } catch (error) {
            assert(["unavailable", "timeout"].includes((error as StoreError).code), `${error}`);
            unknown++;
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 20));
      await server.kill();
      await server.start();
      await counting;
      const count = (await store.get("count"))!;
      assert(count >= done && count <= done + unknown, `${count} of ${done} and ${unknown}`);
    }
  });

  test("calls while it is down fail at once and in the pause too, and waiting ones are not left behind", async () => {
    const store = open();
    await recovers(() => store.set("key", 1));
    await server.kill();
    const calls = [() => store.get("key"), () => store.set("key", 2), () => store.size, () => store.take("key")];
    for (let round = 0; round < 5; round++) {
      const errors = await Promise.all(calls.map((call) => failsInTime(call, "unavailable")));
      for (const error of errors) assert(error.message.startsWith("Cannot "), error.message);
    }
    await server.start();
    assertEquals(await recovers(() => store.get("key")), 1);
  });
});

describe("redis on a server that stands still", { skip }, () => {
  test("every call ends inside its deadline with timeout, and goes on when the server does", async () => {
    const store = open();
    await recovers(() => store.setMany([["a", 1], ["b", 2]]));
    server.pause();
    try {
      const calls = [
        () => store.get("a"),
        () => store.getMany(["a", "b"]),
        () => store.entry("a"),
        () => store.set("a", 5),
        () => store.has("a"),
        () => store.size,
        () => store.clear({ prefix: "nobody" }),
      ];
      await Promise.all(calls.map((call) => failsInTime(call, "timeout", "unavailable")));
      // Now there is no connection, and none to be had.
      await failsInTime(() => store.get("a"), "timeout", "unavailable");
      await failsInTime(() => open().get("a"), "timeout", "unavailable");
    } finally {
      server.resume();
    }
    assert([1, 5].includes((await recovers(() => store.get("a")))!));
    await store.set("a", 7);
    assertEquals(await store.get("a"), 7);
  });

  test("an abort rejects at once with its reason, before and after the command is sent", async () => {
    const store = open(server.port, { timeout: 60_000 });
    await recovers(() => store.set("key", 1));
    server.pause();
    try {
      for (const one of [store, open(server.port, { timeout: 60_000 })]) {
        const controller = new AbortController();
        const reason = new Error("enough");
        const { signal } = controller;
        const calls = [
          () => one.get("key", { signal }),
          () => one.set("key", 2, { signal }),
          () => one.getMany(["key"], { signal }),
          () => one.update("key", () => 3, { signal }),
        ];
        const rejected = calls.map((call) => assertRejects(call));
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.abort(reason);
        for (const error of await Promise.all(rejected)) assertEquals(error, reason);
      }
    } finally {
      server.resume();
    }
    await recovers(() => store.get("key"));
  });
});

describe("redis over a connection that breaks", { skip }, () => {
  test("CLIENT KILL in the middle: reads go on, writes are done or say that they may not be", async () => {
    const store = open(server.port, { prefix: "killed:" });
    await recovers(() => store.set("key", 1));
    for (let round = 0; round < 20; round++) {
      const calls = [
        ...Array.from({ length: 20 }, () => store.get("key")),
        store.getMany(["key"]),
        store.has("key"),
        store.set("other", round),
      ];
      const settled = Promise.allSettled(calls);
      await server.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      const results = await settled;
      const write = results.pop()!;
      for (const result of results) assertEquals(result.status, "fulfilled");
      for (const result of results.slice(0, 20)) assertEquals((result as PromiseFulfilledResult<unknown>).value, 1);
      if (write.status === "rejected") assertEquals((write.reason as StoreError).code, "unavailable");
      else assertEquals(await store.get("other"), round);
    }
  });

  test("what changes something is never sent twice, what reads is, once", async () => {
    const store = open(proxy.port, { prefix: "cut:", revision: true });
    await recovers(() => store.set("count", 0));
    for (const fault of ["lose answer", "half"] as TcpFault[]) {
      let added = 0;
      const changes = [
        () => store.set("count", 1),
        () => store.add(`new ${fault} ${added++}`, 1),
        () => store.take("count"),
        () => store.setMany([["count", 5], ["other", 5]]),
        () => store.touch("count", 60_000),
        () => store.delete("count"),
      ];
      // Each once before: the answer that gets lost must not be that the script is unknown.
      for (const change of changes) await change();
      await recovers(() => store.set("count", 0));
      const before = Number(await store.revision());
      for (const change of changes) {
        // The fault is for the command, not for the greeting of a new connection.
        await recovers(() => store.revision());
        proxy.faults = [fault];
        await failsInTime(change, "unavailable");
        proxy.faults = [];
      }
      assertEquals(Number(await store.revision()) - before, changes.length);
      await store.set("count", 7);
      for (const read of [() => store.get("count"), () => store.entry("count").then((entry) => entry!.value)]) {
        proxy.faults = [fault];
        assertEquals(await read(), 7);
        // The second attempt is lost as well.
        proxy.faults = Array(8).fill(fault);
        await failsInTime(read, "unavailable", "timeout");
        proxy.faults = [];
        await recovers(read);
      }
    }
  });

  test("garbage and silence are an outage inside the deadline, then all is well", async () => {
    const store = open(proxy.port, { prefix: "odd:" });
    await recovers(() => store.set("key", 1));
    for (const fault of ["garbage", "hang"] as TcpFault[]) {
      proxy.faults = Array(8).fill(fault);
      await failsInTime(() => store.get("key"), "unavailable", "timeout");
      await failsInTime(() => store.set("key", 1), "unavailable", "timeout");
      proxy.faults = [];
      assertEquals(await recovers(() => store.get("key")), 1);
    }
    const fresh = open(proxy.port, { prefix: "odd:" });
    assertEquals(await fresh.get("key"), 1);
  });
});

test("redis that hangs while it greets is given up in time, and the next connection works", { skip }, async () => {
  const store = new Store<number>(redis(`redis://127.0.0.1:${proxy.port}/1`, { timeout: DEADLINE }));
  stores.push(store);
  proxy.faults = ["hang"];
  const { connections } = proxy;
  await failsInTime(() => store.get("key"), "unavailable", "timeout");
  assertEquals(await recovers(() => store.get("key")), undefined);
  assert(proxy.connections > connections + 1);
  proxy.faults = ["hang"];
  const hanging = new Store<number>(redis(`redis://127.0.0.1:${proxy.port}/1`, { timeout: DEADLINE }));
  const lost = failsInTime(() => hanging.get("key"), "unavailable", "timeout");
  await hanging.close();
  await lost;
  proxy.faults = [];
});

test("four processes that count up one key 50 times each end at exactly 200", { skip }, async () => {
  for (const place of ["?timeout=60000", "?timeout=60000&hash=counts"]) {
    const children = Array.from({ length: 4 }, () => {
      const [executable, ...args] = scriptCommand(
        new URL("../support/redis_child.ts", import.meta.url),
        "count",
        `redis://127.0.0.1:${server.port}${place}`,
        "race:",
      );
      return spawn(executable, args, { stdio: ["pipe", "pipe", "inherit"] });
    });
    await Promise.all(children.map((child) => new Promise((ready) => child.stdout.once("data", ready))));
    const ends = children.map((child: ChildProcess) => new Promise((resolve) => child.once("close", resolve)));
    for (const child of children) child.stdin.end("go\n");
    assertEquals(await Promise.all(ends), [0, 0, 0, 0]);
    const options = place.includes("hash") ? { prefix: undefined, hash: "counts" } : { prefix: "" };
    assertEquals(await open(server.port, { timeout: 60_000, ...options }).get("race:count"), 200);
  }
});
