/**
 * `upstash()` beside bare `fetch`, the client that it stands on and unstorage, on the local Upstash in a process of its own:
 * values of 100 bytes of text. The requests of 1,000 calls are counted.
 *
 * @module
 */

import { createRequire } from "node:module";
import process from "node:process";
import { upstash } from "../../src/backends/upstash.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { spawnUpstash } from "../support/upstash_process.ts";
import { compare, type Contender, machine } from "./harness.ts";

const COUNT = 1000;
const keys = Array.from({ length: COUNT }, (_, index) => `key:${index}`);
const few = keys.slice(0, 100);
const value = "x".repeat(100);
const require = createRequire(import.meta.url);
const options = { rounds: Number(process.env["ROUNDS"] ?? 15), warmups: 3 };

const server = await spawnUpstash();
const { url, token } = server;
const { Redis } = require("@upstash/redis");
const client = new Redis({ url, token });
const quiet = new Redis({
  url,
  token,
  enableAutoPipelining: false,
  automaticDeserialization: false,
  enableTelemetry: false,
  responseEncoding: false,
  retry: { retries: 0 },
});
const store = new Store(upstash({ url, token }), { codec: text() });
const hash = new Store(upstash({ url, token }, { hash: "hash" }), {
  codec: text(),
});
await store.setMany(keys.map((key) => [key, value]));
await hash.setMany(keys.map((key) => [key, value]));

async function post(path: string, body: unknown): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
  };
  return await (await fetch(url + path, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  })).json();
}

interface Peer {
  get(key: string): Promise<unknown>;
  set(key: string): Promise<unknown>;
}

const peers: Record<string, Peer> = {
  "@upstash/redis, bare": {
    get: (key) => quiet.get(key),
    set: (key) => quiet.set(key, value),
  },
  "raw fetch": {
    get: async (key) => (await post("/", ["GET", key]) as { result: unknown }).result,
    set: (key) => post("/", ["SET", key, value]),
  },
  everymap: {
    get: (key) => store.get(key),
    set: (key) => store.set(key, value),
  },
  "everymap, one hash": {
    get: (key) => hash.get(key),
    set: (key) => hash.set(key, value),
  },
  "@upstash/redis": {
    get: (key) => client.get(key),
    set: (key) => client.set(key, value),
  },
};
try {
  const { createStorage } = require("unstorage");
  const driver = require("unstorage/drivers/upstash");
  const storage = createStorage({
    driver: (driver.default ?? driver)({ url, token }),
  });
  peers["unstorage"] = {
    get: (key) => storage.getItem(key),
    set: (key) => storage.setItem(key, value),
  };
} catch (error) {
  console.log(
    `unstorage does not run here: ${(error as Error).message.split("\n")[0]}`,
  );
}

const inTurn = (work: (key: string) => Promise<unknown>): Contender => async () => {
  for (const key of few) await work(key);
  return few.length;
};
const atOnce = (work: (key: string) => Promise<unknown>): Contender => async () => {
  await Promise.all(keys.map(work));
  return COUNT;
};
const all = (
  change: (peer: Peer) => Contender,
  without: readonly string[] = [],
) =>
  Object.fromEntries(
    Object.entries(peers).filter(([name]) => !without.includes(name)).map((
      [name, peer],
    ) => [name, change(peer)]),
  );

console.log(machine());
for (const [name, { get, set }] of Object.entries(peers)) {
  for (const key of keys.slice(0, 3)) await set(key);
  if (await get(keys[0]!) !== value) {
    throw new Error(`${name} does not answer what it was given`);
  }
}
for (const key of keys) await peers["unstorage"]?.set(key);

await compare(
  "upstash: get, one after the other",
  all(({ get }) => inTurn(get)),
  options,
);
await compare(
  "upstash: set, one after the other",
  all(({ set }) => inTurn(set)),
  options,
);

// One request each, which is not what anybody would compare with.
const single = ["@upstash/redis, bare", "raw fetch"];
const pipeline = (commands: unknown[][]): Contender => async () => {
  await post("/pipeline", commands);
  return COUNT;
};
await compare("upstash: 1,000 get at once", {
  "@upstash/redis": atOnce(peers["@upstash/redis"]!.get),
  ...all(({ get }) => atOnce(get), [...single, "@upstash/redis"]),
  "raw fetch, a pipeline": pipeline(keys.map((key) => ["GET", key])),
}, options);
await compare("upstash: 1,000 set at once", {
  "@upstash/redis": atOnce(peers["@upstash/redis"]!.set),
  ...all(({ set }) => atOnce(set), [...single, "@upstash/redis"]),
  "raw fetch, a pipeline": pipeline(keys.map((key) => ["SET", key, value])),
}, options);

console.log(
  "\nRequests of 1,000 calls at once\n\n| contender | get | set |\n|---|---:|---:|",
);
for (const [name, { get, set }] of Object.entries(peers)) {
  if (single.includes(name)) continue;
  const counts: number[] = [];
  for (const work of [get, set]) {
    await server.requests();
    await atOnce(work)();
    counts.push(await server.requests());
  }
  console.log(`| ${name} | ${counts.join(" | ")} |`);
}
server.stop();
process.exit(0);
