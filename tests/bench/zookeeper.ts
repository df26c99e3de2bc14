/**
 * `zookeeper()` beside bare calls of `node-zookeeper-client`, on a server of its own on loopback that does not wait for its
 * disk.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { zookeeper, type ZookeeperClient, type ZookeeperTransaction } from "../../src/backends/zookeeper.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { startZookeeper, zookeeperIsMissing } from "../support/zookeeper_server.ts";
import { compare } from "./harness.ts";

const missing = zookeeperIsMissing();
if (missing) throw new Error(missing);
const server = await startZookeeper();

const SEQUENTIAL = 500;
const CONCURRENT = 2000;
const BATCH = 100;
const keys = Array.from({ length: BATCH }, (_, index) => `key${index}`);
const value = new Uint8Array(100).fill(97);
const buffer = Buffer.from(value);

// The client of the benchmarks' own packages, as a program without this package has it.
const require = createRequire(import.meta.url);
const client = require("node-zookeeper-client").createClient(
  server.address,
) as ZookeeperClient;
await new Promise<void>((resolve) => {
  client.on("connected", resolve);
  client.connect();
});
const store = new Store(zookeeper(`${server.address}/bench`), {
  codec: bytes(),
});
await store.setMany(keys.map((key) => [key, value]));
await store.revision();

const call = <A>(send: (done: (error: unknown, answer?: A) => void) => void) =>
  new Promise<A>((resolve, reject) => send((error, answer) => error ? reject(error) : resolve(answer as A)));
const get = (key: string) => call((done) => client.getData(`/bench/${key}`, done));
const set = (key: string) => call((done) => client.setData(`/bench/${key}`, buffer, -1, done));
const commit = (transaction: ZookeeperTransaction) => call((done) => transaction.commit(done));

function oneByOne(work: (key: string) => Promise<unknown>) {
  return async () => {
    for (let at = 0; at < SEQUENTIAL; at++) await work(keys[at % BATCH]!);
    return SEQUENTIAL;
  };
}

function atOnce(work: (key: string) => Promise<unknown>) {
  return async () => {
    for (let at = 0; at < CONCURRENT; at += BATCH) {
      await Promise.all(keys.map(work));
    }
    return CONCURRENT;
  };
}

await compare("zookeeper: get, one after the other", {
  "node-zookeeper-client": oneByOne(get),
  everymap: oneByOne((key) => store.get(key)),
});
await compare("zookeeper: set, one after the other", {
  "node-zookeeper-client": oneByOne(set),
  everymap: oneByOne((key) => store.set(key, value)),
});
await compare(`zookeeper: get, ${BATCH} at once`, {
  "node-zookeeper-client": atOnce(get),
  everymap: atOnce((key) => store.get(key)),
});
await compare(`zookeeper: getMany of ${BATCH}, per key`, {
  "node-zookeeper-client": atOnce(get),
  everymap: async () => {
    for (let at = 0; at < CONCURRENT; at += BATCH) await store.getMany(keys);
    return CONCURRENT;
  },
});
await compare(`zookeeper: setMany of ${BATCH}, per key`, {
  "node-zookeeper-client, one by one at once": atOnce(set),
  "node-zookeeper-client, a transaction": async () => {
    for (let at = 0; at < CONCURRENT; at += BATCH) {
      const transaction = client.transaction();
      for (const key of keys) transaction.setData(`/bench/${key}`, buffer);
      await commit(transaction);
    }
    return CONCURRENT;
  },
  everymap: async () => {
    for (let at = 0; at < CONCURRENT; at += BATCH) {
      await store.setMany(keys.map((key) => [key, value]));
    }
    return CONCURRENT;
  },
});
await compare("zookeeper: revision", {
  "one request, exists": oneByOne((key) => call((done) => client.exists(`/bench/${key}`, done))),
  everymap: oneByOne(() => store.revision()),
});

client.close();
await store.close();
await server.stop();
