import { spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertFalse, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import zookeeperModule from "node-zookeeper-client";
import {
  zookeeper,
  type ZookeeperClient,
  zookeeperFromUrl,
  type ZookeeperOptions,
} from "../../src/backends/zookeeper.ts";
import { DurableMap } from "../../src/cache/durable_map.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import type { Supports } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { open as openUrl } from "../../src/open/open.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { scriptCommand } from "../support/runtime.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp_proxy.ts";
import { startZookeeper, zookeeperIsMissing, type ZookeeperServer } from "../support/zookeeper_server.ts";

const { ACL, createClient } = zookeeperModule;
const skip = zookeeperIsMissing() ?? false;
const SUPPORTS: Supports = {
  list: true,
  order: true,
  ttl: true,
  create: true,
  swap: true,
  stream: false,
  revision: true,
};

let server: ZookeeperServer;
let roots = 0;
before(async () => {
  if (!skip) server = await startZookeeper();
});
after(async () => {
  if (!skip) await server.stop();
});

describe("zookeeper keeps the laws of stores", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        make: (clock) => {
          const root = `/laws/${roots++}`;
          const opened: ReturnType<typeof zookeeper>[] = [];
          return {
            open: () => {
              const backend = zookeeper(`${server.address}${root}`, { now: clock.now, timeout: 20_000 });
              opened.push(backend);
              return backend;
            },
            dispose: async () => {
              for (const backend of opened) await backend.close!();
            },
          };
        },
      }));
  }
});

const TIMEOUT = 20_000;
const FOR_LONG = { ttl: { hours: 1 } };
const OPEN = ACL.OPEN_ACL_UNSAFE as unknown as readonly unknown[];

function connected<V = unknown>(root: string, options: ZookeeperOptions = {}, address = server.address): Store<V> {
  return new Store<V>(zookeeper(`${address}${root}`, { timeout: TIMEOUT, ...options }));
}

/** A client as another program has it. */
async function foreign<T>(use: (client: ForeignClient) => Promise<T>): Promise<T> {
  const client = createClient(server.address) as unknown as ZookeeperClient;
  await new Promise<void>((resolve) => {
    client.on("connected", resolve);
    client.connect();
  });
  const call = <A>(send: (done: (error: unknown, answer?: A) => void) => void) =>
    new Promise<A>((resolve, reject) => send((error, answer) => error ? reject(error) : resolve(answer as A)));
  try {
    return await use({
      set: (path, text) => call((done) => client.setData(path, Buffer.from(text), -1, done)),
      get: (path) => call<Uint8Array | null | undefined>((done) => client.getData(path, done)),
      create: (path, text) => call((done) => client.create(path, Buffer.from(text), OPEN, 0, done)),
      remove: (path) =>
        call((done) =>
          (client as unknown as { remove(path: string, done: (error: unknown) => void): void }).remove(path, done)
        ),
      readOnly: (path) =>
        call((done) =>
          (client as unknown as { setACL(path: string, acls: unknown, version: number, done: unknown): void })
            .setACL(path, ACL.READ_ACL_UNSAFE, -1, done)
        ),
    });
  } finally {
    client.close();
  }
}

interface ForeignClient {
  set(path: string, text: string): Promise<unknown>;
  get(path: string): Promise<Uint8Array | null | undefined>;
  create(path: string, text: string): Promise<unknown>;
  remove(path: string): Promise<unknown>;
  readOnly(path: string): Promise<unknown>;
}

