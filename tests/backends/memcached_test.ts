import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { memcached, memcachedFromUrl } from "../../src/backends/memcached.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import type { Supports } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { open as openUrl } from "../../src/open/open.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { askMemcached, memcachedIsMissing, type MemcachedServer, startMemcached } from "../support/memcached_server.ts";
import { scriptCommand } from "../support/runtime.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp_proxy.ts";

const skip = memcachedIsMissing() ?? false;
const SUPPORTS: Supports = {
  list: false,
  order: false,
  ttl: true,
  create: true,
  swap: true,
  stream: false,
  revision: false,
};

let server: MemcachedServer;
let second: MemcachedServer;
before(async () => {
  if (skip) return;
  [server, second] = await Promise.all([startMemcached(), startMemcached()]);
});
after(async () => {
  if (!skip) await Promise.all([server.stop(), second.stop()]);
});

describe("memcached keeps the laws of stores (DP-M)", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        make: async (clock) => {
          const open = () => memcached(server.address, { now: clock.now });
          const broom = open();
          await broom.clear!();
          await broom.close!();
          return { open };
        },
      }));
  }
});

describe("memcached keeps the laws of stores on two servers, below a generation", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        make: async (clock) => {
          const open = () => memcached([server.address, second.address], { now: clock.now, clearable: [""] });
          const broom = open();
          await broom.clear!();
          await broom.close!();
          return { open };
        },
      }));
  }
});

async function rejectsWith(call: () => Promise<unknown>, code: StoreErrorCode, text = ""): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, text);
  assertEquals(error.code, code);
  return error;
}

