/** Random histories: whatever two writers and three readers do, and whatever gets lost on the way, maps tell the truth. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { DurableMap, type DurableMapOptions } from "../../src/cache/durable_map.ts";
import { text } from "../../src/codecs/text.ts";
import type { Backend } from "../../src/core/backend.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { History } from "../support/history.ts";
import { withoutVersions } from "../support/following.ts";

const KEYS = ["a", "b", "c"];
const MODES = [true, false, { maxStaleness: 0 }, { maxStaleness: Infinity }] as const;

const places: Readonly<Record<string, () => Backend<string>>> = {
  "memory()": () => memory(),
  "memory() without versions": () => withoutVersions(memory()),
  "sqlite()": () => encoded(sqlite(":memory:", { revision: true }), text()),
};

interface Step {
  readonly what: "set" | "setMany" | "add" | "delete" | "take" | "clear" | "count" | "sync" | "get" | "all";
  readonly key: string;
  readonly isLost: readonly boolean[];
}

const steps = (whats: Step["what"][], lossy: boolean) =>
  fc.array(
    fc.record({
      what: fc.constantFrom(...whats),
      key: fc.constantFrom(...KEYS),
      isLost: fc.array(lossy ? fc.integer({ min: 0, max: 9 }).map((n) => n === 0) : fc.constant(false), {
        minLength: 6,
        maxLength: 6,
      }),
    }),
    { minLength: 1, maxLength: 7 },
  );

const WRITES: Step["what"][] = ["set", "set", "setMany", "add", "delete", "take", "clear", "count", "sync", "get"];
const READS: Step["what"][] = ["get", "get", "all", "sync"];

/** A map that clients share: what they have written last to each key and when, and how often the store was out of reach. */
interface Shared {
  readonly map: DurableMap<string>;
  readonly mode: DurableMapOptions<string>["autosync"];
  readonly written: Map<string, number>;
  outages: number;
}

/** Where somebody stands who begins to read. */
interface Start {
  readonly moment: number;
  readonly written: ReadonlyMap<string, number>;
  readonly outages: number;
}

/** One client, who does one thing after the other. */
class Client {
  /** Increments that were acknowledged, and those whose fate is unknown. */
  counted = 0;
  unknown = 0;
  #next = 0;
  readonly #name: string;
  readonly #shared: Shared;
  readonly #history: History;

  constructor(name: string, shared: Shared, history: History) {
    this.#name = name;
    this.#shared = shared;
    this.#history = history;
  }

  async take({ what, key }: Step): Promise<void> {
    try {
      await this.#take(what, key);
    } catch (error) {
      assert(error instanceof StoreError && error.code === "unavailable", `${error}`);
      if (what === "count") this.unknown++;
    }
  }

