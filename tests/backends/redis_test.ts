import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { createClient } from "@redis/client";
import { Redis } from "ioredis";
import { redis, type RedisClientLike, redisFromUrl, type RedisOptions } from "../../src/backends/redis.ts";
import { toFailure } from "../../src/backends/redis/failures.ts";
import { addressOf, nameOf } from "../../src/backends/redis/server_address.ts";
import { ReplyError } from "../../src/backends/redis/wire.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { chain } from "../../src/codecs/chain.ts";
import { deflate } from "../../src/codecs/deflate.ts";
import { structured } from "../../src/codecs/structured.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { open as openPlace } from "../../src/open/open.ts";
import { checkRedisLaws } from "../support/redis_laws.ts";
import {
  type CliReply,
  freePort,
  type RedisServer,
  redisServerIsMissing,
  startRedisServer,
} from "../support/redis_server.ts";
import { inTemporaryFolder, RUNTIME, scriptCommand } from "../support/runtime.ts";

const skip = redisServerIsMissing() ?? false;
/** Whether the server lets a field of a hash expire: HPEXPIRE, from 7.4 on. */
let expiresFields = false;
let server: RedisServer;
let places = 0;

before(async () => {
  if (skip) return;
  server = await startRedisServer();
  expiresFields = (await server.cli("COMMAND", "INFO", "HPEXPIREAT") as CliReply[])[0] !== null;
});
after(async () => {
  if (!skip) await server.stop();
});

checkRedisLaws("redis", () => server, (place) => redis(server.url, place), { skip });

const stores: Store<unknown>[] = [];
after(async () => {
  for (const store of stores) await store.close();
});

function open<V = unknown>(options: RedisOptions = {}, url = server.url): Store<V> {
  const store = new Store<V>(redis(url, options));
  stores.push(store as Store<unknown>);
  return store;
}

const newPrefix = () => `test${places++}:`;

async function rejectsWith(call: () => Promise<unknown>, code: StoreErrorCode, text = ""): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, text);
  assertEquals(error.code, code, error.message);
  return error;
}

/** How often the server ran each command since the last time. */
async function commandCounts(): Promise<Record<string, number>> {
  const info = await server.cli("INFO", "commandstats") as string;
  await server.cli("CONFIG", "RESETSTAT");
  return Object.fromEntries(
    Array.from(info.matchAll(/cmdstat_(\S+?):calls=(\d+)/g), ([, name, n]) => [name, Number(n)]),
  );
}

