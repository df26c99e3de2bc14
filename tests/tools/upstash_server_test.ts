/** The local Upstash over a real Redis: what the vendor documents, and the vendor's client as its judge. */

import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Redis } from "@upstash/redis";
import { type UpstashServer, upstashServer } from "../../src/tools/upstash_server.ts";
import { dial } from "../../src/tools/upstash_server/dial.ts";
import { type RedisServer, redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { serve, type Served } from "../support/serve.ts";

type Subscriber = ReturnType<Redis["subscribe"]>;

const skip = redisServerIsMissing() ?? false;
const token = "a token";
let redis: RedisServer;
let server: UpstashServer;
let served: Served;
let client: Redis;

before(async () => {
  if (skip) return;
  redis = await startRedisServer();
  server = upstashServer(redis.url, { token });
  served = await serve(server);
  client = new Redis({ url: served.endpoint, token, enableTelemetry: false });
});
after(async () => {
  if (skip) return;
  await served.stop();
  await server.close();
  await redis.stop();
});

type Answer = readonly [status: number, answer: unknown];

async function ask(
  path: string,
  { method = "GET", body, headers = {} }: {
    method?: string;
    body?: string | Uint8Array<ArrayBuffer>;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  const response = await fetch(`${served.endpoint}${path}`, {
    method,
    body: body ?? null,
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
  return [response.status, await response.json()];
}

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>) =>
  ask(path, { method: "POST", body, ...headers && { headers } });
const ok = (result: unknown): Answer => [200, { result }];

describe("upstashServer(): the protocol", { skip }, () => {
  test("a path is a command", async () => {
    assertEquals(await ask("/set/foo/bar"), ok("OK"));
    assertEquals(await ask("/get/foo"), ok("bar"));
    assertEquals(await ask("/GET/foo/"), ok("bar"));
    assertEquals(await ask("/set/foo/bar/EX/100"), ok("OK"));
    assertEquals(await ask("/ttl/foo"), ok(100));
    assertEquals(await ask("/mget/foo/none"), ok(["bar", null]));
    assertEquals(await ask("/get/none"), ok(null));
    assertEquals(await ask("/set/a%2Fb%20%E2%98%83/%F0%9F%98%80"), ok("OK"));
    assertEquals(await ask("/get/a%2Fb%20%E2%98%83"), ok("😀"));
  });

  test("a body stands behind the path, and the query behind the body", async () => {
    assertEquals(await post("/set/body", '{"a":1}'), ok("OK"));
    assertEquals(await ask("/get/body"), ok('{"a":1}'));
    assertEquals(await post("/set/body?EX=100", "with a lifetime"), ok("OK"));
    assertEquals(await ask("/ttl/body"), ok(100));
    assertEquals(await ask("/set/body", { method: "PUT", body: "by PUT" }), ok("OK"));
    assertEquals(await post(`/set/body?NX&_token=${encodeURIComponent(token)}`, "no"), ok(null));
    assertEquals(await ask("/get/body"), ok("by PUT"));
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    assertEquals(await post("/set/bytes", bytes), ok("OK"));
    assertEquals(await ask("/strlen/bytes"), ok(256));
    assertEquals(
      await ask("/get/bytes", { headers: { "upstash-encoding": "base64" } }),
      ok(btoa(String.fromCharCode(...bytes))),
    );
  });

  test("a body is a command in JSON, and integers keep their digits", async () => {
    assertEquals(await post("/", '["SET", "foo", "bar", "EX", 100]'), ok("OK"));
    assertEquals(await post("/", '["TTL", "foo"]'), ok(100));
    assertEquals(await post("/", '["SET", "big", 9007199254740993]'), ok("OK"));
    assertEquals(await post("/", '["GET", "big"]'), ok("9007199254740993"));
    assertEquals(await post("/", '["SET", "yes", true]'), ok("OK"));
    assertEquals(await post("/", '["GET", "yes"]'), ok("true"));
    const response = await fetch(`${served.endpoint}/incr/big`, { headers: { authorization: `Bearer ${token}` } });
    assertEquals(await response.text(), '{"result":9007199254740994}');
  });

  test("strings are base64 where that is asked for, but for OK", async () => {
    const headers = { "upstash-encoding": "base64" };
    assertEquals(await post("/", '["SET", "foo", "bar"]', headers), ok("OK"));
    assertEquals(await post("/", '["GET", "foo"]', headers), ok("YmFy"));
    assertEquals(await post("/", '["MGET", "foo", "none"]', headers), ok(["YmFy", null]));
    assertEquals(await post("/", '["TYPE", "foo"]', headers), ok(btoa("string")));
    assertEquals(await post("/", '["EVAL", "return {1, {\'x\'}}", 0]', headers), ok([1, ["eA=="]]));
    assertEquals(await post("/pipeline", '[["GET", "foo"], ["STRLEN", "foo"]]', headers), [200, [{ result: "YmFy" }, {
      result: 3,
    }]]);
  });

  test("without base64 what is no text becomes U+FFFD, and a byte order mark stays", async () => {
    await post("/set/odd", new Uint8Array([0x61, 0xff, 0x62]));
    assertEquals(await ask("/get/odd"), ok("a\uFFFDb"));
    await post("/set/odd", "\uFEFFmarked");
    assertEquals(await ask("/get/odd"), ok("\uFEFFmarked"));
  });

  test("a pipeline answers for each command, in order", async () => {
    const commands = [["SET", "key1", "valuex"], ["SETEX", "key2", 13, "valuez"], ["INCR", "key1"], ["GET", "key1"]];
    assertEquals(await post("/pipeline", JSON.stringify(commands)), [200, [
      { result: "OK" },
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { result: "valuex" },
    ]]);
  });

  test("a transaction is one step", async () => {
    await post("/", '["SET", "count", 0]');
    const commands = JSON.stringify(Array.from({ length: 20 }, () => ["INCR", "count"]));
    const answers = await Promise.all(Array.from({ length: 10 }, () => post("/multi-exec", commands)));
    for (const [, results] of answers) {
      const numbers = (results as { result: number }[]).map(({ result }) => result);
      assertEquals(numbers, numbers.map((_, index) => numbers[0]! + index));
    }
    assertEquals(await ask("/get/count"), ok("200"));
    assertEquals(await post("/multi-exec", '[["SET", "key1", "a"], ["INCR", "key1"], ["GET", "key1"]]'), [200, [
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { result: "a" },
    ]]);
  });

  test("a transaction with a command that is none does nothing", async () => {
    await post("/", '["SET", "kept", "yes"]');
    for (const bad of [["SET", "kept"], ["NOTHING"], ["BLPOP", "list", 0]]) {
      const [status, answer] = await post("/multi-exec", JSON.stringify([["SET", "kept", "no"], bad]));
      assertEquals(status, 400);
      assert((answer as { error: string }).error.startsWith("ERR "));
    }
    assertEquals(await ask("/get/kept"), ok("yes"));
  });

  test("what cannot be done is 400 with an error", async () => {
    await post("/", '["RPUSH", "list", "a"]');
    const wrong: readonly (readonly [body: string, error: string])[] = [
      ['["GET"]', "ERR wrong number of arguments for 'get' command"],
      ['["GET", "list"]', "WRONGTYPE Operation against a key holding the wrong kind of value"],
      ['["SUBSCRIBE", "a"]', "ERR Command is not available: 'SUBSCRIBE'"],
      ['["blpop", "list", 0]', "ERR Command is not available: 'BLPOP'"],
      ['["XREAD", "block", 0, "STREAMS", "s", "0"]', "ERR Command is not available: 'XREAD'"],
      ["[]", "ERR empty command"],
      ["", "ERR failed to parse request: it is not JSON"],
      ["[", "ERR failed to parse request: it is not JSON"],
      ["{}", "ERR failed to parse command: it is not an array"],
      ['["SET", "a", null]', "ERR failed to parse command: its parts are strings, numbers and booleans"],
    ];
    for (const [body, error] of wrong) assertEquals(await post("/", body), [400, { error }]);
    for (const place of ["/pipeline", "/multi-exec"]) {
      for (const body of ["[]", "{}", '["GET"]', '"x"', ""]) assertEquals((await post(place, body))[0], 400);
    }
    assertEquals((await ask("/%ff"))[0], 400);
    assertEquals((await ask("/get/a", { headers: { "upstash-response-format": "resp2" } }))[0], 400);
  });

  test("XREAD that does not block is allowed, whatever its streams are called", async () => {
    assertEquals(await post("/", '["XREAD", "STREAMS", "BLOCK", "0"]'), ok(null));
  });

  test("a token is a header or a parameter, and has to be right", async () => {
    const denied: Answer = [401, { error: "WRONGPASS invalid or missing auth token" }];
    for (const authorization of ["", "Bearer", "Bearer wrong", `Basic ${token}`, `Bearer ${token}x`]) {
      assertEquals(await ask("/get/foo", { headers: { authorization } }), denied);
    }
    assertEquals(await ask("/get/foo?_token=wrong", { headers: { authorization: "" } }), denied);
    const authorized = `/strlen/none?_token=${encodeURIComponent(token)}`;
    assertEquals(await ask(authorized, { headers: { authorization: "" } }), ok(0));
    assertEquals(await ask("/get/foo", { method: "DELETE" }), [405, { error: "ERR Method not allowed" }]);
  });

  test("each answer has a sync token of its own, and Redis that is gone is 503", async () => {
    const send = ([name]: readonly unknown[]) => Promise.reject(new Error(`connect to ${name}: refused`));
    const broken = upstashServer({ send }, { token });
    const request = () => broken(new Request(`http://localhost/get/a?_token=${encodeURIComponent(token)}`));
    const answers = [await request(), await request()];
    assertEquals(answers.map(({ status }) => status), [503, 503]);
    assertEquals(new Set(answers.map(({ headers }) => headers.get("upstash-sync-token"))).size, 2);
    assertEquals(await answers[0]!.json(), { error: "ERR Redis cannot be reached" });
    await broken.close();
  });

  test("a connection that does not come about is no reason not to close", async () => {
    const connection = dial("redis://127.0.0.1:1");
    const failed = assertRejects(() => connection.send(["PING"]));
    await connection.close!();
    await failed;
  });

  test("options are checked", () => {
    const redis = { send: () => Promise.resolve(null) };
    assertThrows(() => upstashServer(redis, { token: "" }), TypeError, "token");
    assertThrows(() => upstashServer(redis, { tokn: "" } as never), TypeError, "tokn");
  });
});

describe("upstashServer(): the vendor's client", { skip }, () => {
  test("values, numbers, lists, hashes and misses come back", async () => {
    const values = ["", "text", "123", "true", "null", "😀", "a\nb\0c", { deep: [1, { a: null }] }, [1, "2"], 1.5];
    const raw = new Redis({ url: served.endpoint, token, automaticDeserialization: false, enableTelemetry: false });
    for (const [index, value] of values.entries()) {
      await client.set(`value${index}`, value);
      const text = typeof value === "string" ? value : JSON.stringify(value);
      assertEquals(await raw.get(`value${index}`), text);
    }
    assertEquals(await client.get("value7"), { deep: [1, { a: null }] });
    assertEquals(await client.mget("value1", "absent", "value7"), ["text", null, { deep: [1, { a: null }] }]);
    assertEquals(await client.hset("hash", { a: 1, b: "two" }), 2);
    assertEquals(await client.hgetall("hash"), { a: 1, b: "two" });
    assertEquals(await client.rpush("row", "a", "b", "c"), 3);
    assertEquals(await client.lrange("row", 0, -1), ["a", "b", "c"]);
    assertEquals(await client.zadd("scores", { score: 1, member: "one" }, { score: 2, member: "two" }), 2);
    assertEquals(await client.zrange("scores", 0, -1, { withScores: true }), ["one", 1, "two", 2]);
    assertEquals(await client.get("absent"), null);
    assertEquals(await client.exec(["SET", "word", "OK"]), "OK");
    assertEquals(await client.get("word"), "OK");
    assertEquals(await client.mget("word", "word"), ["OK", "OK"]);
  });

  test("options of commands arrive", async () => {
    assertEquals(await client.set("life", "x", { px: 60_000, nx: true }), "OK");
    assertEquals(await client.set("life", "y", { nx: true }), null);
    assert(await client.pttl("life") > 50_000);
    assertEquals(await client.set("life", "z", { xx: true, get: true, keepTtl: true }), "x");
    assertEquals(await client.getdel("life"), "z");
    assertEquals(await client.exists("life"), 0);
  });

  test("scripts run, and one that is not there yet is sent", async () => {
    const script = client.createScript<[string, string, number]>("return { KEYS[1], ARGV[1], #ARGV }");
    assertEquals(await script.exec(["key"], ["one", "two"]), ["key", "one", 2]);
    assertEquals(await script.exec(["key"], ["one"]), ["key", "one", 1]);
    assertEquals(await client.eval("return redis.call('GET', KEYS[1])", ["absent"], []), null);
  });

  test("SCAN finds every key", async () => {
    const keys = Array.from({ length: 500 }, (_, index) => `scan:${index}`);
    const pipeline = client.pipeline();
    for (const key of keys) pipeline.set(key, "");
    await pipeline.exec();
    const found = new Set<string>();
    let cursor = "0";
    do {
      const [next, page] = await client.scan(cursor, { match: "scan:*", count: 100 });
      for (const key of page) found.add(key);
      cursor = next;
    } while (cursor !== "0");
    assertEquals(found.size, 500);
  });

  test("pipelines, automatic ones too, and transactions answer in order", async () => {
    assertEquals(await client.pipeline().set("p", 1).incr("p").get("p").exec(), ["OK", 2, 2]);
    assertEquals(await client.multi().set("m", 1).incrby("m", 5).get("m").exec(), ["OK", 6, 6]);
    assertEquals(await Promise.all([client.echo("a"), client.echo("b"), client.ping()]), ["a", "b", "PONG"]);
    await assertRejects(() => client.pipeline().set("p", "x").incr("p").exec(), Error, "not an integer");
    await assertRejects(() => client.incr("p"), Error, "not an integer");
  });

  test("a wrong token is an error in words of Redis", async () => {
    const stranger = new Redis({ url: served.endpoint, token: "wrong", enableTelemetry: false });
    await assertRejects(() => stranger.exec(["GET", "a"]), Error, "WRONGPASS");
  });

  test("the sync token of an answer comes with the next request", async () => {
    const seen: (string | null)[] = [];
    const watched = await serve((request) => {
      seen.push(request.headers.get("upstash-sync-token"));
      return server(request);
    });
    try {
      const other = new Redis({ url: watched.endpoint, token, enableTelemetry: false, enableAutoPipelining: false });
      await other.set("a", 1);
      await other.get("a");
      assertEquals(seen[0], "");
      assert(/\d$/.test(`${seen[1]}`), `${seen[1]}`);
    } finally {
      await watched.stop();
    }
  });

  const confirmed = (subscriber: Subscriber, kind: "subscribe" | "psubscribe") =>
    new Promise<void>((resolve) => subscriber.on(kind as "subscribe", () => resolve()));
  const ended = async (subscriber: Subscriber) => {
    await subscriber.unsubscribe();
    for (let left = 200; left > 0 && await client.publish("news 1", "gone") > 0; left--) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assertEquals(await client.publish("news 1", "gone"), 0);
  };

  test("subscribe() hears what is published, until it ends", async () => {
    const subscriber: Subscriber = client.subscribe("news 1");
    await confirmed(subscriber, "subscribe");
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const heard: unknown[] = [];
    subscriber.on("message", (message) => heard.push(message) === 3 && resolve(heard));
    const messages = ["hello, world", { a: 1 }, "☃"];
    for (const message of messages) assertEquals(await client.publish("news 1", message), 1);
    assertEquals(await promise, messages.map((message) => ({ channel: "news 1", message })));
    await ended(subscriber);
  });

  test("a subscription that is refused leaves no connection", async () => {
    await redis.cli("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "resetchannels");
    const deaf = upstashServer(redis.url.replace("//", "//deaf:pw@"), { token });
    const request = () => new Request(`http://h/subscribe/news?_token=${encodeURIComponent(token)}`);
    for (let left = 3; left > 0; left--) assertEquals((await deaf(request())).status, 400);
    await deaf.close();
    let left = 500;
    while (`${await redis.cli("CLIENT", "LIST")}`.includes("user=deaf") && left-- > 0) {
      await new Promise((next) => setTimeout(next, 10));
    }
    assert(left > 0, "a connection is open");
  });

  test("a subscription ends with its Redis, instead of being silent for ever", async () => {
    const other = await startRedisServer();
    const handler = upstashServer(other.url, { token });
    try {
      const { body } = await handler(new Request(`http://h/subscribe/news?_token=${encodeURIComponent(token)}`));
      const reader = body!.getReader();
      await reader.read();
      await other.kill();
      assertEquals((await reader.read()).done, true);
    } finally {
      await handler.close();
      await other.stop();
    }
  });

  test("psubscribe() hears what is published under a pattern", async () => {
    const subscriber: Subscriber = client.psubscribe("news*");
    await confirmed(subscriber, "psubscribe");
    const { promise, resolve } = Promise.withResolvers<unknown>();
    subscriber.on("pmessage" as "message", resolve);
    assertEquals(await client.publish("news 1", { a: 1 }), 1);
    assertEquals(await promise, { pattern: "news*", channel: "news 1", message: { a: 1 } });
    await ended(subscriber);
  });
});