async function rejectsWith(call: () => Promise<unknown>, ...codes: StoreErrorCode[]): Promise<StoreError> {
  const error = await assertRejects(call, StoreError);
  assert(codes.includes(error.code), error.message);
  return error;
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let left = 400; !await holds(); left--) {
    if (left === 0) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function runChild(...args: string[]): Promise<number | null> {
  const [command, ...rest] = scriptCommand(new URL("../support/zookeeper_child.ts", import.meta.url), ...args);
  const child = spawn(command, rest, { stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve) => child.once("exit", resolve));
}

/** What the client listens to. */
interface ClientWatches {
  getChildWatcherPaths(): string[];
  getDataWatcherPaths(): string[];
}

/** How many watches on data the server keeps. */
async function watches(): Promise<number> {
  return Number(/Total watches:(\d+)/.exec(await tell(server, "wchs"))?.[1]);
}

/** The sessions that a server knows. */
async function sessionsOf(server: ZookeeperServer): Promise<string[]> {
  const [, sessions = ""] = /^Session Sets[^]*?:\n([^]*?)^ephemeral nodes/m.exec(await tell(server, "dump")) ?? [];
  return sessions.match(/0x[0-9a-f]+/g) ?? [];
}

/** What a server says to a word of four letters. */
function tell({ port }: ZookeeperServer, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(word));
    socket.on("data", (bytes) => text += bytes);
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

describe("zookeeper()", { skip }, () => {
  test("keeps two paths apart (DD-60)", async () => {
    const [one, two] = [connected<number>("/apart/one"), connected<number>("/apart/two")];
    await one.set("key", 1);
    const before = await two.revision();
    assertEquals(await two.get("key"), undefined);
    await one.set("key", 2);
    assertEquals(await two.revision(), before);
    await one.clear();
    await two.set("key", 3);
    await one.clear();
    assertEquals(await two.get("key"), 3);
    await one.close();
    await two.close();
  });

  test("takes keys with slashes, one node each (DD-62)", async () => {
    const store = connected<number>("/slashes");
    await store.setMany([["a/b", 1], ["a", 2], ["a%2Fb", 3]]);
    assertEquals([...await store.getMany(["a/b", "a", "a%2Fb"])], [["a/b", 1], ["a", 2], ["a%2Fb", 3]]);
    await foreign(async (client) => assertEquals(`${await client.get("/slashes/a%2Fb")}`, "1"));
    await store.close();
  });

  test("speaks to nobody before the first call (DD-63)", async () => {
    const proxy = await startTcpProxy(server.port);
    const store = connected("/lazy", {}, proxy.address);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(proxy.connections, 0);
    assertEquals(await store.get("key"), undefined);
    await store.get("key");
    assertEquals(proxy.connections, 1);
    await store.close();
    await proxy.stop();
  });

  test("a change by another process is seen, and told at once (DD-61)", async () => {
    const store = connected<string>("/push");
    const map = await DurableMap.open(store);
    assertEquals(await map.get("key"), undefined);
    assertEquals(await runChild(`${server.address}/push`, "set", "key", "hello"), 0);
    await until(() => map.snapshot.get("key") === "hello", "the push");
    assertEquals(await map.get("key"), "hello");
    await map.close();
    await store.close();
  });

  test("sees what other programs write, and they what it writes", async () => {
    const store = connected<unknown>("/foreign");
    await store.set("flag", { on: true });
    let told = 0;
    const stop = await store.backend.watch!(() => told++);
    await foreign(async (client) => {
      assertEquals(`${await client.get("/foreign/flag")}`, '{"on":true}');
      const revisions = new Set([await store.revision()]);
      for (
        const change of [
          () => client.set("/foreign/flag", '{"on":false}'),
          () => client.create("/foreign/other", "1"),
          () => client.remove("/foreign/other"),
        ]
      ) {
        const before = told;
        await change();
        revisions.add(await store.revision());
        await until(() => told > before, "a call");
      }
      assertEquals(revisions.size, 4);
      await client.create("/foreign/%not a key", "1");
    });
    assertEquals(await Array.fromAsync(store), [["flag", { on: false }]]);
    await stop();
    await store.close();
  });

  test("counts up in several processes without losing a step", async () => {
    const children = [1, 2].map(() => runChild(`${server.address}/count`, "count", "counter", "50"));
    assertEquals(await Promise.all(children), [0, 0]);
    const store = connected<number>("/count");
    assertEquals(await store.get("counter"), 100);
    await store.close();
  });

  test("one of several holds a lock, also where it is removed and made again all the time (DP-M03)", async () => {
    const stores = [connected<number>("/lock"), connected<number>("/lock"), connected<number>("/lock")];
    let holders = 0;
    let most = 0;
    const work = async (store: Store<number>) => {
      for (let left = 15; left > 0; left--) {
        while (!await store.add("lock", 1)) await new Promise((resolve) => setTimeout(resolve, 1));
        most = Math.max(most, ++holders);
        const version = (await store.entry("lock"))!.version!;
        holders--;
        assertEquals(await store.backend.remove("lock", { condition: { version } }), true);
        // The same node once more, with the same number of changes.
        assertEquals(await store.backend.remove("lock", { condition: { version } }), false);
      }
    };
    await Promise.all(stores.map(work));
    assertEquals(most, 1);
    for (const store of stores) await store.close();
  });

  test("nobody ever sees an empty node", async () => {
    const store = connected<string>("/window");
    await store.set("key", "full");
    let isDone = false;
    await foreign(async (client) => {
      const reading = (async () => {
        let reads = 0;
        while (!isDone) {
          const data = await client.get("/window/key").catch(() => "absent");
          assertNotEquals(data?.length ?? 0, 0);
          reads++;
        }
        return reads;
      })();
      for (let left = 50; left > 0; left--) {
        await store.delete("key");
        if (left % 2) await store.set("key", "full");
        else await store.setMany([["key", "full"]]);
      }
      isDone = true;
      assert(await reading > 10);
    });
    await store.close();
  });

  test("writes many in one transaction", async () => {
    const [store, other] = [connected<number>("/many"), connected<number>("/many")];
    const entries = (value: number) => Array.from({ length: 50 }, (_, index) => [`key${index}`, value] as const);
    await store.setMany(entries(0));
    let isDone = false;
    const reading = (async () => {
      while (!isDone) {
        // The first was read before the last.
        const [first, last] = [await other.get("key0"), await other.get("key49")];
        assert(last! >= first!, `${first} ${last}`);
      }
    })();
    for (let value = 1; value <= 20; value++) await store.setMany(entries(value));
    isDone = true;
    await reading;
    await store.close();
    await other.close();
  });

  test("keeps one watch per node and one on the root, armed again once", async () => {
    await until(async () => await watches() === 0, "the end of earlier sessions");
    const client = createClient(server.address);
    const store = new Store<number>(
      zookeeper(client as unknown as ZookeeperClient, { path: "/watches", timeout: TIMEOUT }),
    );
    await store.setMany(Array.from({ length: 20 }, (_, index) => [`key${index}`, index]));
    const stop = await store.backend.watch!(() => {});
    for (let index = 0; index < 20; index++) {
      await store.set("key1", index);
      await store.set("new", index);
      await store.delete("new");
      await store.revision();
    }
    // The server tells those on data alone.
    assertEquals(await watches(), 20);
    const { watcherManager } = (client as unknown as { connectionManager: { watcherManager: ClientWatches } })
      .connectionManager;
    assertEquals(watcherManager.getChildWatcherPaths(), ["/watches"]);
    assertEquals(watcherManager.getDataWatcherPaths().length, 20);
    await stop();
    await store.close();
  });

  test("tells the versions of all keys, of which one change moves one", async () => {
    const [store, other] = [connected<number>("/versions"), connected<number>("/versions")];
    await store.setMany(Array.from({ length: 300 }, (_, index) => [`key${index}`, index]));
    const before = await other.backend.versions!();
    await store.set("key7", 0);
    const after = await other.backend.versions!();
    assertEquals([...after].filter(([key, version]) => before.get(key) !== version).map(([key]) => key), ["key7"]);
    assertEquals(before.size, 300);
    await store.close();
    await other.close();
  });

  test("drops what has expired and leaves the revision where it is, for those who look later, too", async () => {
    const clock = new FakeClock();
    const store = connected<number>("/prune", { now: clock.now });
    await store.set("old", 1);
    await store.setMany([["a", 1], ["b", 2]], { ttl: 1000 });
    const before = await store.revision();
    clock.advance(1000);
    assertEquals(await store.prune(), 2);
    assertEquals(await store.revision(), before);
    await foreign((client) => assertRejects(() => client.get("/prune/a")));
    const late = connected<number>("/prune", { now: clock.now });
    assertEquals(await late.revision(), before);
    await late.set("c", 1, { ttl: 1000 });
    const next = await store.revision();
    assertNotEquals(next, before);
    clock.advance(1000);
    assertEquals(await late.prune(), 1);
    assertEquals([await store.revision(), await late.revision()], [next, next]);
    await store.close();
    await late.close();
  });

  test("refuses a value that no request may hold, before it is sent, and keeps the old one", async () => {
    const store = new Store(zookeeper(`${server.address}/large`, { timeout: TIMEOUT }), { codec: bytes() });
    await store.set("key", new Uint8Array(1));
    const error = await rejectsWith(() => store.set("key", new Uint8Array(1_048_575)), "too-large");
    assertFalse(error.retryable);
    await rejectsWith(() => store.setMany([["a", new Uint8Array(1)], ["key", new Uint8Array(2_000_000)]]), "too-large");
    assertEquals([(await store.get("key"))!.length, await store.get("a")], [1, undefined]);
    let [fits, tooLarge] = [1_000_000, 1_048_575];
    while (tooLarge - fits > 1) {
      const size = (fits + tooLarge) >> 1;
      const isKept = await store.set("key", new Uint8Array(size)).then(() => true, () => false);
      if (isKept) fits = size;
      else tooLarge = size;
    }
    assert(fits > 1_048_000, `${fits}`);
    assertEquals((await store.get("key"))!.length, fits);
    // As a new node, in a transaction.
    await store.delete("key");
    await store.set("key", new Uint8Array(fits));
    const large = Array.from({ length: 5 }, (_, index) => [`large${index}`, new Uint8Array(fits - 100)] as const);
    await store.setMany(large);
    assertEquals((await store.getMany(large.map(([key]) => key))).size, 5);
    await store.clear();
    await store.close();
  });

  test("takes credentials and access lists", async () => {
    const auth = { scheme: "digest", credentials: "ada:secret" };
    const own = connected<number>("/private", { auth, acl: "read" });
    await own.set("key", 1);
    const stranger = connected<number>("/private");
    assertEquals(await stranger.get("key"), 1);
    const error = await rejectsWith(() => stranger.set("key", 2), "denied");
    assertFalse(error.retryable);
    await rejectsWith(() => stranger.delete("key"), "denied");
    const closed = connected<number>("/secret", { auth, acl: "creator" });
    await closed.set("key", 1);
    const named = await openUrl<number>(`zookeeper://ada:secret@${server.address}/secret`);
    assertEquals(await named.get("key"), 1);
    const other = connected<number>("/secret");
    await rejectsWith(() => other.get("key"), "denied");
    const listed = connected<number>("/listed", { acl: [{ scheme: "world", id: "anyone", permissions: 31 }] });
    await listed.set("key", 1);
    for (const store of [own, stranger, closed, named, other, listed]) await store.close();
  });

  test("entries of a session end with it, when it is closed and when its process is killed: leases", async () => {
    const store = connected<number>("/leases");
    const holder = connected<number>("/leases", { ephemeral: true });
    assertEquals(await holder.add("job", 1, FOR_LONG), true);
    await holder.set("another", 2, FOR_LONG);
    await holder.setMany([["third", 3]], FOR_LONG);
    await holder.set("lasting", 4);
    await holder.setMany([["for ever", 5]], { ttl: Infinity });
    assertEquals([...await store.getMany(["job", "another", "third"])], [["job", 1], ["another", 2], ["third", 3]]);
    await holder.close();
    await until(async () => (await store.getMany(["job", "another", "third"])).size === 0, "the end of the entries");
    assertEquals(await Array.fromAsync(store), [["for ever", 5], ["lasting", 4]]);
    const [command, ...args] = scriptCommand(
      new URL("../support/zookeeper_child.ts", import.meta.url),
      `${server.address}/leases`,
      "hold",
      "job",
    );
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout!.once("data", resolve));
    assertEquals(await store.get("job"), child.pid);
    assertEquals(await store.add("job", 2), false);
    child.kill("SIGKILL");
    await until(() => store.add("job", 3), "the end of the lease");
    await store.close();
  });

  test("an entry that is added over an expired one ends with the session that added it", async () => {
    const clock = new FakeClock();
    const options = { ephemeral: true, now: clock.now };
    const [first, second] = [connected<number>("/leases/next", options), connected<number>("/leases/next", options)];
    await first.add("job", 1, { ttl: 1000 });
    await second.add("other", 1, { ttl: 1000 });
    clock.advance(1000);
    assertEquals(await second.add("job", 2, FOR_LONG), true);
    assertEquals(await second.add("other", 2), true);
    const before = await second.revision();
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assertEquals(await second.get("job"), 2);
    assertEquals(await second.revision(), before);
    await second.close();
    const store = connected<number>("/leases/next");
    await until(async () => !await store.has("job"), "the end of the entry");
    assertEquals(await store.get("other"), 2);
    await store.close();
  });

  test("needs no right to write above its path", async () => {
    await foreign(async (client) => {
      await client.create("/locked", "");
      await client.create("/locked/app", "");
      await client.readOnly("/locked");
    });
    const store = connected<number>("/locked/app");
    await store.set("key", 1);
    assertEquals(await store.update("key", (value = 0) => value + 1), 2);
    assertEquals(await store.delete("key"), true);
    await store.close();
  });

  test("leaves room for a long access list", async () => {
    const list = Array.from({ length: 100 }, (_, index) => ({
      scheme: "digest",
      id: `name${index}:${"x".repeat(28)}`,
      permissions: 31,
    }));
    const acl = [{ scheme: "world", id: "anyone", permissions: 31 }, ...list];
    const store = new Store(zookeeper(`${server.address}/long-list`, { timeout: TIMEOUT, acl }), { codec: bytes() });
    await store.setMany(Array.from({ length: 500 }, (_, index) => [`key${index}`, new Uint8Array(1800)]));
    assertEquals(await store.size, 500);
    await store.clear();
    await store.close();
  });

  test("uses a given client", async () => {
    const client = createClient(server.address) as unknown as ZookeeperClient;
    const store = new Store<number>(zookeeper(client, { path: "/given/client", timeout: TIMEOUT }));
    await store.set("key", 1);
    assertEquals(await store.get("key"), 1);
    await foreign(async (client) => assertEquals(`${await client.get("/given/client/key")}`, "1"));
    await store.close();
  });

  test("keeps entries at the root of the servers, beside what is theirs", async () => {
    const store = connected<number>("");
    await store.set("zookeeper", 1);
    await store.set("at the root", 2);
    const keys = await Array.fromAsync(store.keys());
    assert(keys.includes("zookeeper") && keys.includes("at the root"), `${keys}`);
    assertEquals(await store.get("zookeeper"), 1);
    await store.deleteMany(["zookeeper", "at the root"]);
    await store.close();
  });
});