describe("redis entries", { skip }, () => {
  test("are keys that redis-cli reads, with lifetimes of Redis (CT-02, CT-09, CT-10, PS-14)", async () => {
    const store = open({ prefix: "users:" });
    await store.set("ada", { name: "Ada" });
    assertEquals(await server.cli("GET", "users:ada"), '{"name":"Ada"}');
    assertEquals(await server.cli("PTTL", "users:ada"), -1);
    const expiresAt = Date.now() + 60_000;
    await store.setMany([["bob", 1], ["eve", 2]], { expiresAt });
    for (const key of ["bob", "eve"]) assertEquals(await server.cli("PEXPIRETIME", `users:${key}`), expiresAt);
    await store.touch("bob", Infinity);
    assertEquals(await server.cli("PTTL", "users:bob"), -1);
    await store.delete("eve");
    assertEquals(await server.cli("EXISTS", "users:eve"), 0);
  });

  test("that redis-cli wrote are read, with their lifetimes", async () => {
    const store = open({ prefix: "cli:" });
    const moment = Date.now() + 60_000;
    await server.cli("SET", "cli:ada", '{"name":"Ada"}', "PXAT", `${moment}`);
    assertEquals(await store.get("ada"), { name: "Ada" });
    const entry = (await store.entry("ada"))!;
    assertEquals(entry.expiresAt, moment);
    assert(await store.replace("ada", 1, { version: entry.version! }));
    assertEquals(await server.cli("GET", "cli:ada"), "1");
  });

  test("are fields of one hash (DD-30, DD-31, DD-35)", async () => {
    const store = open({ hash: "settings" });
    await store.setMany([["foo", "bar"], ["qux", [1]]]);
    assertEquals(await server.cli("HGETALL", "settings"), ["foo", '"bar"', "qux", "[1]"]);
    await store.delete("foo");
    assertEquals(await server.cli("HGETALL", "settings"), ["qux", "[1]"]);
    await server.cli("HSET", "settings", "cli", "5");
    assertEquals(new Map(await Array.fromAsync(store)), new Map<string, unknown>([["qux", [1]], ["cli", 5]]));
    await store.set("brief", { a: 1 }, { expiresAt: 32503680000000 });
    assertEquals(await server.cli("HGET", "settings", "brief"), 'data:;expires=32503680000000,{"a":1}');
    assert(await store.touch("brief", Infinity));
    assertEquals(await server.cli("HGET", "settings", "brief"), '{"a":1}');
    await store.clear();
    assertEquals(await server.cli("EXISTS", "settings"), 0);
  });

  test("of a hash drop out when they are pruned", async () => {
    const raw = redis(server.url, { hash: "pruned" });
    const store = new Store<number>(raw);
    await store.setMany(Array.from({ length: 1200 }, (_, index) => [`${index}`, index]), { ttl: 1000 });
    await store.set("stays", 1);
    for (let left = 2000; left > 0 && await store.has("0"); left--) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertStrictEquals(await store.size, 1);
    const left = await server.cli("HLEN", "pruned") as number - 1;
    // A server that expires fields by itself may do so between the two.
    if (expiresFields) assert(await store.prune() <= left);
    else assertEquals([left, await store.prune()], [1200, 1200]);
    assertEquals(await server.cli("HKEYS", "pruned"), ["stays"]);
    await store.close();
  });

  test("of a hash expire on the server where it can (HPEXPIRE), and stay until then", async (context) => {
    if (!expiresFields) return context.skip("needs Redis 7.4 or later");
    const lifetime = async (field: string) =>
      (await server.cli("HPEXPIRETIME", "fields", "FIELDS", "1", field) as [number])[0];
    const store = open<number>({ hash: "fields" });
    const expiresAt = Date.now() + 3_600_000;
    await store.set("kept", 1, { expiresAt });
    await store.setMany([["many", 1]], { expiresAt });
    await store.set("touched", 1);
    await store.touch("touched", 3_600_000);
    assertEquals([await lifetime("kept"), await lifetime("many")], [expiresAt, expiresAt]);
    assert(await lifetime("touched") >= expiresAt);
    await store.touch("kept", Infinity);
    await store.set("many", 2);
    assertEquals([await lifetime("kept"), await lifetime("many")], [-1, -1]);
    await store.update("touched", (value = 0) => value + 1);
    assert(await lifetime("touched") >= expiresAt);
    await store.set("brief", 1, { ttl: 1000 });
    let left = 2000;
    while ((await server.cli("HKEYS", "fields") as string[]).includes("brief") && left-- > 0) {
      await new Promise((next) => setTimeout(next, 5));
    }
    assertEquals([await store.get("brief"), await store.size], [undefined, 3]);
  });

  test("expire on the server, without a look at them (CT-09)", async () => {
    const store = open<number>({ prefix: "brief:" });
    await store.set("key", 1, { ttl: 1000 });
    assertEquals(await store.get("key"), 1);
    let left = 2000;
    while (await server.cli("EXISTS", "brief:key") === 1 && left-- > 0) {
      await new Promise((next) => setTimeout(next, 5));
    }
    assertEquals([await store.get("key"), await store.size], [undefined, 0]);
  });

  test("come back byte for byte, empty ones too, and as text where they are text (CT-08, CT-13)", async () => {
    const store = new Store(redis(server.url, { prefix: "bytes:" }), { codec: bytes() });
    stores.push(store as Store<unknown>);
    const values = [[], [0], [255, 254], [0xc3, 0xa9], [0xef, 0xbb, 0xbf, 0x61], [
      ...new TextEncoder().encode("data:;x"),
    ]];
    for (const value of values) {
      await store.set("key", Uint8Array.from(value));
      assertEquals(await store.get("key"), Uint8Array.from(value));
    }
    await store.set("key", Uint8Array.of(0xc3, 0xa9));
    assertEquals(await server.cli("GET", "bytes:key"), "é");
    await store.set("key", Uint8Array.of(255));
    assertEquals(await server.cli("GET", "bytes:key"), "data:;base64,/w==");
    await server.cli("SET", "bytes:key", "data:;nonsense");
    await rejectsWith(() => store.get("key"), "corrupt");
  });

  test("a cache of pickles does what the caches of old did (CT-20, CT-21, CT-22, CT-25, CT-27, CT-28)", async () => {
    const codec = chain(structured<unknown>(), deflate());
    const cache = new Store<unknown>(redis(server.url, { prefix: "cache:" }), { codec });
    stores.push(cache);
    await cache.set("foo", 42);
    assertEquals([await cache.get("foo"), await cache.get("bar") ?? "default"], [42, "default"]);
    assertEquals([await cache.delete("foo"), await cache.delete("foo"), await cache.get("foo")], [
      true,
      false,
      undefined,
    ]);
    const raw = await server.cli("SET", "cache:plain", "no pickle");
    assertEquals(raw, "OK");
    await rejectsWith(() => cache.get("plain"), "corrupt", '"plain"');
  });

  test("strings stay strings: big integers, numbers, true, emoji", async () => {
    const store = new Store(redis(server.url, { prefix: "text:" }), { codec: text() });
    stores.push(store as Store<unknown>);
    const values = ["123", "12345678901234567890", "true", "null", "", "😀", "\0", "-0", "1e400", '"', "data:;base64,"];
    await store.setMany(values.map((value) => [value, value]));
    for (const value of values) assertEquals(await store.get(value), value);
    assertEquals([...await store.getMany(values)], values.map((value) => [value, value]));
  });
});

