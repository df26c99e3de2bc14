/**
 * `memcached()` beside the bare text protocol on a socket, memjs and keyv: values of 100 bytes on a server of its own on
 * loopback.
 *
 * @module
 */

import { createRequire } from "node:module";
import { connect, type Socket } from "node:net";
import { memcached } from "../../src/backends/memcached.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { memcachedIsMissing, startMemcached } from "../support/memcached_server.ts";
import { compare, type Contender } from "./harness.ts";

const missing = memcachedIsMissing();
if (missing) throw new Error(missing);
// One thread: with more of them each contender's connection is one thread's for good, and which one shows in its figures.
const server = await startMemcached({ args: ["-t", "1"] });

const SEQUENTIAL = 200;
const CONCURRENT = 20_000;
const AT_ONCE = 100;
const BATCHES = [100, 1000];
/** Differences of a few percent want many short rounds: how quickly two processes wake each other up changes by the second. */
const PRECISE = { rounds: 151, warmups: 20 };
const keys = Array.from({ length: 1000 }, (_, index) => `key:${index}`);
const value = new Uint8Array(100).fill(97);
const text = "a".repeat(100);

/** The text protocol with as little around it as will do: answers are told apart by their ends. */
class Raw {
  readonly #socket: Socket;
  readonly #waiting: {
    readonly end: RegExp | number;
    readonly resolve: (answer: unknown) => void;
  }[] = [];
  #rest = new Uint8Array(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#take(new Uint8Array(chunk)));
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#ask(`get ${key}\r\n`, 1) as Promise<Uint8Array | undefined>;
  }

  set(key: string, value: string): Promise<unknown> {
    return this.#ask(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`, 0);
  }

  getMany(keys: readonly string[]): Promise<Map<string, Uint8Array>> {
    return this.#ask(`get ${keys.join(" ")}\r\n`, 2) as Promise<
      Map<string, Uint8Array>
    >;
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(command: string, end: number): Promise<unknown> {
    return new Promise((resolve) => {
      this.#waiting.push({ end, resolve });
      this.#socket.write(command);
    });
  }

  #take(chunk: Uint8Array): void {
    if (this.#rest.length > 0) {
      const whole = new Uint8Array(this.#rest.length + chunk.length);
      whole.set(this.#rest);
      whole.set(chunk, this.#rest.length);
      chunk = whole;
    }
    let at = 0;
    while (this.#waiting.length > 0) {
      const found = new Map<string, Uint8Array>();
      let here = at;
      let isWhole = false;
      for (;;) {
        const end = chunk.indexOf(10, here);
        if (end < 0) break;
        const line = String.fromCharCode(...chunk.subarray(here, end - 1));
        here = end + 1;
        if (!line.startsWith("VALUE")) {
          isWhole = true;
          break;
        }
        const [, key = "", , size = "0"] = line.split(" ");
        if (chunk.length < here + Number(size) + 2) break;
        found.set(key, chunk.slice(here, here + Number(size)));
        here += Number(size) + 2;
      }
      if (!isWhole) break;
      at = here;
      const { end, resolve } = this.#waiting.shift()!;
      resolve(
        end === 2 ? found : end === 1 ? found.values().next().value : undefined,
      );
    }
    this.#rest = chunk.slice(at);
  }
}

const raw = await new Promise<Raw>((resolve) => {
  const socket = connect(
    server.port,
    "127.0.0.1",
    () => resolve(new Raw(socket)),
  );
});
const store = new Store(memcached(server.address), { codec: bytes() });
await store.setMany(keys.map((key) => [key, value]));

interface Client {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  getMany?(keys: string[]): Promise<unknown>;
}

const clients: Record<string, Client> = {
  "raw text protocol": raw,
  everymap: {
    get: (key) => store.get(key),
    set: (key) => store.set(key, value),
    getMany: (keys) => store.getMany(keys),
  },
};
const closers: (() => unknown)[] = [() => raw.close(), () => store.close()];
try {
  const require = createRequire(import.meta.url);
  const { Client: MemjsClient } = require("memjs");
  const memjs = MemjsClient.create(server.address);
  await memjs.set("warm", "1");
  clients["memjs"] = {
    get: (key) => memjs.get(key).then(({ value }: { value: unknown }) => value),
    set: (key, value) => memjs.set(key, value, {}),
  };
  closers.push(() => memjs.close());
  const { default: KeyvMemcache } = require("@keyv/memcache");
  const { default: Keyv } = require("keyv");
  const adapter = new KeyvMemcache(server.address);
  const keyv = new Keyv({ store: adapter });
  for (const key of keys) await keyv.set(key, text);
  clients["keyv"] = {
    get: (key) => keyv.get(key),
    set: (key, value) => keyv.set(key, value),
    getMany: (keys) => keyv.getMany ? keyv.getMany(keys) : keyv.get(keys),
  };
  closers.push(() => adapter.client.close());
} catch (error) {
  console.log(
    `\nmemjs or keyv does not run here: ${(error as Error).message.split("\n")[0]}`,
  );
}

function contenders(
  work: (client: Client) => Promise<number>,
): Record<string, Contender> {
  return Object.fromEntries(
    Object.entries(clients).map(([name, client]) => [name, () => work(client)]),
  );
}

function atOnce(
  work: (client: Client, key: string) => Promise<unknown>,
): (client: Client) => Promise<number> {
  return async (client) => {
    for (let at = 0; at < CONCURRENT; at += AT_ONCE) {
      await Promise.all(
        Array.from(
          { length: AT_ONCE },
          (_, index) => work(client, keys[(at + index) % keys.length]!),
        ),
      );
    }
    return CONCURRENT;
  };
}

await compare(
  "memcached: get, one after the other",
  contenders(async (client) => {
    for (let at = 0; at < SEQUENTIAL; at++) {
      await client.get(keys[at]!);
    }
    return SEQUENTIAL;
  }),
  PRECISE,
);
await compare(
  "memcached: set, one after the other",
  contenders(async (client) => {
    for (let at = 0; at < SEQUENTIAL; at++) {
      await client.set(keys[at]!, text);
    }
    return SEQUENTIAL;
  }),
  PRECISE,
);
await compare(
  `memcached: get, ${AT_ONCE} at once`,
  contenders(atOnce((client, key) => client.get(key))),
);
await compare(
  `memcached: set, ${AT_ONCE} at once`,
  contenders(atOnce((client, key) => client.set(key, text))),
);
delete clients["memjs"];
for (const size of BATCHES) {
  await compare(
    `memcached: getMany of ${size}, per key`,
    contenders(async (client) => {
      for (let at = 0; at < CONCURRENT; at += size) {
        const from = at % keys.length;
        await client.getMany!(keys.slice(from, from + size));
      }
      return CONCURRENT;
    }),
  );
}
for (const close of closers) await close();
await server.stop();
