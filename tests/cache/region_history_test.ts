/**
 * Random histories of regions over a store that fails now and then: nothing that was deleted, overwritten or invalidated
 * comes back, no two creators run under a live lease, and every call ends.
 */

import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { memory } from "../../src/backends/memory.ts";
import { Region } from "../../src/cache/region.ts";
import { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { ClaimWatch } from "../support/claim_watch.ts";

const KEYS = ["a", "b"] as const;
const LEASE = 10_000;

type Key = (typeof KEYS)[number];
type Fault = "none" | "fail" | "lose-reply";
type Step =
  | { readonly do: "create"; readonly key: Key; readonly by: number; readonly fails: boolean; readonly takes: number }
  | { readonly do: "create many"; readonly by: number; readonly takes: number }
  | { readonly do: "get" | "set" | "delete"; readonly key: Key; readonly by: number }
  | { readonly do: "hard" | "soft" | "tag" | "clear"; readonly by: number }
  | { readonly do: "advance"; readonly milliseconds: number }
  | { readonly do: "yield"; readonly turns: number };

const by = fc.nat(1);
const key = fc.constantFrom(...KEYS);
const takes = fc.constantFrom(0, 1, 2, 3, 6, 60);
const is = <T extends string>(...names: T[]) => fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: is("create"), key, by, fails: fc.boolean(), takes }) },
  { weight: 2, arbitrary: fc.record({ do: is("create many"), by, takes }) },
  { weight: 5, arbitrary: fc.record({ do: is("get", "set", "delete"), key, by }) },
  { weight: 2, arbitrary: fc.record({ do: is("hard", "soft", "tag", "clear"), by }) },
  { weight: 2, arbitrary: fc.record({ do: is("advance"), milliseconds: fc.constantFrom(1, 400, 1500, 4000) }) },
  { weight: 6, arbitrary: fc.record({ do: is("yield"), turns: fc.constantFrom(1, 3, 10, 50, 200) }) },
);

/** A value knows its key and its number; numbers grow. */
interface Value {
  readonly key: string;
  readonly number: number;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

/** One history, with what must hold of it. */
class History {
  readonly clock = new FakeClock();
  readonly regions: readonly Region<Value>[];
  readonly broken: unknown[] = [];
  readonly #calls: Promise<void>[] = [];
  readonly #kind: Kind;
  readonly #faults: readonly Fault[];
  // Values with a number up to this one are gone.
  readonly #gone = new Map<string, number>();
  readonly #claims: ClaimWatch | undefined;
  // Whoever changes a key takes its lease away.
  readonly #disturbances = new Map<string, number>();
  readonly #changing = new Map<string, number>();
  readonly #running = new Map<string, Set<{ readonly began: number; readonly disturbances: number }>>();
  #storeCalls = 0;
  #values = 0;