describe("zookeeper() and outages", { skip }, () => {
  let own: ZookeeperServer;
  let proxy: TcpProxy;
  before(async () => {
    own = await startZookeeper();
    proxy = await startTcpProxy(own.port);
  });
  after(async () => {
    await proxy.stop();
    await own.stop();
  });

  const onProxy = (root: string, options: ZookeeperOptions = {}) => connected<number>(root, options, proxy.address);

  test("a server that is not there is an error inside the deadline, and nothing is sent later", async () => {
    const store = connected<number>("/dead", { timeout: 700 }, own.address);
    await until(() => store.set("key", 1).then(() => true, () => false), "the first write");
    await own.kill();
    const start = performance.now();
    const calls = [
      () => store.get("key"),
      () => store.set("key", 2),
      () => store.add("new", 2),
      () => store.delete("key"),
      () => store.getMany(["key"]),
      () => store.size,
      () => store.revision(),
    ];
    await Promise.all(calls.map((call) => rejectsWith(call, "unavailable", "timeout")));
    assert(performance.now() - start < 2000, `${performance.now() - start} ms`);
    await own.start();
    await until(() => store.get("key").then(() => true, () => false), "the return of the server");
    assertEquals(await store.get("key"), 1);
    assertEquals(await store.get("new"), undefined);
    await store.close();
  });

  test("a server that stands still is a timeout inside the deadline, and the next one is asked", async () => {
    const store = new Store<number>(zookeeper(`${own.address},${server.address}/still`, { timeout: 1000 }));
    const direct = connected<number>("/still");
    await direct.set("key", 1);
    await until(() => store.get("key").then(() => true, () => false), "the first read");
    await own.pause();
    try {
      await until(() => store.get("key").then((value) => value === 1, () => false), "the other server");
    } finally {
      own.resume();
    }
    await store.close();
    await direct.close();
  });

  test("a write whose answer was lost is an error, and was done once", async () => {
    const store = onProxy("/lost");
    await store.set("key", 1);
    const before = (await store.entry("key"))!.version!;
    proxy.fault = "lose answer";
    await rejectsWith(() => store.set("key", 2), "unavailable");
    proxy.fault = "pass";
    await until(() => store.get("key").then(() => true, () => false), "a new connection");
    const after = (await store.entry("key"))!.version!;
    assertEquals(await store.get("key"), 2);
    assertEquals(Number(after.split(".")[1]), Number(before.split(".")[1]) + 1);
    await store.close();
  });

  test("a connection that takes its time is waited for, however many ask meanwhile", async () => {
    const store = onProxy("/slow", { timeout: 2000 });
    await until(() => store.set("key", 1).then(() => true, () => false), "the first write");
    proxy.fault = "refuse";
    proxy.cut();
    let answered = 0;
    const asking = setInterval(() => void store.get("key").then(() => answered++, () => {}), 10);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    proxy.fault = "pass";
    proxy.delay = 150;
    await new Promise((resolve) => setTimeout(resolve, 4000));
    clearInterval(asking);
    proxy.delay = 0;
    assert(answered > 100, `${answered} calls were answered`);
    await store.close();
  });

  test("half of an answer is no part of the next one", async () => {
    const store = onProxy("/half", { timeout: 8000 });
    await until(() => store.set("key", 1).then(() => true, () => false), "the first write");
    const sessions = await sessionsOf(own);
    proxy.faults = ["half"];
    await rejectsWith(() => store.get("key"), "unavailable");
    assertEquals(await store.get("key"), 1);
    assertEquals((await sessionsOf(own)).sort(), sessions.sort());
    await store.close();
  });

  test("an abort ends a call at once", async () => {
    const store = onProxy("/abort");
    await store.set("key", 1);
    proxy.fault = "hang";
    const reason = new Error("enough");
    const controller = new AbortController();
    const call = store.get("key", { signal: controller.signal });
    controller.abort(reason);
    assertEquals(await assertRejects(() => call), reason);
    proxy.fault = "pass";
    proxy.cut();
    const fresh = connected("/abort", { timeout: 60_000 }, "127.0.0.1:1");
    const waiting = fresh.get("key", { signal: AbortSignal.timeout(50) });
    await assertRejects(() => waiting, DOMException);
    await store.close();
    await fresh.close();
  });

  test("a lost session is made anew; its watches and the revision stay true", async () => {
    const store = onProxy("/expiry", { sessionTimeout: 500, timeout: 1000 });
    const healthy = connected<number>("/expiry", {}, own.address);
    await healthy.has("a");
    const others = await sessionsOf(own);
    await store.setMany([["a", 1], ["b", 2]]);
    const told: boolean[] = [];
    const stop = await store.backend.watch!((isWatching) => told.push(isWatching));
    const before = await store.revision();
    assertEquals(await healthy.revision(), before);
    const lost = (await sessionsOf(own)).filter((session) => !others.includes(session));
    assertEquals(lost.length > 0, true);
    proxy.fault = "hang";
    await until(() => told.includes(false), "the loss of sight");
    await until(async () => !(await sessionsOf(own)).some((session) => lost.includes(session)), "the session's end");
    await healthy.set("a", 3);
    const after = await healthy.revision();
    told.length = 0;
    proxy.fault = "pass";
    proxy.cut();
    await until(() => told.includes(true), "the return of sight");
    assertEquals(await store.revision(), after);
    assertNotEquals(after, before);
    assertEquals(await store.get("a"), 3);
    told.length = 0;
    await healthy.set("b", 4);
    await until(() => told.includes(true), "a call after it");
    await stop();
    await store.close();
    await healthy.close();
  });

  test("an entry of a lost session is gone, and the store can add it again", async () => {
    const store = onProxy("/expiry2", { sessionTimeout: 500, timeout: 1000, ephemeral: true });
    const healthy = connected<number>("/expiry2", {}, own.address);
    await store.add("lease", 1, FOR_LONG);
    proxy.fault = "hang";
    await until(async () => !await healthy.has("lease"), "the end of the entry");
    proxy.fault = "pass";
    proxy.cut();
    await until(() => store.add("lease", 2, FOR_LONG).catch(() => false), "the new entry");
    assertEquals(await healthy.get("lease"), 2);
    await store.close();
    await healthy.close();
  });

  test("a restart in the middle loses no watch, and nothing that was written", async () => {
    const store = connected<number>("/restart", { timeout: 1000 }, own.address);
    await until(() => store.setMany([["a", 1], ["b", 2]]).then(() => true, () => false), "the first write");
    const told: boolean[] = [];
    await store.backend.watch!((isWatching) => told.push(isWatching));
    const before = await store.revision();
    await own.kill();
    await until(() => told.includes(false), "the loss of sight");
    told.length = 0;
    await own.start();
    await until(() => told.includes(true), "the return of sight");
    assertEquals(await store.revision(), before);
    assertEquals([...await store.getMany(["a", "b"])], [["a", 1], ["b", 2]]);
    const healthy = connected<number>("/restart", {}, own.address);
    told.length = 0;
    await healthy.set("c", 3);
    await until(() => told.includes(true), "a call");
    await store.close();
    await healthy.close();
  });
});