describe("redis prefixes", { skip }, () => {
  test("are no patterns, and nothing outside of them is counted, listed or cleared (X-03, X-04, PS Redis)", async () => {
    const foreign = ["user", "users:1", "u*:1", "axb", "a*", "a:1", "b:1", "\\:1", "other"];
    for (const key of foreign) await server.cli("SET", key, "1");
    await server.cli("RPUSH", "list", "1");
    for (const prefix of ["user:", "u?:", "a*b", "[ab]", "a\\", "[^a]", "[a-b]", "^", "*", "?"]) {
      const store = open<number>({ prefix });
      await store.setMany([["1", 1], ["*", 2], ["", 3]]);
      assertEquals((await Array.fromAsync(store.keys())).toSorted(), ["", "*", "1"], prefix);
      assertEquals(await store.size, 3, prefix);
      assertEquals(await Array.fromAsync(store.keys({ prefix: "*" })), ["*"], prefix);
      await store.clear({ prefix: "*" });
      assertEquals(await store.size, 2, prefix);
      await store.clear();
      assertEquals(await store.size, 0, prefix);
      for (const key of foreign) assertEquals(await server.cli("GET", key), "1", `${key} after ${prefix}`);
    }
    assertEquals(await server.cli("LLEN", "list"), 1);
    await server.cli("DEL", "list", ...foreign);
  });

  test("half a character starts keys of the store alone", async () => {
    const store = open<number>({ prefix: "half:" });
    await store.setMany([["\u{1f600}x", 1], ["y", 2]]);
    await server.cli("SET", "haha:\u{1f601}x", "1");
    assertEquals(await Array.fromAsync(store.keys({ prefix: "\ud83d" })), ["\u{1f600}x"]);
    assertEquals(await Array.fromAsync(store.keys({ prefix: "\ud83dx" })), []);
    await server.cli("DEL", "haha:\u{1f601}x");
  });

  test("without one the whole database is the store, and no other database", async () => {
    await server.cli("SET", "elsewhere", "1");
    const store = open<number>({}, `${server.url}/7`);
    await store.set("here", 7);
    assertEquals(await Array.fromAsync(store), [["here", 7]]);
    await store.clear();
    assertEquals([await store.size, await server.cli("GET", "elsewhere")], [0, "1"]);
  });

  test("a user who may touch nothing else and use no dangerous command can do all there is to do", async () => {
    const password = "correct-horse";
    const patterns = ["~app:*", "~#revision:app:*", "~{app}", "~#revision:{app}", "~#changes:app:*", "~#changes:{app}"];
    await server.cli("ACL", "SETUSER", "app", "on", `>${password}`, ...patterns, "+@all", "-@dangerous", "-keys");
    const url = server.url.replace("//", `//app:${password}@`);
    for (const place of [{ prefix: "app:" }, { hash: "{app}" }]) {
      for (const revision of [false, true]) {
        const store = open<number>({ ...place, revision }, url);
        await store.setMany([["a", 1], ["b", 2]], { ttl: 60_000 });
        await store.setMany([["c", 3], ["d", 4]]);
        await store.update("a", (old = 0) => old + 1);
        await store.add("e", 5, { ttl: 60_000 });
        await store.touch("a", 60_000);
        await store.touch("a", Infinity);
        await store.take("e");
        assertEquals(await store.deleteMany(["b", "x"]), 1);
        assertEquals(new Map(await Array.fromAsync(store)), new Map([["a", 2], ["c", 3], ["d", 4]]));
        await store.prune();
        await store.clear();
        assertEquals(await store.size, 0);
        if (revision) assert(Number(await store.revision()) > 0);
      }
    }
  });
});

describe("redis values of a wrong type", { skip }, () => {
  for (const revision of [false, true]) {
    test(`a list or a set is corrupt to every read, deleted and overwritten like a value; revision ${revision}`, async () => {
      const prefix = newPrefix();
      const store = open<number>({ prefix, revision });
      for (
        const make of [["RPUSH", `${prefix}key`, "1"], ["SADD", `${prefix}key`, "1"], [
          "HSET",
          `${prefix}key`,
          "a",
          "1",
        ]]
      ) {
        await server.cli(...make);
        await store.set("live", 1);
        for (
          const call of [
            () => store.get("key"),
            () => store.entry("key"),
            () => store.getMany(["live", "absent", "key"]),
            () => store.update("key", () => 1),
            () => store.replace("key", 1, { version: "1" }),
            () => store.take("key"),
          ]
        ) {
          const error = await rejectsWith(call, "corrupt", '"key"');
          assertEquals(error.retryable, false);
        }
        assertEquals(await store.has("key"), true);
        assertEquals((await Array.fromAsync(store.keys())).toSorted(), ["key", "live"]);
        assertEquals(await store.delete("key"), true);
        await server.cli(...make);
        await store.set("key", 2);
        assertEquals(await store.get("key"), 2);
        await store.clear();
      }
    });
  }

  test("of many get() at once only that of the wrong key is rejected, and misses are misses", async () => {
    const prefix = newPrefix();
    const store = open<number>({ prefix });
    await store.set("live", 1);
    await server.cli("RPUSH", `${prefix}list`, "1");
    const gets = ["live", "absent", "list", "other"].map((key) => store.get(key));
    const [live, absent, list, other] = await Promise.allSettled(gets);
    assertEquals([live, absent, other].map((one) => (one as PromiseFulfilledResult<unknown>).value), [
      1,
      undefined,
      undefined,
    ]);
    assertInstanceOf((list as PromiseRejectedResult).reason, StoreError);
    assertEquals((list as PromiseRejectedResult).reason.code, "corrupt");
  });

  test("a hash store whose name is something else is corrupt", async () => {
    await server.cli("SET", "nohash", "1");
    const store = open<number>({ hash: "nohash" });
    for (const call of [() => store.get("a"), () => store.getMany(["a"]), () => store.set("a", 1), () => store.size]) {
      await rejectsWith(call, "corrupt");
    }
    assertEquals(await server.cli("GET", "nohash"), "1");
  });
});

