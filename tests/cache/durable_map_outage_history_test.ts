/** Random histories of five processes on each kind of real server, which is killed and comes back in the middle. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Store } from "../../src/core/store.ts";
import { CallHistory, type Change } from "../support/call_history.ts";
import { openPlace } from "../support/durable_place.ts";
import { type Autosync, type Deed, DurableProcess } from "../support/durable_process.ts";
import { postgresIsMissing, startPostgres } from "../support/postgres_server.ts";
import { redisServerIsMissing, startRedisServer } from "../support/redis_server.ts";
import { inTemporaryFolder } from "../support/runtime.ts";
import { startZookeeper, zookeeperIsMissing } from "../support/zookeeper_server.ts";

const KEYS = ["k1", "k2", "k3"];
const WRITES = ["set", "set", "setMany", "add", "delete", "take", "clear", "count", "count", "sync", "look"] as const;
const READS = ["look", "look", "all", "sync"] as const;
/** Steps that each process takes before the server is killed, and after it is there again. */
const STEPS = 25;
const DOWN = /^(unavailable|timeout)$/;

type What = (typeof WRITES | typeof READS)[number];

/** Two who write and three who read, each with a way of its own to find out what is new. */
const CLIENTS: readonly (readonly [autosync: Autosync, whats: readonly What[]])[] = [
  [true, WRITES],
  [false, WRITES],
  [true, READS],
  [false, READS],
  [5, READS],
];

/** Numbers that look like chance, and are the same in each run. */
function* chances(seed: number): Generator<number, never> {
  for (;;) yield (seed = Math.imul(seed, 1664525) + 1013904223 >>> 0) / 2 ** 32;
}

/** One process, which does one thing after the other. */
class Client {
  /** Increments that were acknowledged, and those whose fate is unknown. */
  counted = 0;
  unknown = 0;
  readonly #process: DurableProcess;
  readonly #name: string;
  readonly #asks: boolean;
  readonly #history: CallHistory;
  /** What it knows to have happened: its own changes, and those that others have done and it has seen. */
  readonly #known = new Set<Change>();
  #next = 0;

  constructor(process: DurableProcess, name: string, asks: boolean, history: CallHistory) {
    this.#process = process;
    this.#name = name;
    this.#asks = asks;
    this.#history = history;
  }

  /** Takes a step, and answers whether the store did. */
  async take(what: What, key: string): Promise<boolean> {
    const history = this.#history;
    const value = `${this.#name}${this.#next++}`;
    switch (what) {
      case "set":
        return await this.#change([key], value, ["set", key, value]);
      case "setMany":
        return await this.#change(KEYS, value, ["setMany", KEYS.map((key) => [key, value])]);
      case "clear":
        return await this.#change(KEYS, undefined, ["clear", "k"]);
      case "add":
        return await this.#change(
          [key],
          value,
          ["add", key, value],
          ({ value: wasAdded }) => wasAdded ? [undefined] : [],
        );
      case "delete":
        return await this.#change(
          [key],
          undefined,
          ["delete", key],
          ({ value: wasThere }) => wasThere ? [] : [undefined],
        );
      case "take":
        return await this.#change([key], undefined, ["take", key], ({ value: taken }) => [taken as string | undefined]);
      case "count": {
        const { error } = await this.#do("count", 1);
        error ? this.unknown++ : this.counted++;
        return !error;
      }
      case "look": {
        const began = history.tick();
        const { value: answer } = await this.#do("look", key);
        const [seen, isStale] = answer as [string | null, boolean];
        this.#saw(key, seen ?? undefined, { began, isFresh: this.#asks && !isStale });
        return !isStale;
      }
      case "all": {
        const began = history.tick();
        const { value: answer } = await this.#do("all");
        const [entries, isStale] = answer as [[string, string][], boolean];
        const all = new Map(entries);
        for (const key of KEYS) this.#saw(key, all.get(key), { began, isFresh: this.#asks && !isStale });
        return !isStale;
      }
      case "sync":
        return await this.sync() !== undefined;
    }
  }

  /** All that is there, as of now, or nothing if the store does not answer. */
  async sync(): Promise<ReadonlyMap<string, unknown> | undefined> {
    const began = this.#history.tick();
    if ((await this.#do("sync")).error) return;
    return await this.#snapshot({ began, isFresh: true });
  }

  async #snapshot(
    reading: { readonly began: number; readonly isFresh: boolean },
  ): Promise<ReadonlyMap<string, unknown>> {
    const { value } = await this.#do("snapshot");
    const all = new Map(value as [string, string][]);
    for (const key of KEYS) this.#saw(key, all.get(key), reading);
    return all;
  }

  /** Changes keys; `seen` says from the answer what was there, of all that it can tell. */
  async #change(
    keys: readonly string[],
    value: string | undefined,
    [name, ...args]: readonly [string, ...unknown[]],
    seen: (deed: Deed) => (string | undefined)[] = () => [],
  ): Promise<boolean> {
    const history = this.#history;
    const began = history.tick();
    const changes = keys.map((key) => history.begin(key, value));
    const deed = await this.#do(name, ...args);
    if (deed.error) return false;
    const ended = history.tick();
    for (const change of changes) {
      for (const was of seen(deed)) this.#saw(change.key, was, { began, isFresh: true, except: change });
      // Told that there was nothing to add, to take or to delete, it has changed nothing.
      if (deed.value === false || name === "take" && deed.value === undefined) {
        history.forget(change);
      } else {
        change.ended = ended;
        this.#known.add(change);
      }
    }
    // Own changes are visible at once, in every mode.
    await this.#snapshot({ began: ended, isFresh: false });
    return true;
  }

  #saw(
    key: string,
    value: string | undefined,
    reading: { readonly began: number; readonly isFresh: boolean; readonly except?: Change },
  ): void {
    const sources = this.#history.sources(key, value, { known: this.#known, ...reading });
    // What one has seen one has seen: nothing older may follow.
    if (sources.length === 1) this.#known.add(sources[0]!);
  }

  async #do(name: string, ...args: readonly unknown[]): Promise<Deed> {
    const deed = await this.#process.do(name, ...args);
    if (deed.error) assert(DOWN.test(deed.error), `${name}: ${deed.error}`);
    return deed;
  }
}

