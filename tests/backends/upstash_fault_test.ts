/** The road over HTTP in trouble, and the traps of the vendor's client closed. */

import { spawn } from "node:child_process";
import process from "node:process";
import { after, before, beforeEach, describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Redis } from "@upstash/redis";
import { Redis as CloudflareRedis } from "@upstash/redis/cloudflare";
import { upstash, upstashFromUrl, type UpstashOptions } from "../../src/backends/upstash.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { open } from "../../src/open/open.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../support/fault_proxy.ts";
import { type LocalUpstash, startLocalUpstash } from "../support/local_upstash.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { RUNTIME, scriptCommand } from "../support/runtime.ts";

const skip = redisServerIsMissing() ?? false;
let redis: RedisServer;
let local: LocalUpstash;
let proxy: FaultProxy;

before(async () => {
  if (skip) return;
  redis = await startRedisServer();
  local = await startLocalUpstash(redis.url);
  proxy = await startFaultProxy(local.url);
});
after(async () => {
  if (skip) return;
  await proxy.stop();
  await local.stop();
  await redis.stop();
});
beforeEach(async () => {
  if (skip) return;
  proxy.reset();
  await redis.cli("FLUSHALL");
});

const make = (options: UpstashOptions = {}) =>
  new Store<string>(upstash({ url: proxy.endpoint, token: local.token }, options), { codec: text() });
const SECRET = "a value that nobody may see";

/** Everything that somebody who prints the error may see. */
function printed(error: unknown): string {
  if (!(error instanceof Error)) return `${error}`;
  return [error.message, JSON.stringify(error), error.cause === undefined ? "" : printed(error.cause)].join("\n");
}

async function rejectsWith(call: () => Promise<unknown>, code: StoreErrorCode): Promise<StoreError> {
  const error = await assertRejects(call, StoreError);
  assertEquals(error.code, code);
  const words = printed(error);
  assert(!words.includes(SECRET) && !words.includes(local.token) && !/\b(EVAL|EVALSHA|SET|GET)\b/.test(words), words);
  return error;
}

const answer = (status: number, body: string, headers = {}): Fault => ({ status, headers, body });