describe("redis revision", { skip }, () => {
  test("is counted beside the entries, is no entry, and is apart for each place (DD-32, DD-33)", async () => {
    const one = open<number>({ prefix: "one:", revision: true });
    const other = open<number>({ prefix: "other:", revision: true });
    const hash = open<number>({ hash: "one", revision: true });
    assertEquals([await one.revision(), await other.revision(), await hash.revision()], ["0", "0", "0"]);
    await one.set("a", 1);
    await one.set("b", 1);
    const revision = await one.revision();
    assertEquals([await other.revision(), await hash.revision()], ["0", "0"]);
    assertEquals((await Array.fromAsync(one.keys())).toSorted(), ["a", "b"]);
    assertEquals(await server.cli("GET", "#revision:one:"), revision);
    await hash.set("a", 1);
    assertEquals(await hash.revision(), await server.cli("GET", "#revision:{one}"));
    await one.clear();
    await one.set("a", 1);
    assertNotEquals(await one.revision(), revision);
  });

  test("that cannot be counted up leaves every entry as it was (DD-34)", async () => {
    for (
      const [place, counter] of [[{ prefix: "bad:" }, "#revision:bad:"], [{ hash: "bad" }, "#revision:{bad}"]] as const
    ) {
      const store = open<number>({ ...place, revision: true });
      await store.set("key", 1);
      await server.cli("DEL", counter);
      await server.cli("RPUSH", counter, "1");
      for (
        const call of [
          () => store.set("key", 2),
          () => store.setMany([["key", 2], ["new", 2]]),
          () => store.add("new", 2),
          () => store.update("key", () => 2),
          () => store.touch("key", 1000),
          () => store.delete("key"),
          () => store.take("key"),
          () => store.clear(),
        ]
      ) await assertRejects(call, StoreError);
      assertEquals(await Array.fromAsync(store), [["key", 1]]);
      assertEquals((await store.entry("key"))?.expiresAt, undefined);
    }
  });

  test("goes with a list of changes, which forgets the oldest and says so", async () => {
    for (const place of [{ prefix: "noted:" }, { hash: "noted" }]) {
      const store = open<number>({ ...place, revision: true });
      const { backend } = store;
      await store.set("first", 1);
      const first = await store.revision();
      await store.set("second", 2);
      const second = await store.revision();
      assertEquals([await backend.changes!(first), await backend.changes!(second)], [["second"], []]);
      assertEquals(await backend.changes!("0"), undefined);
      for (let batch = 0; batch < 12; batch++) {
        await store.setMany(Array.from({ length: 1000 }, (_, index) => [`${batch} ${index}`, index]));
      }
      assertEquals(await backend.changes!(first), undefined);
      const late = await store.revision();
      await store.deleteMany(["0 0", "none"]);
      await store.clear({ prefix: "11 99" });
      const told = await backend.changes!(late);
      assertEquals(new Set(told).has("0 0") && new Set(told).has("11 999") && told!.length <= 13, true);
      await server.cli("DEL", "prefix" in place ? "#changes:noted:" : "#changes:{noted}");
      assertEquals(await backend.changes!(late), undefined);
    }
    assertEquals(await open({ prefix: "plain:" }).backend.changes!("0"), undefined);
  });

  test("does not come again after the counter was lost", async () => {
    const store = open<number>({ prefix: "lost:", revision: true });
    await store.set("key", 1);
    const before = await store.revision();
    await server.cli("DEL", "#revision:lost:");
    await new Promise((resolve) => setTimeout(resolve, 2));
    await store.set("key", 2);
    assert(![before, "1"].includes(await store.revision()));
  });

  test("is where the entries are in a cluster, if their prefix has a hash tag; else it is unsupported", async () => {
    const cluster = await startRedisServer("--cluster-enabled", "yes");
    try {
      await cluster.cli("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      for (
        let left = 500;
        left > 0 && !`${await cluster.cli("CLUSTER", "INFO")}`.includes("cluster_state:ok");
        left--
      ) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const places = [{ prefix: "{users}:" }, { prefix: "a{b}c" }, { prefix: "#{x}" }, { hash: "settings" }, {
        hash: "{a}b",
      }];
      for (const place of places) {
        const store = open<number>({ ...place, revision: true }, cluster.url);
        await store.setMany([["a", 1], ["b", 2]]);
        const revision = await store.revision();
        assertEquals([await store.update("a", (old = 0) => old + 1), await store.deleteMany(["a", "b"])], [2, 2]);
        assertNotEquals(await store.revision(), revision);
      }
      const apart = open<number>({ prefix: "users:", revision: true }, cluster.url);
      await rejectsWith(() => apart.set("a", 1), "unsupported", "hash tag");
    } finally {
      await cluster.stop();
    }
  });

  test("of a store of keys needs a prefix", () => {
    assertThrows(() => redis("redis://localhost", { revision: true }), TypeError, "prefix");
  });
});