  constructor(kind: Kind, faults: readonly Fault[]) {
    this.#kind = kind;
    this.#faults = faults;
    let backend = memory<unknown>({ now: this.clock.now });
    if (kind === "shared") {
      this.#claims = new ClaimWatch(this.clock.now, (broken) => this.broken.push(broken));
      backend = this.#claims.store(backend);
    }
    if (kind !== "process") {
      for (const fault of ["fail", "lose-reply"] as const) {
        backend = faulty(backend, { fault, when: () => this.#fault === fault });
      }
      const onCall = () => this.#storeCalls++;
      // Now and then a call is overtaken by all others.
      const gate = () => turns(this.#storeCalls % 7 === 0 ? 100 : this.#storeCalls % 3);
      backend = faulty(backend, { fault: "none", onCall, gate });
      if (kind === "leases") backend = { ...backend, supports: { ...backend.supports, swap: false } };
    }
    this.regions = (kind === "shared" ? [0, 1] : [0]).map((index) =>
      new Region<Value>({
        store: new Store<unknown>(this.#claims?.region(backend, index) ?? backend),
        ttl: 1000,
        staleWhileRevalidate: 1000,
        // What a process remembers for an outage may be gone elsewhere.
        staleIfError: kind === "shared" ? 0 : 2000,
        lease: { ttl: LEASE },
        now: this.clock.now,
      })
    );
  }

  /** Begins the step; it goes on while others begin. */
  async begin(step: Step): Promise<void> {
    if (step.do === "yield") return await turns(step.turns);
    if (step.do === "advance") return this.clock.advance(step.milliseconds);
    const by = step.by % this.regions.length;
    const region = this.regions[by]!;
    const upTo = this.#values;
    switch (step.do) {
      case "create": {
        const seen = this.#seen([step.key]);
        const create = () => this.#create(by, step.key, step.takes, step.fails, seen);
        return this.#read([step.key], async () => [await region.getOrCreate(step.key, create, { tags: ["tag"] })]);
      }
      case "create many": {
        const seen = this.#seen(KEYS);
        const create = (keys: readonly string[]) =>
          Promise.all(keys.map(async (key) => [key, await this.#create(by, key, step.takes, false, seen)] as const));
        return this.#read(KEYS, async () => (await region.getOrCreateMany(KEYS, create, { tags: ["tag"] })).values());
      }
      case "get":
        return this.#read([step.key], async () => [await region.get(step.key)]);
      case "set": {
        const value = { key: step.key, number: ++this.#values };
        this.#change([step.key], upTo, () => region.set(step.key, value, { tags: ["tag"] }));
        // Which of two that are written at the same time is the older one, nobody knows.
        return await this.#calls.at(-1);
      }
      case "delete":
        return this.#change([step.key], upTo, () => region.delete(step.key));
      case "clear":
        return this.#change(KEYS, upTo, () => region.clear());
      case "tag":
        return this.#change(KEYS, upTo, () => region.invalidateTags(["tag"]));
      case "hard":
        return this.#change(KEYS, upTo, () => region.invalidate());
      case "soft":
        return this.#change(KEYS, 0, () => region.invalidate({ mode: "soft" }));
    }
  }

  /** Waits for all that has begun. */
  async end(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hang = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("a call does not end")), 20_000);
    });
    // Whoever holds a lease that nobody renews is given up by the clock.
    const ticking = setInterval(() => this.clock.advance(1000), 5);
    try {
      await Promise.race([Promise.all(this.#calls), hang]);
    } finally {
      clearTimeout(timer);
      clearInterval(ticking);
    }
    if (this.broken.length > 0) throw this.broken[0];
  }

  get #fault(): Fault {
    return this.#faults[this.#storeCalls % this.#faults.length]!;
  }

  #disturb(keys: readonly string[]): void {
    for (const key of keys) this.#disturbances.set(key, (this.#disturbances.get(key) ?? 0) + 1);
  }

  /** Values of these keys, of which none was gone when the call began. */
  #read(keys: readonly string[], call: () => Promise<Iterable<Value | undefined>>): void {
    const floors = new Map(keys.map((key) => [key, this.#gone.get(key) ?? 0]));
    const check = (values: Iterable<Value | undefined>) => {
      for (const value of values) {
        if (value === undefined) continue;
        const floor = floors.get(value.key);
        if (floor === undefined) this.broken.push(new Error(`a value of ${value.key} under ${keys}`));
        else if (value.number <= floor) this.broken.push(new Error(`value ${value.number} of ${value.key} came back`));
      }
    };
    this.#calls.push(call().then(check, () => {}));
  }

  /** What began before the change is gone once it succeeded; one that failed may have happened or not. */
  #change(keys: readonly string[], upTo: number, call: () => Promise<unknown>): void {
    const bury = () => {
      for (const key of keys) this.#gone.set(key, Math.max(this.#gone.get(key) ?? 0, upTo));
    };
    const count = (by: number) => {
      for (const key of keys) this.#changing.set(key, (this.#changing.get(key) ?? 0) + by);
      this.#disturb(keys);
    };
    count(1);
    this.#calls.push(call().then(bury, () => {}).finally(() => count(-1)));
  }

  /** What had happened to these keys when a call began that may create them. */
  #seen(keys: readonly string[]): ReadonlyMap<string, number> | undefined {
    // Within a process nothing comes between a claim and its creator; where claims are watched, nobody asks.
    if (this.#kind !== "leases") return undefined;
    return new Map(keys.map((key) => [key, this.#changing.get(key) ? -1 : this.#disturbances.get(key) ?? 0]));
  }

  async #create(
    by: number,
    key: string,
    takes: number,
    fails: boolean,
    seen: ReadonlyMap<string, number> | undefined,
  ): Promise<Value> {
    const value = { key, number: ++this.#values };
    const disturbances = this.#disturbances.get(key) ?? 0;
    const now = { began: this.clock.now(), disturbances: seen?.get(key) ?? disturbances };
    const running = this.#running.get(key) ?? new Set();
    this.#running.set(key, running);
    this.#claims?.begin(by, key);
    for (const other of this.#claims ? [] : running) {
      const isUndisturbed = other.disturbances === disturbances && now.disturbances === disturbances;
      const isLive = now.began - other.began < LEASE && isUndisturbed && !this.#changing.get(key);
      if (isLive) this.broken.push(new Error(`two creators of ${key} at once`));
    }
    running.add(now);
    try {
      await turns(takes * 5);
      if (fails) throw new Error("the creator fails");
      return value;
    } finally {
      running.delete(now);
    }
  }
}

type Kind = "process" | "shared" | "leases";

const KINDS: Readonly<Record<Kind, string>> = {
  process: "A region in one process",
  shared: "Regions of two processes over a store that fails",
  leases: "A region over a store that creates and cannot swap",
};

for (const [kind, title] of Object.entries(KINDS) as [Kind, string][]) {
  test(`${title}: nothing comes back, nobody creates twice, and every call ends [DP-B15, DP-B16]`, async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 60 });
    const fault = fc.constantFrom<Fault[]>("none", "none", "none", "none", "fail", "lose-reply");
    const faults = kind === "shared"
      ? fc.array(fault, { minLength: 1, maxLength: 30 })
      : fc.constant<Fault[]>(["none"]);
    const property = fc.asyncProperty(steps, faults, async (steps, faults) => {
      const history = new History(kind, faults);
      for (const step of steps) await history.begin(step);
      await history.end();
    });
    // More of them, or others: RUNS=20000 SEED=1.
    await fc.assert(property, {
      seed: Number(process.env["SEED"] ?? 20261125),
      numRuns: Number(process.env["RUNS"] ?? 300),
    });
  });
}