describe("upstash in trouble", { skip }, () => {
  const faults: readonly (readonly [title: string, fault: Fault, code: StoreErrorCode, isSentAgain: boolean])[] = [
    ["a connection that ends before", "cut", "unavailable", true],
    ["a connection that is cut after the command ran", "lose answer", "unavailable", true],
    ["half a body", "half", "unavailable", true],
    ["garbage", answer(200, "<html>hello</html>"), "unavailable", true],
    ["JSON that is no answer", answer(200, '{"hello":"world"}'), "unavailable", true],
    ["an empty body", answer(200, ""), "unavailable", true],
    ["too few answers", answer(200, "[]"), "unavailable", true],
    ["500 in HTML", answer(500, "<html>Internal Server Error</html>"), "unavailable", true],
    ["500 in JSON", answer(500, '{"error":"internal"}'), "unavailable", false],
    ["503 of the local server", answer(503, '{"error":"ERR Redis cannot be reached"}'), "unavailable", false],
    ["429", answer(429, '{"error":"ERR max daily request limit exceeded. Limit: 1, Usage: 1"}'), "unavailable", false],
    ["401", answer(401, '{"error":"WRONGPASS invalid or missing auth token"}'), "denied", false],
    ["401 in other words", answer(401, '{"error":"Unauthorized"}'), "denied", false],
    ["a token that may only read", answer(200, '[{"error":"NOPERM this user has no permissions"}]'), "denied", false],
    ["a request that is too large", answer(400, '{"error":"ERR max request size exceeded"}'), "too-large", false],
    ["a server that is out of memory", answer(200, '[{"error":"OOM command not allowed"}]'), "unavailable", false],
  ];
  for (const [title, fault, code, isSentAgain] of faults) {
    test(`${title}: ${code}, no wrong miss, no write twice, and then it goes on`, async () => {
      const store = make();
      await store.set("key", "old");
      // Deno sends some reads again by itself.
      proxy.reset(fault, fault, fault, fault);
      await rejectsWith(() => store.get("key"), code);
      if (isSentAgain) assert(proxy.asked.length >= 2, `${proxy.asked.length}`);
      else assertEquals(proxy.asked.length, 1);
      if (isSentAgain) {
        proxy.reset(fault);
        assertEquals(await store.get("key"), "old");
      }
      for (
        const write of [
          () => store.set("key", SECRET),
          () => store.add("other", SECRET),
          () => store.delete("key"),
          () => store.take("key"),
          () => store.setMany([["key", SECRET], ["other", SECRET]]),
          () => store.touch("key", 60_000),
        ]
      ) {
        proxy.reset(fault);
        await rejectsWith(write, code);
        assertEquals(proxy.asked.length, 1);
      }
      proxy.reset();
      await store.set("key", "new");
      assertEquals(await store.get("key"), "new");
    });
  }

  test("an update whose answer got lost is never counted twice", async () => {
    const store = new Store<number>(upstash({ url: proxy.endpoint, token: local.token }, { prefix: "n:" }));
    let acknowledged = 0;
    let unknown = 0;
    for (let index = 0; index < 60; index++) {
      proxy.reset(...index % 3 === 0 ? ["pass", index % 2 ? "lose answer" : "cut"] as const : []);
      await store.update("count", (count = 0) => count + 1).then(() => acknowledged++, () => unknown++);
    }
    proxy.reset();
    const count = (await store.get("count"))!;
    assert(unknown >= 10, `${unknown}`);
    assert(count >= acknowledged && count <= acknowledged + unknown, `${acknowledged} ${unknown} ${count}`);
  });

  test("a server that does not answer is a timeout, and a later call goes on", async () => {
    const store = make({ timeout: 500 });
    proxy.reset("hang");
    const begun = performance.now();
    await rejectsWith(() => store.set("key", SECRET), "timeout");
    assert(performance.now() - begun < 3000);
    await store.set("key", "value");
    assertEquals(await store.get("key"), "value");
  });

  test("a Redis that is paused is a timeout, one that is killed is unavailable, and both come back", async () => {
    const store = make({ timeout: 300 });
    await store.set("key", "value");
    redis.pause();
    try {
      await rejectsWith(() => store.get("key"), "timeout");
    } finally {
      redis.resume();
    }
    await redis.kill();
    await rejectsWith(() => store.get("key"), "unavailable");
    await redis.start();
    for (let left = 50; left > 0 && await store.get("key").catch(() => {}) === undefined; left--) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(await store.get("key"), "value");
  });

  test("an aborted signal rejects with its reason, before and while it is under way", async () => {
    const store = make();
    const reason = new Error("enough");
    await assertRejects(() => store.get("key", { signal: AbortSignal.abort(reason) }), Error, "enough");
    for (const call of ["get", "set", "delete", "take"] as const) {
      proxy.reset("hang");
      const controller = new AbortController();
      const options = { signal: controller.signal };
      const reply = call === "set" ? store.set("key", "value", options) : store[call]("key", options);
      for (let left = 2000; left > 0 && proxy.asked.length === 0; left--) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assertEquals(proxy.asked.length, 1);
      controller.abort(reason);
      assertEquals(await reply.catch((error: unknown) => error), reason);
    }
    assertEquals(await store.get("key"), undefined);
  });

  test("a list where a value should be is corrupt, alone and among others", async () => {
    const store = make();
    await redis.cli("RPUSH", "list", "a");
    await store.set("key", "value");
    await rejectsWith(() => store.get("list"), "corrupt");
    await rejectsWith(() => store.getMany(["key", "list"]), "corrupt");
    await rejectsWith(() => store.update("list", () => SECRET), "corrupt");
    const [first, second] = await Promise.allSettled([store.get("key"), store.get("list")]);
    assertEquals(first, { status: "fulfilled", value: "value" });
    assertEquals(second.status, "rejected");
  });
});