describe("redis commands", { skip }, () => {
  test("reads of one turn go out as one command, a single one as GET", async () => {
    const store = open<number>({ prefix: newPrefix() });
    const keys = Array.from({ length: 1000 }, (_, index) => `${index}`);
    await store.setMany(keys.map((key, index) => [key, index]));
    await commandCounts();
    const values = await Promise.all(keys.map((key) => store.get(key)));
    assertEquals(values, keys.map(Number));
    await store.get("1");
    const { mget, get, exists } = await commandCounts();
    assertEquals([mget, get, exists], [1, 1, undefined]);
  });

  test("calls that are not awaited take effect in their order", async () => {
    for (const place of [{ prefix: newPrefix() }, { hash: newPrefix() }, { prefix: newPrefix(), revision: true }]) {
      const store = open<number>(place);
      const calls = [
        store.get("key"),
        store.set("key", 1),
        store.get("key"),
        store.add("key", 9),
        store.set("key", 2),
        store.get("key"),
        store.getMany(["key"]).then((found) => found.get("key")),
        store.take("key"),
        store.get("key"),
        store.add("key", 3),
        store.has("key"),
        store.delete("key"),
        store.get("key"),
      ];
      const answers = (await Promise.all(calls)).map((answer) => answer === store ? "set" : answer);
      assertEquals(answers, [undefined, "set", 1, false, "set", 2, 2, 2, undefined, true, true, true, undefined]);
    }
  });

  test("a write says whether it happened, one on a version which version there is now", async () => {
    const [one, two] = [Uint8Array.of(1), Uint8Array.of(2)];
    const name = newPrefix();
    for (const place of [{ prefix: name }, { hash: name }, { prefix: `${name}a`, revision: true }]) {
      const backend = redis(server.url, place);
      for (const value of [one, two, two]) assertEquals(await backend.write("key", value), true);
      assertEquals(await backend.write("key", one, { condition: "absent" }), false);
      assert(await backend.write("new", one, { condition: "absent" }));
      const { version = "" } = (await backend.read("key", { details: true }))!;
      const written = await backend.write("key", one, { condition: { version }, expiresAt: Date.now() + 60_000 });
      assertEquals(written, (await backend.read("key", { details: true }))!.version);
      assertEquals(await backend.write("key", two, { condition: { version } }), false);
      await backend.close!();
    }
  });

  test("a write on a condition whose lifetime the server's clock has passed has happened, and is not tried for ever", async () => {
    const now = () => Date.now() - 60_000;
    for (const place of [{ prefix: newPrefix() }, { prefix: newPrefix(), revision: true }, { hash: newPrefix() }]) {
      const store = open<number>({ ...place, now });
      const { signal } = new AbortController();
      assertEquals(await store.add("new", 1, { ttl: 1000 }), true);
      let tries = 0;
      await store.update("key", () => ++tries < 5 ? tries : Promise.reject(new Error("again and again")), {
        ttl: 1000,
      });
      await store.set("old", 1);
      const { version } = (await store.entry("old"))!;
      assertEquals(await store.replace("old", 2, { version: version!, ttl: 1000, signal }), true);
    }
  });

  test("an empty version is none that an absent entry has", async () => {
    for (const place of [{ prefix: newPrefix() }, { hash: newPrefix() }]) {
      const store = open<number>(place);
      assertEquals([await store.replace("key", 1, { version: "" }), await store.has("key")], [false, false]);
    }
  });

  test("calls that are not awaited take effect in their order on a server that knows no script yet", async () => {
    await open<number>({ hash: newPrefix() }).set("key", 1, { ttl: 60_000 });
    const other = await startRedisServer();
    try {
      const store = open<number>({ hash: "h" }, other.url);
      for (let round = 0; round < 2; round++) {
        await Promise.all([store.set("key", 1, { ttl: 60_000 }), store.set("key", 2)]);
        assertEquals(await store.get("key"), 2);
        await other.kill();
        await other.start();
        for (let left = 500; left > 0 && await store.get("key").catch(() => true); left--) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }
    } finally {
      await other.stop();
    }
  });

  test("scripts that the server forgot are sent again", async () => {
    const store = open<number>({ prefix: newPrefix() });
    for (let round = 1; round <= 3; round++) {
      assertEquals(await store.update("key", (old = 0) => old + 1), round);
      await server.cli("SCRIPT", "FLUSH");
    }
  });

  test("a write of many is one command, with and without a lifetime (CT-24)", async () => {
    const store = open<number>({ prefix: newPrefix() });
    const entries = Array.from({ length: 100 }, (_, index) => [`${index}`, index] as const);
    await store.setMany(entries, { ttl: 1000 });
    await commandCounts();
    await store.setMany(entries);
    await store.setMany(entries, { ttl: 1000 });
    const { mset, eval: evaluated = 0, evalsha = 0, set, multi } = await commandCounts();
    assertEquals([mset, evaluated + evalsha, set, multi], [1, 1, 100, undefined]);
  });

  test("a listing yields each key once while Redis moves its table, and never asks for KEYS", async () => {
    const prefix = newPrefix();
    const store = open<number>({ prefix });
    const keys = Array.from({ length: 5000 }, (_, index) => `${index}`);
    await store.setMany(keys.map((key) => [key, 1]));
    await commandCounts();
    const seen: string[] = [];
    for await (const key of store.keys()) {
      seen.push(key);
      if (seen.length % 1000 !== 1) continue;
      // Other entries come and go by the thousand, so that the table grows and shrinks.
      const others = Array.from({ length: 4000 }, (_, index) => [`x${seen.length}-${index}`, 1] as const);
      await store.setMany(others);
      if (seen.length % 2000 === 1) await store.deleteMany(others.map(([key]) => key));
    }
    assertEquals(new Set(seen).size, seen.length);
    assertEquals(seen.filter((key) => !key.startsWith("x")).toSorted(), keys.toSorted());
    await store.clear();
    const counts = await commandCounts();
    assertEquals([counts["keys"], counts["flushdb"], counts["flushall"], counts["del"]], Array(4).fill(undefined));
    assertEquals(await store.size, 0);
  });
});

