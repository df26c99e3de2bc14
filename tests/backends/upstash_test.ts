/** The laws of stores in Redis over HTTP: the local Upstash over a real Redis. */

import { type ChildProcess, spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { redis } from "../../src/backends/redis.ts";
import { upstash } from "../../src/backends/upstash.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { open } from "../../src/open/open.ts";
import { checkRedisLaws } from "../support/redis_laws.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { scriptCommand } from "../support/runtime.ts";

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

checkRedisLaws("upstash", () => server, (place) => upstash(local, place), { skip, isBrief: true });

describe("two roads to one Redis", { skip }, () => {
  const shapes = [
    { prefix: "users:" },
    { hash: "users" },
    { prefix: "{counted}:", revision: true },
    { hash: "counted", revision: true },
  ];
  for (const shape of shapes) {
    const roads = <V>() => [new Store<V>(redis(server.url, shape)), new Store<V>(upstash(local, shape))] as const;

    test(`what one writes the other reads, lists, counts and removes: ${JSON.stringify(shape)}`, async () => {
      await server.cli("FLUSHALL");
      const both = roads<unknown>();
      for (const [one, other] of [both, both.toReversed() as unknown as typeof both]) {
        const values: Record<string, unknown> = { "": "", "123": "123", "ключ": { a: [1, null] }, "a/b": "\uFEFF😀" };
        for (const [key, value] of Object.entries(values)) await one.set(key, value);
        assertEquals([...await other.getMany(Object.keys(values))], Object.entries(values));
        assertEquals((await Array.fromAsync(other.keys())).sort(), Object.keys(values).sort());
        assertEquals(await other.size, 4);
        const entry = (await one.entry("123"))!;
        assertEquals((await other.entry("123"))!.version, entry.version);
        assertEquals(await other.replace("123", "new", { version: entry.version! }), true);
        assertEquals(await one.replace("123", "newer", { version: entry.version! }), false);
        assertEquals(await other.take("a/b"), values["a/b"]);
        assertEquals(await one.has("a/b"), false);
        await one.clear();
        assertEquals(await other.size, 0);
      }
      for (const store of both) await store.close();
    });

    test(`what one lets expire is gone for the other, and one lock is for both: ${JSON.stringify(shape)}`, async () => {
      await server.cli("FLUSHALL");
      const both = roads<string>();
      for (const [one, other] of [both, both.toReversed() as unknown as typeof both]) {
        const expiresAt = Date.now() + 60_000;
        await one.set("brief", "value", { expiresAt });
        assertEquals((await other.entry("brief"))?.expiresAt, expiresAt);
        assertEquals(await other.add("brief", "mine"), false);
        assertEquals(await one.touch("brief", 50), true);
        for (let left = 200; left > 0 && await other.has("brief"); left--) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        assertEquals(await other.get("brief"), undefined);
        const winners = await Promise.all([one, other, one, other].map((store, at) => store.add("brief", `${at}`)));
        assertEquals(winners.filter(Boolean).length, 1);
        await one.delete("brief");
      }
      for (const store of both) await store.close();
    });

    if (!shape.revision) continue;
    test(`a revision tells of writes by either road: ${JSON.stringify(shape)}`, async () => {
      await server.cli("FLUSHALL");
      const both = roads<string>();
      const seen = new Set<string>();
      for (const store of both) {
        await store.set("key", "value");
        const revisions = await Promise.all(both.map((store) => store.revision()));
        assertEquals(revisions[0], revisions[1]);
        seen.add(revisions[0]!);
      }
      assertEquals(seen.size, 2);
      for (const store of both) await store.close();
    });
  }

  test("close() waits for a call that takes another step", async () => {
    const store = new Store(upstash(local, { prefix: "closing:" }));
    const calls = [store.get("a"), store.get("b"), store.set("c", 1, { ttl: 60_000 })];
    await server.cli("RPUSH", "closing:list", "1");
    const mixed = store.getMany(["a", "list"]).catch((error) => error.code);
    await store.close();
    assertEquals([await Promise.all(calls), await mixed], [[undefined, undefined, store], "corrupt"]);
  });

  test("bytes that are no text come by both roads", async () => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    const both = [redis(server.url, { prefix: "b:" }), upstash(local, { prefix: "b:" })].map((backend) =>
      new Store(backend, { codec: bytes() })
    );
    for (const [index, store] of both.entries()) {
      await store.set("key", value.subarray(index));
      assertEquals(await both[1 - index]!.get("key"), value.subarray(index));
    }
    for (const store of both) await store.close();
  });

  test("50 updates of each of 4 processes, two by each road, end at exactly 200", async () => {
    await server.cli("FLUSHALL");
    const http = `upstash+http://:${local.token}@${new URL(local.url).host}`;
    const children = [server.url, http, server.url, http].map((url) => {
      const [executable, ...args] = scriptCommand(
        new URL("../support/redis_child.ts", import.meta.url),
        "count",
        url,
        "count:",
      );
      return spawn(executable, args, { stdio: ["pipe", "pipe", "inherit"] });
    });
    try {
      await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once("data", resolve))));
      const ended = children.map((child) => new Promise<number | null>((resolve) => child.once("close", resolve)));
      for (const child of children) child.stdin.write("go\n");
      assertEquals(await Promise.all(ended), [0, 0, 0, 0]);
    } finally {
      for (const child of children as ChildProcess[]) child.kill("SIGKILL");
    }
    const store = await open<number>(`${server.url}?prefix=count:`);
    assertEquals(await store.get("count"), 200);
    await store.close();
  });
});