  async #take(what: Step["what"], key: string): Promise<void> {
    const { map, written, outages } = this.#shared;
    const value = `${this.#name}${this.#next++}`;
    const start: Start = { moment: this.#history.now, written: new Map(written), outages };
    switch (what) {
      case "set":
        await map.set(key, value);
        return this.#wrote(key, value);
      case "setMany":
        await map.setMany(KEYS.map((key) => [key, value]));
        return KEYS.forEach((key) => this.#wrote(key, value));
      case "add":
        if (await map.add(key, value)) this.#wrote(key, value);
        return;
      case "delete":
        await map.delete(key);
        return this.#removed(key, start);
      case "take": {
        const taken = await map.take(key);
        if (taken !== undefined) assert(this.#history.had(key, taken), `took ${taken}, which was never there`);
        return;
      }
      case "clear":
        await map.clear();
        return KEYS.forEach((key) => this.#removed(key, start));
      case "count":
        await map.update("count", (count = "0") => `${Number(count) + 1}`);
        this.counted++;
        return;
      case "sync":
        await map.sync();
        return KEYS.forEach((key) => this.#read(key, map.snapshot.get(key), { ...start, moment: -1 }));
      case "get":
        return this.#read(key, await map.get(key), start);
      case "all": {
        const all = new Map(await Array.fromAsync(map));
        return KEYS.forEach((key) => this.#read(key, all.get(key), start));
      }
    }
  }

  #wrote(key: string, value: string): void {
    const { written, map, outages } = this.#shared;
    const moment = this.#history.lastOf(key, value);
    assert(moment > 0, `${value} was acknowledged and is not there`);
    written.set(key, Math.max(written.get(key) ?? 0, moment));
    // Own writes are visible at once, in every mode; or what somebody else has written over them.
    this.#read(key, map.snapshot.get(key), { moment: -1, written, outages });
  }

  #removed(key: string, { moment }: Start): void {
    assert(this.#history.had(key, undefined, moment), `${key} was acknowledged as removed and was not`);
  }

  #read(key: string, value: string | undefined, { moment, written, outages }: Start): void {
    const history = this.#history;
    assert(history.had(key, value), `${this.#name} read ${value}, which was never there`);
    const own = written.get(key) ?? 0;
    assert(history.had(key, value, own), `${this.#name} read ${value}, which is older than its own write`);
    if (this.#shared.mode !== true || this.#shared.outages !== outages) return;
    assert(history.had(key, value, moment), `${this.#name} read ${value}, which was gone before it asked`);
  }
}

async function run(
  scheduler: fc.Scheduler,
  inner: Backend<string>,
  modes: readonly DurableMapOptions<string>["autosync"][],
  scripts: readonly (readonly Step[])[],
): Promise<void> {
  const history = new History();
  let isCalm = true;
  const lost: boolean[] = scripts.flatMap((script) => script.flatMap(({ isLost }) => isLost));
  const road = history.road(inner, {
    turn: () => isCalm ? Promise.resolve() : scheduler.schedule(Promise.resolve()),
    isLost: () => !isCalm && lost.shift() === true,
  });
  const maps = await Promise.all(modes.map(async (mode): Promise<Shared> => {
    const onError = () => shared.outages++;
    const map = await DurableMap.open(new Store(road), { autosync: mode, retryAfter: 0, onError });
    const shared: Shared = { map, mode, written: new Map(), outages: 0 };
    return shared;
  }));
  isCalm = false;
  const work = scripts.map(async (script, index) => {
    const client = new Client("vwxyz"[index]!, maps[index % maps.length]!, history);
    for (const step of script) await client.take(step);
    return client;
  });
  const clients = await scheduler.waitFor(Promise.all(work));
  isCalm = true;
  for (const { map } of maps) {
    await map.sync();
    assertEquals(new Map(map.snapshot), history.end());
  }
  // Whatever clears the store clears the count.
  if (scripts.some((script) => script.some(({ what }) => what === "clear"))) return;
  const count = Number(history.end().get("count") ?? 0);
  const counted = clients.reduce((sum, client) => sum + client.counted, 0);
  const unknown = clients.reduce((sum, client) => sum + client.unknown, 0);
  assert(count >= counted && count <= counted + unknown, `${counted} to ${counted + unknown} counted, found ${count}`);
}

describe("two writers and three readers", () => {
  for (const [title, make] of Object.entries(places)) {
    for (const lossy of [false, true]) {
      test(`on ${title} ${lossy ? "that loses calls and answers" : "in any order"} lose, invent and hide nothing`, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.scheduler(),
            // Fewer maps than clients: some write and read through the same one.
            fc.array(fc.constantFrom(...MODES), { minLength: 1, maxLength: 5 }),
            fc.tuple(
              steps(WRITES, lossy),
              steps(WRITES, lossy),
              steps(READS, lossy),
              steps(READS, lossy),
              steps(READS, lossy),
            ),
            (scheduler, modes, scripts) => run(scheduler, make(), modes, scripts),
          ),
          { seed: 20261125, numRuns: 150, endOnFailure: false },
        );
      });
    }
  }
});