describe("redis refusals", { skip }, () => {
  test("a read-only replica is read-only, and reads", async () => {
    const replica = await startRedisServer("--replicaof", "127.0.0.1", "1");
    try {
      for (const revision of [false, true]) {
        const store = open<number>({ prefix: "a:", revision }, replica.url);
        assertEquals(await store.get("key"), undefined);
        for (const call of [() => store.set("key", 1), () => store.setMany([["a", 1], ["b", 1]], { ttl: 1000 })]) {
          const error = await rejectsWith(call, "read-only");
          assertEquals(error.retryable, false);
        }
        await rejectsWith(() => store.delete("key"), revision ? "read-only" : "read-only");
      }
    } finally {
      await replica.stop();
    }
  });

  test("a server out of memory is unavailable to writes, nothing changes, and reads go on", async () => {
    for (const revision of [false, true]) {
      const store = open<number>({ prefix: newPrefix(), revision });
      await store.set("key", 1);
      await server.cli("CONFIG", "SET", "maxmemory", "1");
      try {
        const error = await rejectsWith(() => store.set("key", 2), "unavailable", "out of memory");
        assertEquals(error.retryable, true);
        await rejectsWith(() => store.setMany([["key", 2], ["new", 2]], { ttl: 1000 }), "unavailable", "out of memory");
        assertEquals([...await store.getMany(["key", "new"])], [["key", 1]]);
      } finally {
        await server.cli("CONFIG", "SET", "maxmemory", "0");
      }
      await store.set("key", 3);
      assertEquals(await store.get("key"), 3);
    }
  });

  test("a value beyond the limit of Redis is too large", async () => {
    await server.cli("CONFIG", "SET", "proto-max-bulk-len", "1048576");
    try {
      const store = open<string>({ prefix: newPrefix() });
      await store.set("key", "small");
      const error = await assertRejects(() => store.set("key", "x".repeat(2_000_000)), StoreError);
      // Redis ends the connection after it said so, and the client may hear only of the end.
      assert(["too-large", "unavailable"].includes(error.code), error.code);
      assertEquals(await store.get("key"), "small");
    } finally {
      await server.cli("CONFIG", "SET", "proto-max-bulk-len", "536870912");
    }
  });

  test("no password, a wrong one and a user who may not are denied, and no message tells one", async () => {
    const locked = await startRedisServer("--requirepass", "geheim");
    try {
      const url = (user: string) => locked.url.replace("//", `//${user}@`);
      const bad: [string, RedisOptions][] = [
        [locked.url, {}],
        [url(":falsch"), {}],
        [url("nobody:falsch"), {}],
        [locked.url, { password: "falsch" }],
        [url("default:geheim"), { username: "nobody", password: "falsch" }],
      ];
      for (const [place, options] of bad) {
        const error = await rejectsWith(() => open(options, place).get("key"), "denied");
        assert(
          !/geheim|falsch/.test(`${error.message} ${error.stack} ${(error.cause as Error).message}`),
          error.message,
        );
        assertEquals(error.retryable, false);
      }
      const good = open<number>({ password: "geheim" }, locked.url);
      await good.set("key", 1);
      assertEquals(await open<number>({}, url(":geheim")).get("key"), 1);
      assertEquals(await open<number>({}, url("default:geheim")).get("key"), 1);
    } finally {
      await locked.stop();
    }
    await server.cli("ACL", "SETUSER", "reader", "on", ">p@ss:/w?rd", "~*", "+@read");
    const reader = open<number>({}, server.url.replace("//", `//reader:${encodeURIComponent("p@ss:/w?rd")}@`));
    assertEquals(await reader.get("key"), undefined);
    await rejectsWith(() => reader.set("key", 1), "denied", '"key"');
  });

  test("a server that loads its data is unavailable until it has", async () => {
    const loading = await startRedisServer();
    try {
      const store = open<number>({ prefix: "a:" }, loading.url);
      await store.setMany(Array.from({ length: 300 }, (_, index) => [`${index}`, index]));
      await loading.cli("SAVE");
      await loading.kill();
      const slowly = ["--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024"];
      await loading.start("--appendonly", "no", ...slowly);
      let error: StoreError | undefined;
      let value: number | undefined;
      for (let left = 600; left > 0 && value === undefined; left--) {
        try {
          value = await store.get("7");
        } catch (failure) {
          error = failure as StoreError;
          assertEquals([error.code, error.retryable], ["unavailable", true]);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }
      assertEquals(value, 7);
      // Bun's own client waits until the server greets it, which is when it has loaded.
      if (RUNTIME !== "bun") assert(error?.message.includes("loading"), error?.message);
    } finally {
      await loading.stop();
    }
  });

  test("what the server quotes of a command is told to nobody", async () => {
    const reply = new ReplyError("ERR unknown command 'GETDEL', with args beginning with: 'key' 'secret' ");
    const error = await toFailure(reply, { store: "redis", operation: "read", key: "key" }) as StoreError;
    assertEquals([error.code, /secret/.test(`${error.message} ${reply.message}`)], ["unsupported", false]);
    const old = "ERR Error running script (call to f_1): @user_script:1: WRONGTYPE Operation against a key";
    const wrong = await toFailure(new ReplyError(old), { store: "redis", operation: "read" });
    assertEquals((wrong as StoreError).code, "corrupt");
  });
});

describe("redis addresses", { skip }, () => {
  test("a unix socket, a database by path or parameter, and open() lead to the same entries", async () => {
    const tcp = open<number>({ prefix: "road:" }, `${server.url}/3`);
    await tcp.set("key", 1);
    const urls = [`${server.url}?db=3`, `redis+unix://${server.socket}?db=3`, `redis+${server.url}/3`];
    for (const url of urls) assertEquals(await open<number>({ prefix: "road:" }, url).get("key"), 1);
    for (
      const place of [
        `redis+unix:${server.socket}?db=3&prefix=road:`,
        `${server.url}/3?prefix=road:&timeout=9000&ttl=1h`,
      ]
    ) {
      const store = await openPlace<number>(place);
      assertEquals(await store.get("key"), 1);
      await store.close();
    }
    const plain = { backend: "redis", arguments: { host: "127.0.0.1", port: server.port, db: 3 }, prefix: "road:" };
    const store = await openPlace<number>(plain);
    assertEquals(await store.get("key"), 1);
    await store.close();
    const unix = { backend: "redis+unix", arguments: { path: server.socket, db: 3 }, prefix: "road:" };
    const other = await openPlace<number>(unix);
    assertEquals(await other.get("key"), 1);
    await other.close();
  });

  test("names say where, and nothing secret", () => {
    assertEquals(nameOf(addressOf("redis://ada:geheim@db.example:7000/2")), "redis(db.example:7000/2)");
    assertEquals(nameOf(addressOf("rediss://[::1]")), "redis(::1:6379/0)");
    assertEquals(nameOf(addressOf(`redis+unix://${server.socket}`)), `redis(${basename(server.socket)}/0)`);
    assertEquals(addressOf("rediss://a%40b:p%3A@h").password, "p:");
  });

  test("what is no address, no option or no client is a TypeError that quotes nothing", () => {
    const places: unknown[] = [
      "localhost:geheim",
      "http://geheim@h",
      "redis://h/a",
      "redis://h?db=geheim",
      "redis+unix://geheim/x",
      "redis://h#geheim",
      "redis://%zz:geheim@h",
      "redis://geheim@h:99999",
      "",
      {},
      null,
      { get: () => {} },
    ];
    for (const place of places) {
      const error = assertThrows(() => redis(place as string), TypeError);
      assert(!error.message.includes("geheim"), error.message);
    }
    const options: unknown[] = [
      { prefix: 1 },
      { prefix: "\ud800" },
      { hash: "" },
      { hash: "a", prefix: "b" },
      { keyPrefix: "a" },
      { revision: 1 },
      { tls: {} },
    ];
    for (const option of options) assertThrows(() => redis("redis://h", option as RedisOptions), TypeError);
    for (const timeout of [0, -1, NaN, Infinity]) assertThrows(() => redis("redis://h", { timeout }), RangeError);
    for (const query of ["timeout=x", "revision=yes", "prefix=a", "other=1", "hash=a&hash=b"]) {
      assertThrows(() => redisFromUrl(new URL(`redis://h?${query}`)), TypeError);
    }
    assertThrows(() => redis({ send: () => Promise.resolve("") }, { password: "a" }), TypeError);
    assertEquals(redisFromUrl(new URL("redis://h/0?hash=settings&revision=true&timeout=5")).supports.revision, true);
  });
});

const OPENSSL = spawnSync("openssl", ["version"]).status === 0;

test("redis over TLS trusts the authority that it is told, and no other", {
  skip: skip || (OPENSSL ? false : "openssl not installed"),
}, async () => {
  await inTemporaryFolder(async (folder) => {
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
    assertEquals(spawnSync("openssl", [...made, ...names, "-keyout", key, "-out", certificate]).status, 0);
    const port = await freePort();
    const files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate];
    const secure = await startRedisServer("--tls-port", `${port}`, "--tls-auth-clients", "no", ...files);
    try {
      const url = `rediss://localhost:${port}/2`;
      const store = open<number>({ prefix: "tls:", tls: { ca: readFileSync(certificate, "utf8") } }, url);
      await store.set("key", 1);
      assertEquals(await store.update("key", (old = 0) => old + 1), 2);
      await rejectsWith(() => open({}, url).get("key"), "unavailable");
      await rejectsWith(() => open({}, `redis://localhost:${port}`).get("key"), "unavailable");
    } finally {
      await secure.stop();
    }
  });
});