describe("upstash and the vendor's client", { skip }, () => {
  const values = [
    "123",
    "12345678901234567890",
    "1e3",
    "true",
    "null",
    "",
    "😀",
    "OK",
    "T0s=",
    '{"a":1}',
    '"',
    "\0\n",
    "\uFEFFmarked",
    "\uFFFD",
    "data:;base64,",
    " ",
  ];

  test("values and keys come back exactly, alone and together", async () => {
    const store = make({ prefix: "exact:" });
    await store.setMany(values.map((value) => [value, value]));
    for (const value of values) assertEquals(await store.get(value), value);
    assertEquals([...await store.getMany(values)], values.map((value) => [value, value]));
    assertEquals((await Array.fromAsync(store.keys())).sort(), [...values].sort());
    for (const value of values) assertEquals((await store.entry(value))?.value, value);
    for (const value of values) assertEquals(await store.take(value), value);
    assertEquals(await store.size, 0);
  });

  test("bytes come back exactly, and text is text for others", async () => {
    const store = new Store(upstash(local), { codec: bytes() });
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    await store.set("bytes", all);
    await store.set("text", new TextEncoder().encode("héllo"));
    assertEquals(await store.get("bytes"), all);
    assertEquals(await redis.cli("GET", "text"), "héllo");
  });

  test("a thousand reads of one turn are a handful of requests, writes as well, and order is kept", async () => {
    const store = make();
    const keys = Array.from({ length: 1000 }, (_, index) => `key${index}`);
    proxy.reset();
    await Promise.all(keys.map((key) => store.set(key, key)));
    assert(proxy.asked.length <= 3, `${proxy.asked.length}`);
    proxy.reset();
    assertEquals(await Promise.all(keys.map((key) => store.get(key))), keys);
    assert(proxy.asked.length <= 2, `${proxy.asked.length}`);
    proxy.reset();
    const replies = [store.get("key1"), store.set("key1", "a"), store.get("key1"), store.delete("key1")];
    const [, , , , last] = await Promise.all([...replies, store.get("key1")]);
    assertEquals([await replies[0], await replies[2], last], ["key1", "a", undefined]);
    assertEquals(proxy.asked.length, 1);
  });

  test("it tells nobody about the runtime, asks for no base64, and gives the sync token back", async () => {
    const store = make();
    await store.set("a", "1");
    await store.get("a");
    for (const { headers } of proxy.asked) {
      for (const name of Object.keys(headers)) assert(!/telemetry|upstash-encoding/.test(name), name);
    }
    assert(`${proxy.asked[1]!.headers["upstash-sync-token"]}`.length > 1);
  });

  test("it needs the network, on Deno no other permission, and leaves no handle open", async () => {
    const script = new URL("../support/upstash_child.ts", import.meta.url);
    const [executable, ...args] = RUNTIME === "deno"
      ? [process.execPath, "run", "--allow-net", "--no-prompt", "--no-check", "--quiet", fromFileUrl(script)]
      : scriptCommand(script);
    const child = spawn(executable, [...args, local.url, local.token], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output += chunk);
    const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
    assertEquals(await new Promise((resolve) => child.on("close", resolve)), 0, output);
    clearTimeout(late);
    assertEquals(output.trim(), "2 1");
  });

  const clients: Readonly<Record<string, () => Redis | CloudflareRedis>> = {
    "as it is made": () => new Redis({ url: proxy.endpoint, token: local.token }),
    "for Cloudflare": () => new CloudflareRedis({ url: proxy.endpoint, token: local.token }),
    "that retries, without batches": () =>
      new Redis({
        url: proxy.endpoint,
        token: local.token,
        retry: { retries: 3, backoff: () => 1 },
        enableAutoPipelining: false,
      }),
    "with a middleware": () => {
      const client = new Redis({ url: proxy.endpoint, token: local.token });
      client.use((request, next) => next(request));
      return client;
    },
  };
  for (const [title, client] of Object.entries(clients)) {
    test(`a client ${title} gives exact values, sends nothing twice and stays as it is`, async () => {
      const given = client();
      const store = new Store<string>(upstash(given, { prefix: "given:" }), { codec: text() });
      for (const value of values) {
        await store.set("key", value);
        assertEquals(await store.get("key"), value);
      }
      proxy.reset("lose answer");
      await rejectsWith(() => store.set("key", SECRET), "unavailable");
      assertEquals(proxy.asked.length, 1);
      await store.set("number", "1");
      assertEquals(await given.get("given:number"), 1);
      assertEquals(store.backend.name, `upstash(${new URL(proxy.endpoint).host})`);
      await store.close();
    });
  }
});

describe("upstash()", () => {
  const database = { url: "https://host.example", token: "token" };

  test("takes an environment, or a URL", async () => {
    const environment = {
      UPSTASH_REDIS_REST_URL: "https://host.example/",
      UPSTASH_REDIS_REST_TOKEN: "token",
      OTHER: "1",
    };
    const urls = ["upstash://:token@host.example", "upstash+https://default:token@host.example/?timeout=2000&hash=h"];
    const named = [upstash(database), upstash(environment), ...urls.map((url) => upstashFromUrl(new URL(url)))];
    for (const { name } of named) assertEquals(name, "upstash(host.example)");
    const store = await open("upstash+http://:token@localhost:8079?revision=true&hash=settings&codec=json");
    assertEquals([store.backend.name, store.backend.supports.revision], ["upstash(localhost:8079)", true]);
    await store.close();
  });

  test("refuses what it does not know, without telling a secret", () => {
    const wrong: readonly (readonly [call: () => unknown, message: string])[] = [
      [() => upstash(database, { prefx: "" } as never), "prefx"],
      [() => upstash({} as never), "address"],
      [() => upstash(undefined as never), "address"],
      [() => upstash({ url: "https://host.example" } as never), "token"],
      [() => upstash({ ...database, token: "secret\n" }), "token"],
      [() => upstash({ ...database, token: "" }), "token"],
      [() => upstash({ ...database, url: "redis://host.example" }), "address"],
      [() => upstash({ ...database, url: "https://:secret@host.example" }), "address"],
      [() => upstash({ ...database, url: "https://host.example?_token=secret" }), "address"],
      [() => upstash({ pipeline: () => ({}) }), "@upstash/redis"],
      [() => upstashFromUrl(new URL("upstash://:secret@host.example?prefx=a")), "prefx"],
      [() => upstashFromUrl(new URL("upstash://secret:secret@host.example")), "users"],
      [() => upstashFromUrl(new URL("upstash://:secret@host.example#secret")), "fragment"],
      [() => upstashFromUrl(new URL("upstash://:secret@host.example?timeout=1&timeout=2")), "twice"],
      [() => upstashFromUrl(new URL("upstash://:secret%zz@host.example")), "escaped"],
    ];
    for (const [call, message] of wrong) {
      const error = assertThrows(call, TypeError, message);
      assert(!error.message.includes("secret"), error.message);
    }
    for (const timeout of [0, -1, NaN, Infinity]) assertThrows(() => upstash(database, { timeout }), RangeError);
  });
});