/** Tries until it succeeds; a connection that failed is not tried again at once. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 100;; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const DAY = 86_400_000;
const ask = (command: string) => askMemcached(server.port, command);
const connected = <V = unknown>(address: string | readonly string[] = server.address, options = {}) =>
  new Store<V>(memcached(address, options));

describe("memcached()", { skip }, () => {
  test("keeps plain JSON that every client reads, and reads what others wrote", async () => {
    const store = connected();
    await store.set("plain", { a: 1 });
    assertEquals(await ask("get plain\r\n"), 'VALUE plain 0 7\r\n{"a":1}\r\nEND\r\n');
    await ask("set foreign 5 0 2\r\n42\r\n");
    assertEquals(await store.get("foreign"), 42);
    assertEquals(await store.has("foreign"), true);
    assertEquals(await store.delete("foreign"), true);
    await store.close();
  });

  test("keeps bytes of every kind", async () => {
    const store = new Store(memcached(server.address), { codec: bytes() });
    const values = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, index) => index),
      new TextEncoder().encode("a\r\nEN\r\nVA 3\r\n"),
      // What a frame begins with.
      new Uint8Array([0xee, 0x4d, 0xff]),
      Uint8Array.from({ length: 300_000 }, (_, index) => index * 7),
    ];
    await store.setMany(values.map((value, index) => [`bytes${index}`, value]));
    for (const [index, value] of values.entries()) assertEquals(await store.get(`bytes${index}`), value);
    await store.close();
  });

  test("gives each value memory of its own", async () => {
    const store = new Store(memcached(server.address), { codec: bytes() });
    await store.set("own", new Uint8Array(10));
    const value = await store.get("own");
    assertEquals(value!.buffer.byteLength, 10);
    await store.close();
  });

  test("keeps keys of up to 250 bytes as they are and hashes the others", async () => {
    const store = connected<number>();
    const plain = ["k".repeat(250), "é".repeat(125), "a/b?c=d&e", "中".repeat(83)];
    const hashed = [
      "k".repeat(251),
      "é".repeat(125) + "k",
      "a b",
      "a\nb",
      "",
      "\u0000",
      "\u007f",
      "sha256:1",
      "gen:1:a",
      "generation:",
    ];
    await store.setMany([...plain, ...hashed].map((key, index) => [key, index]));
    for (const [index, key] of [...plain, ...hashed].entries()) assertEquals(await store.get(key), index, key);
    for (const key of plain) assert((await ask(`mg ${key}\r\n`)).startsWith("HD"), key);
    for (const key of ["a/b?c=d&e2", "sha256:1", "gen:1:a"]) {
      assertEquals(await ask(`mg ${key}\r\n`), "EN\r\n");
    }
    await store.close();
  });

  test("does not take the hash of a key for the key", async () => {
    const store = connected<string>();
    await store.set("two words", "secret");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("key:two words")));
    const hash = "sha256:" + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    assert((await ask(`mg ${hash}\r\n`)).startsWith("HD"));
    assertEquals(await store.get(hash), undefined);
    await store.set(hash, "twin");
    assertEquals(await store.get("two words"), "secret");
    // The place of the hash holds the entry of another key.
    await ask(`ms ${hash} 2\r\n"x\r\n`);
    assertEquals(await store.get("two words"), undefined);
    assertEquals(await store.add("two words", "new", { signal: AbortSignal.timeout(5000) }), true);
    assertEquals(await store.get("two words"), "new");
    await store.close();
  });

  for (
    const [title, ttl, seconds] of [
      ["a second", 1000, 2],
      ["30 days less 2 s", 30 * DAY - 2000, 30 * 86_400 - 1],
      ["30 days less 1 s", 30 * DAY - 1000, 30 * 86_400],
      ["30 days less 1 ms", 30 * DAY - 1, 30 * 86_400 + 1],
      ["30 days", 30 * DAY, 30 * 86_400 + 1],
      ["30 days and 1 ms", 30 * DAY + 1, 30 * 86_400 + 2],
      ["a year", 365 * DAY, 365 * 86_400 + 1],
      ["a century, which the server keeps for ever", 36_500 * DAY, -1],
    ] as const
  ) {
    test(`tells the server to keep a lifetime of ${title} (DP-MC expire time)`, async () => {
      const store = connected();
      await store.set("lives", 1, { ttl });
      const left = Number(/ t(-?\d+)/.exec(await ask("mg lives t\r\n"))?.[1]);
      // The server's clock stands on whole seconds of its own.
      assert(seconds === -1 ? left === -1 : Math.abs(left - seconds) <= 2, `${left}`);
      assertEquals(await store.get("lives"), 1);
      await store.close();
    });
  }

  test("ends a lifetime by the stamp in the value, also after the server's own 31 bits", async () => {
    const clock = new FakeClock();
    const store = connected(server.address, { now: clock.now });
    await store.set("century", 1, { ttl: 36_500 * DAY });
    clock.advance(36_500 * DAY - 1);
    assertEquals(await store.has("century"), true);
    clock.advance(1);
    assertEquals(await store.has("century"), false);
    assertEquals(await store.get("century"), undefined);
    await store.close();
  });

  test("moves no value for has()", async () => {
    const proxy = await startTcpProxy(server.port);
    const store = connected(proxy.address);
    await store.set("has", 1, { ttl: 60_000 });
    proxy.sent.length = 0;
    assertEquals(await store.has("has"), true);
    assertEquals(proxy.sent, ["mg has f\r\n"]);
    await store.close();
    await proxy.stop();
  });

  test("asks each of several servers for many keys in one write (DP-B10)", async () => {
    const proxies = [await startTcpProxy(server.port), await startTcpProxy(second.port)];
    const store = connected<number>(proxies.map((proxy) => proxy.address));
    const keys = Array.from({ length: 200 }, (_, index) => `many${index}`);
    await store.setMany(keys.map((key, index) => [key, index]));
    for (const proxy of proxies) proxy.sent.length = 0;
    assertEquals((await store.getMany(keys)).size, 200);
    assertEquals(proxies.map(({ sent }) => sent.length), [1, 1]);
    const asked = proxies.map(({ sent }) => sent[0]!.split("\r\n").length - 1);
    assertEquals(asked[0]! + asked[1]!, 200);
    assert(asked[0]! > 50 && asked[1]! > 50, `${asked}`);
    for (const proxy of proxies) proxy.sent.length = 0;
    await store.setMany(keys.map((key, index) => [key, index]));
    assertEquals(await store.deleteMany(keys), 200);
    assertEquals(proxies.map(({ sent }) => sent.length), [2, 2]);
    await store.close();
    for (const proxy of proxies) await proxy.stop();
  });

  test("counts up in several processes without losing a step", async () => {
    const store = connected<number>();
    await store.set("counter", 0);
    const children = Array.from({ length: 2 }, () => {
      const [command, ...args] = scriptCommand(
        new URL("../support/memcached_child.ts", import.meta.url),
        server.address,
        "counter",
        "100",
      );
      const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
      return new Promise<number | null>((resolve) => child.once("exit", resolve));
    });
    assertEquals(await Promise.all(children), [0, 0]);
    assertEquals(await store.get("counter"), 200);
    await store.close();
  });

  test("locks by add() and unlocks by version, so that nobody takes away the lock of the next (DP-M01, DP-M06)", async () => {
    const [one, two] = [connected<string>(), connected<string>()];
    await one.delete("lock");
    assertEquals(await one.add("lock", "one", { ttl: 60_000 }), true);
    assertEquals(await two.add("lock", "two", { ttl: 60_000 }), false);
    const version = (await one.entry("lock"))!.version!;
    assertEquals(await one.backend.remove("lock", { condition: { version } }), true);
    assertEquals(await two.add("lock", "two", { ttl: 60_000 }), true);
    assertEquals(await one.backend.remove("lock", { condition: { version } }), false);
    assertEquals(await two.get("lock"), "two");
    await one.close();
    await two.close();
  });
});

describe("memcached() and the size of items", { skip }, () => {
  test("believes the server's own word for how large they may be", async () => {
    const large = await startMemcached({ args: ["-I", "2m"] });
    const store = new Store(memcached(large.address), { codec: bytes() });
    await store.set("key", new Uint8Array(1_500_000).fill(1));
    assertEquals((await store.get("key"))!.length, 1_500_000);
    await rejectsWith(() => store.set("key", new Uint8Array(2_097_152)), "too-large", "2097152 bytes");
    assertEquals((await store.get("key"))!.length, 1_500_000);
    await store.close();
    await large.stop();
  });

  test("refuses what the server would not keep, to the byte, and leaves the old value", async () => {
    const store = new Store(memcached(server.address), { codec: bytes() });
    await store.set("key", new Uint8Array(1));
    let [fits, tooLarge] = [1_048_000, 1_049_000];
    while (tooLarge - fits > 1) {
      const size = (fits + tooLarge) >> 1;
      const isKept = await store.set("key", new Uint8Array(size)).then(() => true, () => false);
      if (isKept) fits = size;
      else tooLarge = size;
      assertEquals((await store.get("key"))!.length, fits === 1_048_000 ? 1 : fits);
    }
    const error = await rejectsWith(() => store.set("key", new Uint8Array(tooLarge)), "too-large", "1048576 bytes");
    assertFalse(error.retryable);
    await rejectsWith(() => store.setMany([["a", new Uint8Array(1)], ["key", new Uint8Array(tooLarge)]]), "too-large");
    assertEquals(await store.get("a"), undefined);
    await store.setMany([["key", new Uint8Array(fits)]]);
    await rejectsWith(
      () => store.setMany([["a", new Uint8Array(1)], ["k".repeat(tooLarge), new Uint8Array(1)]]),
      "too-large",
    );
    assertEquals(await store.get("a"), undefined);
    const said = await ask(`ms key ${tooLarge} F4000000000\r\n${"x".repeat(tooLarge)}\r\n`);
    assertEquals(said, "SERVER_ERROR object too large for cache\r\n");
    await store.close();
  });
});

describe("memcached() and clear()", { skip }, () => {
  test("drops a declared prefix and nothing else, at once for all who use it", async () => {
    const options = { clearable: ["pages/"] };
    const [one, two] = [connected<number>(server.address, options), connected<number>(server.address, options)];
    await one.setMany([["pages/a", 1], ["pages/b c", 2], ["other", 3]]);
    assertEquals([...(await two.getMany(["pages/a", "pages/b c", "other"])).values()], [1, 2, 3]);
    await one.clear({ prefix: "pages/" });
    assertEquals([...await two.getMany(["pages/a", "pages/b c", "other"])], [["other", 3]]);
    assertEquals(await two.add("pages/a", 4), true);
    assertEquals(await one.get("pages/a"), 4);
    await rejectsWith(() => one.clear({ prefix: "oth" }), "unsupported");
    assertEquals(await one.get("other"), 3);
    await one.close();
    await two.close();
  });

  test("asks for the generation together with the key", async () => {
    const proxy = await startTcpProxy(server.port);
    const store = connected<number>(proxy.address, { clearable: [""] });
    await store.set("key", 1);
    proxy.sent.length = 0;
    assertEquals([...await store.getMany(["key", "absent"])], [["key", 1]]);
    assertEquals(proxy.sent.length, 1);
    assertEquals(proxy.sent[0]!.match(/^mg generation: v\r$/gm)!.length, 1);
    await store.close();
    await proxy.stop();
  });

  test("does not bring back what was cleared when a generation was evicted", async () => {
    const options = { clearable: ["g/"] };
    const store = connected<number>(server.address, options);
    await store.set("g/a", 1);
    await ask("md generation:g/\r\n");
    assertEquals(await store.get("g/a"), undefined);
    await store.set("g/a", 2);
    await store.clear({ prefix: "g/" });
    await ask("md generation:g/\r\n");
    assertEquals(await connected(server.address, options).get("g/a"), undefined);
    assertEquals(await store.get("g/a"), undefined);
    await store.close();
  });

  test("clears a room that a prefix makes", async () => {
    const backend = memcached(server.address, { clearable: ["v1/"] });
    const [room, all] = [new Store<number>(prefixed(backend, "v1/")), new Store<number>(backend)];
    await room.set("a", 1);
    await all.set("b", 2);
    await room.clear();
    assertEquals([await room.get("a"), await all.get("b")], [undefined, 2]);
    await all.close();
  });

  test("keeps nested prefixes apart, in whatever order they are given", async () => {
    const store = connected<number>(server.address, { clearable: ["n/", "n/m/"] });
    await store.setMany([["n/a", 1], ["n/m/b", 2]]);
    await store.clear({ prefix: "n/m/" });
    assertEquals([...await store.getMany(["n/a", "n/m/b"])], [["n/a", 1]]);
    await store.set("n/m/b", 3);
    const other = connected<number>(server.address, { clearable: ["n/m/", "n/"] });
    assertEquals(await other.get("n/m/b"), 3);
    await other.close();
    await store.clear({ prefix: "n/" });
    assertEquals((await store.getMany(["n/a", "n/m/b"])).size, 0);
    await store.close();
  });
});

describe("memcached() and outages", { skip }, () => {
  let own: MemcachedServer;
  let proxy: TcpProxy;
  before(async () => {
    own = await startMemcached();
    proxy = await startTcpProxy(own.port);
  });
  beforeEach(() => {
    own.resume();
    proxy.fault = "pass";
  });
  after(async () => {
    await proxy.stop();
    await own.stop();
  });

  test("a server that is not there is an error, not a miss, and the others still answer", async () => {
    const store = connected<number>([server.address, own.address], { timeout: 500 });
    const keys = Array.from({ length: 40 }, (_, index) => `dead${index}`);
    await store.setMany(keys.map((key, index) => [key, index]));
    await own.kill();
    const answers = await Promise.all(keys.map((key) => store.get(key).catch((error: StoreError) => error.code)));
    const lost = answers.filter((answer) => answer === "unavailable").length;
    assert(lost > 5 && lost < 35, `${lost} of 40 are on the dead one`);
    assertEquals(answers.map((answer, index) => answer === index || answer === "unavailable"), keys.map(() => true));
    const error = await rejectsWith(() => store.getMany(keys), "unavailable");
    assert(error.retryable);
    for (
      const call of [
        () => store.setMany(keys.map((key) => [key, 1])),
        () => store.deleteMany(keys),
        () => store.clear(),
      ]
    ) {
      await rejectsWith(call, "unavailable");
    }
    await own.start();
    await eventually(() => store.setMany(keys.map((key, index) => [key, index])));
    assertEquals((await store.getMany(keys)).size, 40);
    await store.close();
  });

  test("a server that stands still is a timeout inside its deadline, for every call", async () => {
    const store = connected<number>(own.address, { timeout: 200, clearable: ["c/"] });
    const fresh = connected<number>(own.address, { timeout: 200 });
    await store.set("key", 1);
    await own.pause();
    const start = performance.now();
    const calls = [
      () => store.get("key"),
      () => fresh.get("key"),
      () => store.set("key", 2),
      () => store.has("key"),
      () => store.delete("key"),
      () => store.add("key", 2),
      () => store.take("key"),
      () => store.touch("key", 1000),
      () => store.getMany(["key", "c/a"]),
      () => store.clear({ prefix: "c/" }),
      () => store.clear(),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, StoreError);
      assert(error.code === "timeout" || error.code === "unavailable", error.message);
    }
    const took = performance.now() - start;
    assert(took < 200 * calls.length + 1000, `${took} ms`);
    own.resume();
    await eventually(() => store.set("key", 3));
    assertEquals(await eventually(() => fresh.get("key")), 3);
    await store.close();
    await fresh.close();
  });

  test("a slow server keeps the others from nothing", async () => {
    const store = connected<number>([server.address, own.address], { timeout: 300 });
    const keys = Array.from({ length: 40 }, (_, index) => `slow${index}`);
    await store.setMany(keys.map((key, index) => [key, index]));
    await own.pause();
    let first: number | undefined;
    const start = performance.now();
    const answers = await Promise.all(keys.map(async (key) => {
      const answer = await store.get(key).catch((error: StoreError) => error.code);
      if (typeof answer === "number") first ??= performance.now() - start;
      return answer;
    }));
    own.resume();
    const kinds = new Set(answers.map((answer) => typeof answer === "number" ? "value" : answer));
    assert(kinds.has("timeout") && kinds.has("value"), [...kinds].join());
    assert(first! < 250, `${first} ms`);
    await store.close();
  });

  test("a write whose answer was lost is an error, and was sent once", async () => {
    const store = connected<number>(proxy.address);
    await store.set("lost", 1);
    proxy.sent.length = 0;
    proxy.fault = "lose answer";
    const error = await rejectsWith(() => store.set("lost", 2), "unavailable");
    assert(error.retryable);
    proxy.fault = "pass";
    assertEquals(proxy.sent.filter((text) => text.startsWith("ms lost")).length, 1);
    assertEquals(await eventually(() => store.get("lost")), 2);
    await store.close();
  });

  test("an answer that no memory holds is an error", async () => {
    const strange = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.write("VA 99999999999999999999\r\n"));
    });
    await new Promise<void>((resolve) => strange.listen(0, "127.0.0.1", resolve));
    const store = connected(`127.0.0.1:${(strange.address() as { port: number }).port}`);
    await rejectsWith(() => store.get("key"), "unavailable");
    await store.close();
    await new Promise((resolve) => strange.close(resolve));
  });

  test("a server that takes its time with every word is given up within the time of one command", async () => {
    const timeout = 600;
    let said = "";
    const slow = createServer((socket) => {
      const answers = ["MN\r\n", "END\r\nEND\r\n", "EN\r\n"];
      socket.on("error", () => {});
      socket.on("data", () =>
        setTimeout(() => {
          const answer = answers.shift() ?? "";
          said += answer;
          socket.write(answer);
        }, timeout * 0.7));
    });
    await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
    const store = connected(`127.0.0.1:${(slow.address() as { port: number }).port}`, { timeout });
    try {
      await rejectsWith(() => store.get("key"), "timeout");
      assertEquals(said, "MN\r\n");
    } finally {
      await store.close();
      await new Promise((resolve) => slow.close(resolve));
    }
  });

  test("a connection that ended while nobody spoke is made anew at once", async () => {
    const store = connected<number>(proxy.address);
    await store.set("idle", 1);
    proxy.cut();
    for (let left = 100; proxy.connections > 0 && left > 0; left--) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(await store.get("idle"), 1);
    await store.close();
  });

  test("while a server refuses connections it is asked less and less often, and all are told at once", async () => {
    proxy.fault = "refuse";
    proxy.connections = 0;
    const store = connected<number>(proxy.address, { timeout: 500 });
    const start = performance.now();
    while (performance.now() - start < 400) {
      await rejectsWith(() => store.get("key"), "unavailable");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert(proxy.connections >= 2 && proxy.connections < 15, `${proxy.connections} connections`);
    proxy.fault = "pass";
    await eventually(() => store.get("key"));
    await store.close();
  });

  test("an abort rejects with its reason at once, and the answer that comes later is nobody else's", async () => {
    const store = connected<number>(own.address);
    await store.setMany([["a", 1], ["b", 2]]);
    await own.pause();
    const controller = new AbortController();
    const aborted = store.get("a", { signal: controller.signal });
    const other = store.get("b");
    const reason = new Error("enough");
    controller.abort(reason);
    assertEquals(await assertRejects(() => aborted), reason);
    own.resume();
    assertEquals(await other, 2);
    await store.close();
  });

  test("an abort while connecting ends that call alone", async () => {
    await own.pause();
    const store = connected<number>(own.address);
    const controller = new AbortController();
    const aborted = store.get("a", { signal: controller.signal });
    const other = store.get("b");
    controller.abort();
    await assertRejects(() => aborted, DOMException);
    own.resume();
    assertEquals(await other, 2);
    await store.close();
  });

  test("a version from before the server's restart is never that of an entry after it", async () => {
    const store = connected<number>(own.address);
    await eventually(() => store.set("warm", 1));
    await own.kill();
    await own.start();
    // The numbers of a new server begin at 1.
    await eventually(() => store.set("key", 1));
    const before = (await store.entry("key"))!.version!;
    // Started in the same second a server with the same process id is the same one.
    let after = before;
    for (let tries = 0; after.split("/")[0] === before.split("/")[0]; tries++) {
      assert(tries < 100, "the versions do not tell one start from the next");
      await own.kill();
      await own.start();
      await eventually(() => store.set("key", 2));
      after = (await store.entry("key"))!.version!;
    }
    assertEquals(before.split("/")[1], after.split("/")[1]);
    assertEquals(await store.replace("key", 3, { version: before }), false);
    assertEquals(await store.replace("key", 3, { version: after }), true);
    await store.close();
  });

  test("close() waits for what was asked and refuses what comes after", async () => {
    const store = connected<number>(own.address);
    await store.set("key", 1);
    const last = store.set("key", 2);
    await store.close();
    assertEquals(await last, store);
    const backend = memcached(own.address);
    await backend.close!();
    await rejectsWith(async () => await backend.read("key"), "closed");
    const again = connected<number>(own.address);
    assertEquals(await again.get("key"), 2);
    await again.close();
  });
});

describe("memcached() and logins (DP-MC username, password)", { skip }, () => {
  let guarded: MemcachedServer;
  before(async () => {
    guarded = await startMemcached({ login: "ada:se:cret" });
  });
  after(async () => await guarded.stop());

  test("logs in", async () => {
    const store = connected<number>(guarded.address, { username: "ada", password: "se:cret" });
    await store.set("key", 1);
    assertEquals(await store.get("key"), 1);
    await store.close();
    const url = `memcached://ada:se%3Acret@${guarded.address}`;
    const named = await openUrl<number>(url);
    assertEquals(await named.get("key"), 1);
    await named.close();
  });

  test("is denied with another password and without one, and no message holds it", async () => {
    for (const options of [{ username: "ada", password: "wrong" }, {}]) {
      const store = connected(guarded.address, options);
      const error = await rejectsWith(() => store.get("key"), "denied");
      assertFalse(error.message.includes("wrong"));
      assertFalse(error.retryable);
      await store.close();
    }
  });

  test("tells no password to a server that wants none", async () => {
    const store = connected(server.address, { username: "ada", password: "secret" });
    await store.set("key", 1);
    assertEquals(await store.get("auth"), undefined);
    await store.close();
  });
});

describe("memcached() and its options", () => {
  test("takes one server or several, in every form (DP-MC url)", async () => {
    const name = (servers: string | readonly string[]) => memcached(servers).name;
    assertEquals(name("localhost"), "memcached(localhost:11211)");
    assertEquals(name(["a", "b:1", "a"]), "memcached(a:11211, b:1)");
    assertEquals(name(["[::1]:5", "/run/m.sock"]), "memcached(::1:5, /run/m.sock)");
    const urlName = (url: string) => memcachedFromUrl(new URL(url)).name;
    assertEquals(urlName("memcached://a"), "memcached(a:11211)");
    assertEquals(urlName("memcached://ada:secret@a:5/?timeout=50"), "memcached(a:5)");
    assertEquals(urlName("memcached:a:5,b"), "memcached(a:5, b:11211)");
    assertEquals(urlName("memcached:/run/m.sock"), "memcached(/run/m.sock)");
    const store = await openUrl({ backend: "memcached", arguments: { servers: "a,b", timeout: 5 } });
    assertEquals(store.backend.name, "memcached(a:11211, b:11211)");
  });

  test("refuses what it does not know, and quotes no URL", () => {
    assertThrows(() => memcached("a", { time: 1 } as object), TypeError, '"time" is not one of its options');
    assertThrows(() => memcached([]), TypeError, "there is no server");
    for (const server of ["", "a b", "a:x", "a:0", "a:65536", "http://a", "u:p@a"]) {
      const error = assertThrows(() => memcached(server), TypeError, "a server is host");
      assertFalse(server !== "" && error.message.includes(server));
    }
    assertThrows(() => memcached("a", { timeout: 0 }), RangeError, "timeout");
    assertThrows(() => memcached("a", { username: "a" }), TypeError, "username and password");
    assertThrows(() => memcached("a", { clearable: "a" } as object), TypeError, "clearable");
    for (
      const url of ["memcached:", "memcached://a/path", "memcached://a#b", "memcached://a?x=1", "memcached://:p@a"]
    ) {
      assertThrows(() => memcachedFromUrl(new URL(url)), TypeError);
    }
  });
});