describe("redis over a client of one's own", { skip }, () => {
  const clients: Record<string, () => Promise<[RedisClientLike, () => unknown]>> = {
    "node-redis": async () => {
      const client = createClient({ url: server.url });
      await client.connect();
      return [client as unknown as RedisClientLike, () => client.destroy()];
    },
    "ioredis": () => {
      const client = new Redis(server.port, "127.0.0.1");
      return Promise.resolve([client as unknown as RedisClientLike, () => client.disconnect()]);
    },
    "Bun": () => {
      const { Bun } = globalThis as unknown as {
        Bun: { RedisClient: new (url: string) => RedisClientLike & { close(): void } };
      };
      const client = new Bun.RedisClient(server.url);
      return Promise.resolve([client, () => client.close()]);
    },
  };
  for (const [name, make] of Object.entries(clients)) {
    const missing = name === "Bun" && RUNTIME !== "bun" ? "only Bun has it" : false;
    test(`${name} works and stays open`, { skip: missing }, async () => {
      const [client, end] = await make();
      for (const place of [{ prefix: newPrefix(), revision: true }, { prefix: newPrefix() }, { hash: newPrefix() }]) {
        const store = new Store<unknown>(redis(client, place));
        await store.setMany([["a", "1"], ["b", 2], ["c", null]]);
        assertEquals(await store.update("b", (old) => (old as number) + 1), 3);
        assertEquals(await Promise.all(["a", "b", "x", "c"].map((key) => store.get(key))), ["1", 3, undefined, null]);
        assertEquals([await store.take("a"), await store.delete("a"), await store.add("c", 1)], ["1", false, false]);
        assertEquals((await Array.fromAsync(store.keys())).toSorted(), ["b", "c"]);
        assertEquals(await store.touch("b", 1000), true);
        await store.close();
        await rejectsWith(() => store.get("b"), "closed");
      }
      await server.cli("RPUSH", "alist", "1");
      await rejectsWith(() => new Store(redis(client)).get("alist"), "corrupt");
      const keys = Array.from({ length: 200_000 }, (_, index) => `many${index}`);
      assertEquals((await new Store(redis(client)).getMany(keys)).size, 0);
      await server.cli("DEL", "alist");
      end();
      await rejectsWith(() => new Store(redis(client, { timeout: 2000 })).get("a"), "unavailable");
    });
  }
});