interface Outage {
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** What happens, whatever happens: no lie, no loss, and in the end the same for all. `asks` tells whether a read with `autosync` asks. */
async function live(place: string, seed: number, { asks, outage }: { asks: boolean; outage?: Outage }): Promise<void> {
  const history = new CallHistory();
  const processes = await Promise.all(CLIENTS.map(([autosync]) => DurableProcess.start(place, autosync)));
  try {
    const clients = CLIENTS.map(([autosync], index) =>
      new Client(processes[index]!, "vwxyz"[index]!, asks && autosync === true, history)
    );
    let state: "up" | "down" | "back" = outage ? "up" : "back";
    let [taken, refused] = [0, 0];
    let change = Promise.resolve();
    const watch = (hasAnswered: boolean): void => {
      taken++;
      if (outage && state === "up" && taken === STEPS * CLIENTS.length) {
        state = "down";
        change = outage.kill();
      } else if (outage && state === "down" && !hasAnswered && ++refused === CLIENTS.length) {
        change = change.then(() => outage.start()).then(() => void (state = "back"));
      }
    };
    await Promise.all(clients.map(async (client, index) => {
      const [, whats] = CLIENTS[index]!;
      const chance = chances(seed + index);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(chance.next().value * list.length)]!;
      for (let left = STEPS; left > 0;) {
        const isBack = state === "back";
        const hasAnswered = await client.take(pick(whats), pick(KEYS));
        watch(hasAnswered);
        if (isBack && hasAnswered) left--;
      }
    }));
    await change;
    const ends = [];
    for (const client of clients) {
      let end: ReadonlyMap<string, unknown> | undefined;
      for (let left = 50; !end && left > 0; left--) end = await client.sync();
      ends.push(end);
    }
    const store = new Store<unknown>(await openPlace(place));
    const truth = new Map(await Array.fromAsync(store));
    await store.close();
    for (const end of ends) assertEquals(end, truth);
    const sum = (of: (client: Client) => number) => clients.reduce((sum, client) => sum + of(client), 0);
    const count = Number(truth.get("count") ?? 0);
    const [least, most] = [sum(({ counted }) => counted), sum(({ counted, unknown }) => counted + unknown)];
    assert(least > 0 && count >= least && count <= most, `${least} to ${most} were counted, found ${count}`);
    if (outage) assert(refused > 0 && taken > STEPS, "the server was not missed");
  } finally {
    await Promise.all(processes.map((process) => process.stop()));
  }
}

/** The same on a server of its own, which is killed in the middle. */
async function liveOn<S extends Outage & { stop(): Promise<void> }>(
  start: () => Promise<S>,
  placeOf: (server: S) => string,
  seed: number,
  asks: boolean,
): Promise<void> {
  const server = await start();
  try {
    await live(placeOf(server), seed, { asks, outage: server });
  } finally {
    await server.stop();
  }
}

describe("five processes with a map each lose, invent and hide nothing", () => {
  test("on an SQLite file", async () => {
    await inTemporaryFolder((folder) => live(`sqlite:${join(folder, "settings.db")}`, 1, { asks: true }));
  });

  test("on Redis, also when it is killed in the middle", { skip: redisServerIsMissing() ?? false }, async () => {
    await liveOn(startRedisServer, ({ port }) => `redis:${port}#2000`, 2, true);
  });

  test("on Postgres, also when it is killed in the middle", { skip: postgresIsMissing() ?? false }, async () => {
    await liveOn(startPostgres, ({ url }) => `sql:${url}#2000`, 3, true);
  });

  test("on ZooKeeper, also when it is killed in the middle", { skip: zookeeperIsMissing() ?? false }, async () => {
    // It tells of changes by itself, a moment after they are acknowledged.
    await liveOn(startZookeeper, ({ address }) => `zookeeper:${address}/settings#4000`, 4, false);
  });
});