describe("zookeeper() and its options", () => {
  test("takes places and URLs in every form", async () => {
    const name = (place: string, options?: ZookeeperOptions) => zookeeper(place, options).name;
    assertEquals(name("a"), "zookeeper(a/)");
    assertEquals(name("a:1,b:2/app/config/"), "zookeeper(a:1,b:2/app/config)");
    assertEquals(name("a/x", { path: "/y" }), "zookeeper(a/y)");
    const urlName = (url: string) => zookeeperFromUrl(new URL(url)).name;
    assertEquals(urlName("zookeeper://a:2181/app"), "zookeeper(a:2181/app)");
    assertEquals(urlName("zookeeper:a:1,b:2/app?timeout=5&ephemeral=true&acl=read"), "zookeeper(a:1,b:2/app)");
    const store = await openUrl({ backend: "zookeeper", arguments: { place: "a,b/c" } });
    assertEquals(store.backend.name, "zookeeper(a,b/c)");
  });

  test("refuses what it does not know, and quotes no place", () => {
    assertThrows(() => zookeeper("a", { time: 1 } as object), TypeError, '"time" is not one of its options');
    for (const place of ["", "/app", "a b", "http://a/b", "u:p@a", "a//b", "a/./b", "a/../b", "a/\u0001"]) {
      assertThrows(() => zookeeper(place), TypeError);
    }
    assertThrows(() => zookeeper({} as ZookeeperClient), TypeError, "neither a place nor a client");
    assertThrows(() => zookeeper("a", { timeout: 0 }), RangeError, "timeout");
    assertThrows(() => zookeeper("a", { acl: "none" } as object), TypeError, "acl");
    for (const url of ["zookeeper:", "zookeeper://a/b#c", "zookeeper://a?x=1", "zookeeper://a?acl=none"]) {
      assertThrows(() => zookeeperFromUrl(new URL(url)), TypeError);
    }
  });
});