test("a client that throws, instead of answering that it failed, is no reason to wait or to end the process", async () => {
  const client: RedisClientLike = {
    send: () => {
      throw new Error("not today");
    },
  };
  const store = new Store(redis(client, { timeout: 60_000 }));
  const error = await rejectsWith(() => store.set("a", 1), "unavailable");
  assertEquals((error.cause as Error).message, "not today");
  await rejectsWith(() => store.get("a"), "unavailable");
  await store.close();
});

test("close() waits for calls, and of two stores on one backend each is closed", { skip }, async () => {
  for (const place of [{ prefix: newPrefix() }, { hash: newPrefix() }]) {
    const backend = redis(server.url, place);
    const [one, two] = [new Store<number>(backend), new Store<number>(backend)];
    const calls = [one.get("a"), one.get("b"), one.set("c", 1, { ttl: 60_000 })];
    await Promise.all([one.close(), two.close()]);
    assertEquals(await Promise.all(calls), [undefined, undefined, one]);
  }
});

test("close() leaves nothing that keeps a process alive", { skip }, async () => {
  const [executable, ...args] = scriptCommand(
    new URL("../support/redis_child.ts", import.meta.url),
    "once",
    server.url,
  );
  const child = spawn(executable, args, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => output += chunk);
  const code = await new Promise((resolve) => {
    const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
    child.on("close", (code) => resolve((clearTimeout(late), code)));
  });
  assertEquals([code, output.trim()], [0, "done"]);
});
