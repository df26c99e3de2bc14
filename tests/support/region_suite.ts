/**
 * What a region must do over any store: registered once for each place that it can keep its values in.
 *
 * @module
 */

import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Region, type RegionEvent, type RegionOptions } from "../../src/cache/region.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

/** A place that a test has for itself. */
export interface RegionPlace {
  /** A store on it; each as another process would open it. None: the region makes its own. */
  readonly open: (() => Store<unknown>) | undefined;
  /** Removes it. */
  readonly close?: (() => Promise<unknown>) | undefined;
}

/** Where regions are tried. */
export interface RegionSubject {
  /** Makes a place. */
  readonly make: (now: Clock) => RegionPlace | Promise<RegionPlace>;
  /** Whether stores of one place are apart, so that regions on them keep apart by leases. @default {true} */
  readonly isShared?: boolean | undefined;
  /** Why it cannot be tried here. */
  readonly skip?: string | undefined;
}

/** What a test is given. */
export interface RegionTrial {
  readonly clock: FakeClock;
  /** A region over a store of its own on the place. */
  region<V = number>(options?: RegionOptions<V>): Region<V>;
  /** A store on the place. */
  store(): Store<unknown>;
}

/** Waits for something that happens in the background. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !await isSo(); tries++) {
    assert(tries < 2000, "it did not happen within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function unexpected(reason: string): never {
  throw new Error(`not expected: ${reason}`);
}

/** An event in one word, or two. */
export function word(event: RegionEvent): string {
  const parts = [event.type, "key" in event ? event.key : undefined, "outcome" in event ? event.outcome : undefined];
  return parts.filter((part) => part !== undefined).join(" ");
}

/** Runs a test on a place of its own. */
export async function onPlace(subject: RegionSubject, run: (trial: RegionTrial) => Promise<unknown>): Promise<void> {
  // Ahead of a server's own clock, so that nothing expires there while a test takes its time.
  const clock = new FakeClock(Date.now() + 3_600_000);
  const place = await subject.make(clock.now);
  const opened: { close(): Promise<void> }[] = [];
  const store = () => {
    const store = place.open!();
    opened.push(store);
    return store;
  };
  const shared = subject.isShared === false && place.open ? place.open() : undefined;
  try {
    await run({
      clock,
      store,
      region: <V>(options: RegionOptions<V> = {}) => {
        const own = place.open ? { store: shared ?? store() } : {};
        const region = new Region<V>({ ttl: 1000, now: clock.now, ...own, ...options });
        opened.push(region);
        return region;
      },
    });
  } finally {
    for (const one of opened) await one.close();
    await place.close?.();
  }
}

/** Registers what a region must do. */
export function regionSuite(title: string, subject: RegionSubject): void {
  const on = (
    title: string,
    run: (trial: RegionTrial) => Promise<unknown>,
    needs: { readonly shared?: boolean } = {},
  ) => {
    if (needs.shared && subject.isShared === false) return;
    test(title, { skip: subject.skip ?? false }, () => onPlace(subject, run));
  };

  describe(`Region over ${title}`, () => {
    on("gets, sets, has and deletes [DP-B01, DP-B02, DP-B04, DP-B06, DP-B13, DP-R13]", async ({ region }) => {
      const cache = region();
      assertEquals(await cache.get("a"), undefined);
      assertEquals(await cache.get("a", { maxAge: 1000 }), undefined);
      await cache.invalidate();
      assertEquals(await cache.get("a"), undefined);
      assertEquals(await cache.delete("a"), false);
      assertEquals(await cache.set("a", 1), cache);
      assertEquals([await cache.get("a"), await cache.has("a"), await cache.has("b")], [1, true, false]);
      assertEquals([await cache.delete("a"), await cache.delete("a"), await cache.get("a")], [true, false, undefined]);
    });

    on(
      "gets, sets and deletes many, in order and without misses [DP-B07, DP-B10, DP-B11, DP-B12, DP-R42]",
      async (t) => {
        const cache = t.region();
        await cache.setMany([["a", 1], ["c", 3], ["a", 2]]);
        assertEquals([...await cache.getMany(["c", "b", "a", "d", "c"])], [["c", 3], ["a", 2]]);
        assertEquals(await cache.deleteMany(["a", "b", "c", "a"]), 2);
        assertEquals((await cache.getMany(["a", "c"])).size, 0);
      },
    );

    on("takes nothing for an answer to nothing [DP-B08]", async ({ region }) => {
      const cache = region();
      assertEquals((await cache.getMany([])).size, 0);
      await cache.setMany([]);
      assertEquals(await cache.deleteMany([]), 0);
      assertEquals((await cache.getOrCreateMany([], () => unexpected("nothing to make"))).size, 0);
      await cache.invalidateTags([]);
    });

    on("keeps null, 0, false and empty text [X-12, DP-D07]", async ({ region }) => {
      const cache = region<unknown>();
      for (const value of [null, 0, false, ""]) {
        assertEquals(await cache.getOrCreate(`${value}`, () => value), value);
        assertEquals(await cache.getOrCreate(`${value}`, () => unexpected("it is there")), value);
        assertEquals(await cache.has(`${value}`), true);
      }
    });

    on("returns undefined that a creator made, and does not store it; set() refuses it", async ({ region }) => {
      const cache = region<number | undefined>();
      let calls = 0;
      const create = () => void calls++;
      assertEquals(await cache.getOrCreate("a", create as () => undefined), undefined);
      assertEquals(await cache.getOrCreate("a", create as () => undefined), undefined);
      assertEquals(calls, 2);
      await assertRejects(() => cache.set("a", undefined), TypeError);
    });

    on("refuses keys that are none", async ({ region }) => {
      const cache = region();
      await assertRejects(() => cache.getOrCreate(1 as unknown as string, () => 1), TypeError);
      await assertRejects(() => cache.get("\uD800"), Error, "lone surrogate");
    });

    on("creates what is missing, once [DP-B14, DP-B18, DP-R14]", async ({ region }) => {
      const cache = region();
      let calls = 0;
      const create = () => Promise.resolve(++calls);
      assertEquals([await cache.getOrCreate("a", create), await cache.getOrCreate("a", create)], [1, 1]);
      assertEquals(await cache.get("a"), 1);
    });

    on("creates anew what has expired [DP-B17, DP-R20, DP-R22, DP-D01]", async ({ region, clock }) => {
      const cache = region();
      let calls = 0;
      const create = () => ++calls;
      assertEquals(await cache.getOrCreate("a", create), 1);
      clock.advance(999);
      assertEquals(await cache.getOrCreate("a", create), 1);
      clock.advance(1);
      assertEquals(await cache.get("a"), undefined);
      assertEquals([await cache.getOrCreate("a", create), await cache.get("a")], [2, 2]);
    });

    on(
      "tells a value's age, and reads stale values when asked to [DP-R23, DP-R43, DP-R44, DP-R45, DP-R46]",
      async (t) => {
        const cache = t.region({ staleIfError: 5000 });
        assertEquals(await cache.getEntry("a"), undefined);
        await cache.set("a", 1);
        const createdAt = t.clock.now();
        t.clock.advance(300);
        const freshUntil = createdAt + 1000;
        assertEquals(await cache.getEntry("a"), { value: 1, createdAt, age: 300, freshUntil, isStale: false });
        t.clock.advance(700);
        assertEquals(await cache.getEntry("a"), undefined);
        const entry = await cache.getEntry("a", { stale: true });
        assertEquals(entry, { value: 1, createdAt, age: 1000, freshUntil, isStale: true });
        assertEquals([...await cache.getMany(["a"], { stale: true })], [["a", 1]]);
      },
    );

    on("takes younger values only, for one call [DP-R24, DP-R25]", async ({ region, clock }) => {
      const cache = region();
      await cache.set("a", 1);
      clock.advance(200);
      assertEquals([await cache.get("a", { maxAge: 100 }), await cache.get("a")], [undefined, 1]);
      assertEquals(await cache.getOrCreate("a", () => 2, { maxAge: 300 }), 1);
      assertEquals(await cache.getOrCreate("a", () => 2, { maxAge: 100 }), 2);
      assertEquals(await cache.get("a"), 2);
    });

    on("takes lifetimes by call, by value and key, and from the creator [DP-D03, DP-D04, DP-R04, CT-41]", async (t) => {
      const cache = t.region({ ttl: (value, key) => key === "long" ? { hours: 1 } : value });
      await cache.getOrCreate("short", () => 10);
      await cache.getOrCreate("long", () => 10);
      await cache.getOrCreate("called", () => 10, { ttl: { minutes: 1 } });
      await cache.getOrCreate("chosen", ({ setTtl }) => (setTtl({ minutes: 1 }), 10), { ttl: 1 });
      await cache.set("set", 10, { ttl: 60_000 });
      t.clock.advance(10);
      const left = await cache.getMany(["short", "long", "called", "chosen", "set"]);
      assertEquals([...left.keys()], ["long", "called", "chosen", "set"]);
      t.clock.advance(60_000);
      assertEquals([...(await cache.getMany(["called", "chosen", "set", "long"])).keys()], ["long"]);
      t.clock.advance(86_400_000);
      assertEquals(await cache.get("long"), undefined);
    });

    on("never expires a value of an infinite lifetime, and never stores one of none [DP-D05]", async (t) => {
      const cache = t.region({ ttl: Infinity });
      await cache.getOrCreate("a", () => 1);
      t.clock.advance(1e12);
      assertEquals([await cache.get("a"), (await cache.getEntry("a"))!.freshUntil], [1, Infinity]);
      assertEquals(await cache.getOrCreate("b", () => 1, { ttl: () => 0 }), 1);
      assertEquals(await cache.get("b"), undefined);
      await cache.set("a", 2, { ttl: 0 });
      assertEquals(await cache.get("a"), undefined);
    });

    on("refuses lifetimes that are none [DP-R05]", async ({ region }) => {
      const cache = region();
      await assertRejects(() => cache.getOrCreate("a", () => 1, { ttl: NaN }), RangeError);
      await assertRejects(() => cache.getOrCreate("a", () => 1, { ttl: "one hour" as unknown as number }), TypeError);
      assertEquals(await cache.getOrCreate("a", () => 2), 2);
    });

    on("gives the creator its key and the value there was", async ({ region, clock }) => {
      const cache = region({ staleIfError: 10_000 });
      const previous: unknown[] = [];
      const create = (value: number) => (context: { key: string; previous: number | undefined }) => {
        previous.push([context.key, context.previous]);
        return value;
      };
      await cache.getOrCreate("a", create(1));
      clock.advance(2000);
      await cache.getOrCreate("a", create(2));
      await cache.invalidate();
      await cache.getOrCreate("a", create(3));
      assertEquals(previous, [["a", undefined], ["a", 1], ["a", undefined]]);
    });

    on("returns a value that is not to be stored, and the old one stays [DP-B09, DP-R40, DP-R41]", async (t) => {
      const cache = t.region({ staleIfError: 10_000, shouldCache: (value) => value !== 2 });
      await cache.setMany([["a", 1], ["b", 1]]);
      t.clock.advance(2000);
      assertEquals(await cache.getOrCreate("a", () => 2), 2);
      assertEquals([...await cache.getOrCreateMany(["b"], () => [["b", 2]])], [["b", 2]]);
      assertEquals([...await cache.getMany(["a", "b"], { stale: true })], [["a", 1], ["b", 1]]);
      assertEquals(await cache.getOrCreate("c", ({ noStore }) => (noStore(), 3)), 3);
      assertEquals([await cache.get("c"), await cache.getOrCreate("a", () => 4)], [undefined, 4]);
      assertEquals(await cache.get("a"), 4);
    });

    on("passes a creator's error on and stores nothing [DP-B19]", async ({ region }) => {
      const cache = region();
      const fail = () => {
        throw new RangeError("no");
      };
      await assertRejects(() => cache.getOrCreate("a", fail), RangeError, "no");
      await assertRejects(() => cache.getOrCreate("a", () => Promise.reject(new TypeError("nor this"))), TypeError);
      assertEquals(await cache.getOrCreate("a", () => 1), 1);
    });

    on("changes nothing in the options it is given [DP-B20]", async ({ region }) => {
      const options = Object.freeze({ ttl: 1000, tags: Object.freeze(["x"]), mode: "wait" as const });
      assertEquals(await region().getOrCreate("a", () => 1, options), 1);
    });

    on("runs one creator for a thousand callers [DP-B15, DP-C01, DP-C08]", async ({ region }) => {
      const cache = region();
      const { promise, resolve } = Promise.withResolvers<number>();
      let calls = 0;
      const create = () => (calls++, promise);
      const callers = Array.from({ length: 1000 }, () => cache.getOrCreate("a", create));
      await until(() => calls > 0);
      callers.push(cache.getOrCreate("a", create));
      resolve(7);
      assertEquals(new Set(await Promise.all(callers)), new Set([7]));
      assertEquals(calls, 1);
      assertEquals(cache.counters.create, 1);
    });

    on("runs a failing creator once per wave; all get its error", async ({ region }) => {
      const cache = region();
      let calls = 0;
      const create = async (): Promise<number> => {
        await Promise.resolve();
        throw new Error(`failure ${++calls}`);
      };
      for (const wave of [1, 2]) {
        const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => cache.getOrCreate("a", create)));
        const reasons = outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.message);
        assertEquals(new Set(reasons), new Set([`failure ${wave}`]));
      }
    });

    on("creates other keys meanwhile, also within a creator [DP-M04, DP-M05]", async ({ region }) => {
      const cache = region();
      const outer = await cache.getOrCreate("a", async () => 1 + await cache.getOrCreate("b", () => 1));
      assertEquals([outer, await cache.get("b")], [2, 1]);
    });

    on("frees the caller whose signal aborts, and no other", async ({ region }) => {
      const cache = region();
      const { promise, resolve } = Promise.withResolvers<number>();
      let signal: AbortSignal | undefined;
      const create = (context: { signal: AbortSignal }) => (signal = context.signal, promise);
      const controller = new AbortController();
      const leaving = cache.getOrCreate("a", create, { signal: controller.signal });
      const staying = cache.getOrCreate("a", create);
      await until(() => signal !== undefined);
      controller.abort(new Error("enough"));
      await assertRejects(() => leaving, Error, "enough");
      assertEquals(signal!.aborted, false);
      resolve(1);
      assertEquals([await staying, await cache.get("a")], [1, 1]);
    });

    on("aborts the creator when the last caller has left, and starts anew for the next", async ({ region }) => {
      const cache = region();
      let signal: AbortSignal | undefined;
      const create = (context: { signal: AbortSignal }) => {
        signal = context.signal;
        return new Promise<number>(() => {});
      };
      const controllers = [new AbortController(), new AbortController()];
      const callers = controllers.map(({ signal }) => cache.getOrCreate("a", create, { signal }));
      await until(() => signal !== undefined);
      for (const [index, controller] of controllers.entries()) {
        assertEquals(signal!.aborted, false);
        controller.abort(new Error(`caller ${index}`));
      }
      for (const [index, caller] of callers.entries()) await assertRejects(() => caller, Error, `caller ${index}`);
      assertEquals(signal!.aborted, true);
      assertEquals(await cache.getOrCreate("a", () => 5), 5);
      const gone = AbortSignal.abort(new Error("gone"));
      await assertRejects(
        () => cache.getOrCreate("b", () => unexpected("it was aborted"), { signal: gone }),
        Error,
        "gone",
      );
      for (const call of [cache.get("a", { signal: gone }), cache.set("a", 1, { signal: gone })]) {
        await assertRejects(() => call, Error, "gone");
      }
    });

    on("serves a stale value at once while one refresh runs [DP-A01, DP-A02]", async ({ region, clock }) => {
      const work: Promise<unknown>[] = [];
      const cache = region({ staleWhileRevalidate: 5000, waitUntil: (one) => work.push(one) });
      await cache.getOrCreate("a", () => 1);
      clock.advance(1500);
      const { promise, resolve } = Promise.withResolvers<number>();
      let calls = 0;
      const create = () => (calls++, promise);
      const callers = Array.from({ length: 100 }, () => cache.getOrCreate("a", create));
      assertEquals(new Set(await Promise.all(callers)), new Set([1]));
      assertEquals(await cache.getOrCreate("a", create), 1);
      await until(() => calls > 0);
      resolve(2);
      await Promise.all(work);
      assertEquals([calls, work.length, await cache.get("a")], [1, 1, 2]);
      assertEquals(cache.counters.refresh, 1);
    });

    on(
      "waits for the new value where stale ones are not wanted, and once they are too old",
      async ({ region, clock }) => {
        const cache = region({ staleWhileRevalidate: 5000 });
        const strict = region({ staleWhileRevalidate: 5000, mode: "wait", name: "strict" });
        for (const one of [cache, strict]) await one.setMany([["a", 1], ["b", 1]]);
        clock.advance(1500);
        assertEquals(await cache.getOrCreate("a", () => 2, { mode: "wait" }), 2);
        assertEquals(await strict.getOrCreate("a", () => 2), 2);
        assertEquals(await strict.getOrCreate("b", () => 2, { mode: "stale" }), 1);
        await until(async () => await strict.get("b") === 2);
        clock.advance(4500);
        assertEquals(await cache.getOrCreate("b", () => 3), 3);
      },
    );

    on("goes on serving the old value while refreshes fail, and tells of it", async ({ region, clock }) => {
      const events: string[] = [];
      const cache = region({ staleWhileRevalidate: 5000, onEvent: (event) => events.push(word(event)) });
      await cache.set("a", 1);
      clock.advance(1500);
      assertEquals(await cache.getOrCreate("a", () => Promise.reject(new Error("down"))), 1);
      await until(() => events.includes("error a"));
      await until(async () => await cache.getOrCreate("a", () => 2) === 2);
    });

    on("leaves refreshes to a hook, which is given the key [DP-A01, DP-A02, DP-C10]", async ({ region, clock }) => {
      const asked: { key: string; run(): Promise<number> }[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const options = { staleWhileRevalidate: 5000, mangle: (key: string) => `mangled ${key}` };
      const cache = region<number>({
        ...options,
        background: async (refresh) => {
          asked.push(refresh);
          await promise;
          await refresh.run();
        },
      });
      await cache.set("a", 1);
      clock.advance(1500);
      assertEquals(await cache.getOrCreate("a", () => 2), 1);
      assertEquals(await cache.getOrCreate("a", () => 3), 1);
      resolve();
      await until(async () => await cache.get("a") === 2);
      assertEquals(asked.map(({ key }) => key), ["a"]);
    });

    on("asks a hook once that leaves the refresh to others", async ({ region, clock }) => {
      let asked = 0;
      const cache = region({ staleWhileRevalidate: 60_000, background: () => void asked++ });
      await cache.set("a", 1);
      clock.advance(1500);
      for (let call = 0; call < 5; call++) {
        assertEquals(await cache.getOrCreate("a", () => 2), 1);
        await until(() => asked > 0);
      }
      assertEquals(asked, 1);
      clock.advance(10_001);
      assertEquals(await cache.getOrCreate("a", () => 2), 1);
      await until(() => asked === 2);
    });

    on("falls back to the old value when the creator fails, for a time [X-13]", async ({ region, clock }) => {
      const cache = region({ staleIfError: 5000 });
      await cache.set("a", 1);
      clock.advance(1500);
      const fail = () => Promise.reject(new Error("down"));
      assertEquals(await cache.getOrCreate("a", fail), 1);
      assertEquals([...await cache.getOrCreateMany(["a"], fail)], [["a", 1]]);
      assertEquals(cache.counters.error, 2);
      clock.advance(4500);
      await assertRejects(() => cache.getOrCreate("a", fail), Error, "down");
    });

    on("refreshes before a value goes stale, when told to", async ({ region, clock }) => {
      const cache = region({ refreshAhead: 300 });
      await cache.set("a", 1);
      clock.advance(699);
      assertEquals(await cache.getOrCreate("a", () => 2), 1);
      assertEquals(cache.counters.refresh, 0);
      clock.advance(1);
      assertEquals(await cache.getOrCreate("a", () => 2), 1);
      await until(async () => await cache.get("a") === 2);
    });

    on("refreshes early at random, the likelier the longer creating takes (XFetch)", async ({ region, clock }) => {
      let random = 1;
      const cache = region({ earlyRefresh: 1, random: () => random });
      await cache.getOrCreate("a", () => (clock.advance(100), 1));
      clock.advance(800);
      // 200 ms are left: 100 ms · -ln(0.2) = 161 ms is not enough, 100 ms · -ln(0.1) = 230 ms is.
      random = 0.2;
      await cache.getOrCreate("a", () => 2);
      assertEquals(cache.counters.refresh, 0);
      random = 0.1;
      assertEquals(await cache.getOrCreate("a", () => 3), 1);
      await until(async () => await cache.get("a") === 3);
    });

    on("varies lifetimes when told to", async ({ region, clock }) => {
      const cache = region({ jitter: 0.1, random: () => 0.5 });
      await cache.set("a", 1);
      assertEquals((await cache.getEntry("a"))!.freshUntil, clock.now() + 950);
    });

    on("makes a value anew on demand [DP-D12]", async ({ region }) => {
      const cache = region();
      await cache.set("a", 1);
      assertEquals(await cache.refresh("a", ({ previous }) => previous! + 1), 2);
      assertEquals(await cache.get("a"), 2);
    });

    on("invalidates hard: all values are gone, and made once more [DP-R30, DP-R31, DP-R32]", async ({ region }) => {
      const cache = region({ staleWhileRevalidate: 5000 });
      let calls = 0;
      const create = () => ++calls;
      for (const round of [1, 2, 3]) {
        assertEquals([await cache.getOrCreate("a", create), await cache.getOrCreate("a", create)], [round, round]);
        await cache.invalidate();
        assertEquals(await cache.get("a"), undefined);
        assertEquals(await cache.get("a", { stale: true }), undefined);
      }
      await cache.setMany([["x", 1], ["y", 2]]);
      await cache.invalidate();
      assertEquals((await cache.getMany(["x", "y"])).size, 0);
    });

    on("invalidates softly: values are stale, and refreshed [DP-R33, DP-R34, DP-R35, DP-R36]", async ({ region }) => {
      const cache = region({ staleWhileRevalidate: 5000 });
      const plain = region({ name: "plain", ttl: Infinity });
      for (const one of [cache, plain]) {
        await one.set("a", 1);
        await one.invalidate({ mode: "soft" });
        assertEquals([await one.get("a"), await one.get("a", { stale: true })], [undefined, 1]);
      }
      assertEquals(await plain.getOrCreate("a", () => 2), 2);
      assertEquals(await cache.getOrCreate("a", () => 2), 1);
      await until(async () => await cache.get("a") === 2);
    });

    on("keeps what was invalidated hard so after a soft invalidation [X-14]", async ({ region }) => {
      const cache = region({ staleWhileRevalidate: 5000 });
      await cache.set("a", 1);
      await cache.invalidate({ mode: "hard" });
      await cache.invalidate({ mode: "soft" });
      assertEquals(await cache.get("a", { stale: true }), undefined);
      assertEquals(await cache.getOrCreate("a", () => 2), 2);
    });

    on("invalidates by tag", async ({ region }) => {
      const cache = region();
      await cache.set("ada", 1, { tags: ["people", "england"] });
      await cache.getOrCreate("emmy", () => 2, { tags: ["people"] });
      await cache.getOrCreateMany(["oslo"], () => [["oslo", 3]], { tags: ["cities"] });
      assertEquals((await cache.getMany(["ada", "emmy", "oslo"])).size, 3);
      await cache.invalidateTags(["england", "nobody"]);
      assertEquals([...(await cache.getMany(["ada", "emmy", "oslo"])).keys()], ["emmy", "oslo"]);
      await cache.invalidateTags(["people"]);
      assertEquals([...(await cache.getMany(["ada", "emmy", "oslo"])).keys()], ["oslo"]);
      await cache.set("ada", 4, { tags: ["people", "__proto__"] });
      assertEquals(await cache.get("ada"), 4);
    });

    on("clears what starts with a prefix, or all", async ({ region }) => {
      const cache = region();
      const other = region({ name: "other" });
      await other.set("a/1", 0);
      await cache.setMany([["a/1", 1], ["a/2", 2], ["b/1", 3]]);
      await cache.clear({ prefix: "a/" });
      assertEquals([...(await cache.getMany(["a/1", "a/2", "b/1"])).keys()], ["b/1"]);
      await cache.clear();
      assertEquals([await cache.has("b/1"), await other.has("a/1")], [false, true]);
    });

    on("takes another strategy of invalidation, which sees key and entry", async ({ region, clock }) => {
      const limits = new Map<string, number>();
      const modes: string[] = [];
      const cache = region({
        staleWhileRevalidate: 1000,
        invalidation: {
          judge: (key, entry) => entry.createdAt < limits.get(key)! ? "hard" : undefined,
          invalidate: (mode) => void modes.push(mode),
        },
      });
      await cache.setMany([["a", 1], ["b", 2]]);
      limits.set("a", clock.now() + 1);
      clock.advance(1);
      assertEquals([...await cache.getMany(["a", "b"])], [["b", 2]]);
      assertEquals(await cache.getOrCreate("a", () => 3), 3);
      assertEquals(await cache.getOrCreate("a", () => 4), 3);
      await cache.invalidate({ mode: "soft" });
      assertEquals([modes, await cache.get("b")], [["soft"], 2]);
    });

    const changes: Readonly<Record<string, (cache: Region<number>) => Promise<unknown>>> = {
      "delete()": (cache) => cache.delete("a"),
      "set()": (cache) => cache.set("a", 50),
      "clear()": (cache) => cache.clear({ prefix: "a" }),
      "invalidate()": (cache) => cache.invalidate(),
      "invalidateTags()": (cache) => cache.invalidateTags(["tag"]),
    };
    for (const [name, change] of Object.entries(changes)) {
      for (const isThere of [false, true]) {
        for (const isElsewhere of subject.isShared === false ? [false] : [false, true]) {
          const where = isElsewhere ? "in another process" : "in this process";
          const when = isThere ? "refreshed" : "made";
          on(`lets ${name} ${where} win over a value that is being ${when}`, async ({ region, clock }) => {
            const cache = region({ staleIfError: 60_000 });
            const other = isElsewhere ? region({ staleIfError: 60_000 }) : cache;
            const tags = ["tag"];
            if (isThere) await cache.set("a", 1, { tags });
            clock.advance(1500);
            const { promise, resolve } = Promise.withResolvers<number>();
            const late = cache.getOrCreate("a", () => promise, { tags });
            await until(() => cache.counters.create === 1);
            await change(other);
            const there = name === "set()" ? 50 : undefined;
            assertEquals(await cache.get("a", { stale: true }), there);
            // Nobody who comes now waits for the late value.
            if (!there) assertEquals(await other.getOrCreate("b", () => 9, { tags }), 9);
            resolve(2);
            assertEquals(await late, 2);
            assertEquals([await cache.get("a"), await other.get("a")], [there, there]);
            assertEquals(await other.getOrCreate("a", () => 3), there ?? 3);
            assertEquals(await cache.get("a"), there ?? 3);
          });
        }
      }
    }

    on("starts a new creator after a deletion, and stores what that one made", async ({ region }) => {
      const cache = region();
      const first = Promise.withResolvers<number>();
      const early = cache.getOrCreate("a", () => first.promise);
      await until(() => cache.counters.create === 1);
      await cache.delete("a");
      const second = Promise.withResolvers<number>();
      const late = cache.getOrCreate("a", () => second.promise);
      await until(() => cache.counters.create === 2);
      first.resolve(1);
      assertEquals(await early, 1);
      second.resolve(2);
      assertEquals([await late, await cache.get("a")], [2, 2]);
    });

    on("creates many: what is missing, once, in the order asked for [DP-R16, DP-R21, DP-D14]", async ({ region }) => {
      const cache = region();
      await cache.set("b", 20);
      const asked: (readonly string[])[] = [];
      const create = (keys: readonly string[]) => {
        asked.push(keys);
        return [...keys].reverse().filter((key) => key !== "none").map((key) => [key, key.charCodeAt(0)] as const);
      };
      const values = await cache.getOrCreateMany(["c", "b", "none", "a", "c"], create);
      assertEquals([...values], [["c", 99], ["b", 20], ["a", 97]]);
      assertEquals(asked, [["c", "none", "a"]]);
      assertEquals(await cache.has("none"), false);
      assertEquals([...await cache.getOrCreateMany(["a", "c"], create)], [["a", 97], ["c", 99]]);
      assertEquals(asked.length, 1);
    });

    on("creates each key once for any number of cold callers [X-07, DP-B16]", async ({ region }) => {
      const cache = region();
      const running = new Set<string>();
      const made: string[] = [];
      const create = async (keys: readonly string[]) => {
        for (const key of keys) {
          assert(!running.has(key), `two creators of ${key}`);
          running.add(key);
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
        for (const key of keys) running.delete(key);
        made.push(...keys);
        return keys.map((key) => [key, Number(key)] as const);
      };
      const sets = Array.from({ length: 20 }, (_, n) => [n % 7, (n * 3) % 7, (n * 5 + 1) % 7].map(String));
      const answers = await Promise.all(sets.map((keys) => cache.getOrCreateMany(keys, create)));
      for (const [index, answer] of answers.entries()) {
        assertEquals([...answer], [...new Set(sets[index])].map((key) => [key, Number(key)]));
      }
      assertEquals(made.sort(), ["0", "1", "2", "3", "4", "5", "6"]);
    });

    on("shares keys between calls for one and for many", async ({ region }) => {
      const cache = region();
      const { promise, resolve } = Promise.withResolvers<void>();
      const many = cache.getOrCreateMany(["a", "b", "none"], async () => {
        await promise;
        return [["a", 1], ["b", 2]];
      });
      await until(() => cache.counters.create === 3);
      const one = cache.getOrCreate("a", () => unexpected("it is being made"));
      const none = cache.getOrCreate("none", () => 3);
      resolve();
      assertEquals([await one, await none, (await many).size], [1, 3, 2]);
    });

    on("passes the error of a creator of many on to all who wait", async ({ region }) => {
      const cache = region();
      const { promise, reject } = Promise.withResolvers<never>();
      const first = cache.getOrCreateMany(["a", "b"], () => promise);
      await until(() => cache.counters.create === 2);
      const second = cache.getOrCreateMany(["b", "c"], () => [["c", 3]]);
      await until(() => cache.counters.wait === 1);
      reject(new Error("down"));
      const outcomes = await Promise.allSettled([first, second]);
      assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
      assertEquals(await cache.getOrCreate("a", () => 1), 1);
    });

    on("serves stale values among many, and refreshes them together", async ({ region, clock }) => {
      const cache = region({ staleWhileRevalidate: 5000 });
      await cache.setMany([["a", 1], ["b", 2]]);
      clock.advance(1500);
      const asked: (readonly string[])[] = [];
      const create = (keys: readonly string[]) => {
        asked.push(keys);
        return keys.map((key) => [key, 9] as const);
      };
      assertEquals([...await cache.getOrCreateMany(["a", "c", "b"], create)], [["a", 1], ["c", 9], ["b", 2]]);
      await until(async () => (await cache.getMany(["a", "b"])).size === 2);
      assertEquals(asked.map((keys) => keys.join()).sort(), ["a,b", "c"]);
    });

    on("tells what happens, in order", async ({ region, clock }) => {
      const events: RegionEvent[] = [];
      const cache = region({ staleWhileRevalidate: 5000, lease: false, onEvent: (event) => events.push(event) });
      await Promise.all([cache.getOrCreate("a", () => 1), cache.getOrCreate("a", () => 1)]);
      await cache.getOrCreate("a", () => 1);
      clock.advance(1500);
      await cache.getOrCreate("a", () => 2);
      await until(() => cache.counters.refresh === 1);
      await until(async () => await cache.get("a") === 2);
      await cache.invalidate();
      const words = events.map(word);
      assertEquals(words.slice(0, 6), ["miss a", "wait a", "create a", "hit a", "stale a", "refresh a"]);
      assertEquals(words.at(-1), "invalidate");
      assertEquals(cache.counters.create, 1);
      assertEquals(cache.counters.invalidate, 1);
    });

    on("does not mind an observer that throws", async ({ region }) => {
      const cache = region({
        onEvent: () => {
          throw new Error("not now");
        },
      });
      assertEquals(await cache.getOrCreate("a", () => 1), 1);
    });

    for (
      const mangle of ["sha256", { overBytes: 100 }, (key: string) => `${key.length} ${key.slice(0, 50)}`] as const
    ) {
      const name = typeof mangle === "string" ? mangle : typeof mangle === "function" ? "a function" : "those too long";
      on(`shortens keys: ${name} [DP-R06, DP-R07]`, async ({ region }) => {
        const cache = region({ mangle });
        const long = "k".repeat(3000);
        await cache.set("a", 1);
        assertEquals(await cache.getOrCreate(long, () => 2), 2);
        assertEquals([...await cache.getMany([long, "a"])], [[long, 2], ["a", 1]]);
        assertEquals([await cache.delete(long), await cache.has(long), await cache.has("a")], [true, false, true]);
        await assertRejects(() => cache.clear({ prefix: "a" }), TypeError);
      });
    }

    on("keeps a hook's and a creator's work among processes: one makes a value, others wait for it", async (t) => {
      const [first, second] = [t.region(), t.region()];
      assertEquals(first.scope, "shared");
      const { promise, resolve } = Promise.withResolvers<number>();
      let calls = 0;
      const create = () => (calls++, promise);
      const one = first.getOrCreate("a", create);
      await until(() => calls === 1);
      const others = Array.from({ length: 10 }, () => second.getOrCreate("a", create));
      await until(() => second.counters.wait > 9);
      resolve(4);
      assertEquals([await one, ...await Promise.all(others)], Array(11).fill(4));
      assertEquals(calls, 1);
    }, { shared: true });

    on("lets another process make the value when a creator fails elsewhere", async ({ region }) => {
      const [first, second] = [region(), region()];
      const { promise, reject } = Promise.withResolvers<number>();
      const one = first.getOrCreate("a", () => promise);
      await until(() => first.counters.create === 1);
      const other = second.getOrCreate("a", () => 2);
      await until(() => second.counters.wait > 0);
      reject(new Error("down"));
      await assertRejects(() => one, Error, "down");
      assertEquals([await other, await first.get("a")], [2, 2]);
    }, { shared: true });

    on("frees a caller that waits for another process", async ({ region }) => {
      const [first, second] = [region(), region()];
      const { promise, resolve } = Promise.withResolvers<number>();
      const one = first.getOrCreate("a", () => promise);
      await until(() => first.counters.create === 1);
      const controller = new AbortController();
      const other = second.getOrCreate("a", () => 2, { signal: controller.signal });
      await until(() => second.counters.wait > 0);
      controller.abort(new Error("enough"));
      await assertRejects(() => other, Error, "enough");
      resolve(1);
      assertEquals([await one, await second.get("a")], [1, 1]);
    }, { shared: true });

    on("gives up a holder that does not renew; its value goes to its own callers [X-05]", async ({ region, clock }) => {
      const events: string[] = [];
      const first = region({ onEvent: (event) => events.push(word(event)) });
      const second = region();
      const { promise, resolve } = Promise.withResolvers<number>();
      const one = first.getOrCreate("a", () => promise);
      await until(() => first.counters.create === 1);
      const other = second.getOrCreate("a", () => 2);
      await until(() => second.counters.wait > 0);
      clock.advance(10_001);
      assertEquals(await other, 2);
      // Where the clock jumped under an attempt, the second lease was over, too, and the value is not stored.
      assertEquals(await second.getOrCreate("a", () => 2), 2);
      resolve(1);
      assertEquals([await one, await first.get("a")], [1, 2]);
      assert(events.includes("lease a lost"));
    }, { shared: true });

    on("renews its lease while the creator runs", async ({ region, clock }) => {
      const started = performance.now();
      const now = () => clock.now() + performance.now() - started;
      const options = { lease: { ttl: 300 }, now };
      const [first, second] = [region(options), region(options)];
      const { promise, resolve } = Promise.withResolvers<number>();
      const one = first.getOrCreate("a", () => promise);
      await until(() => first.counters.create === 1);
      const began = Date.now();
      const other = second.getOrCreate("a", () => unexpected("somebody makes it"));
      await until(() => Date.now() - began > 700);
      resolve(1);
      assertEquals([await one, await other], [1, 1]);
    }, { shared: true });

    on("refreshes a stale value in one process only", async ({ region, clock }) => {
      const [first, second] = [region({ staleWhileRevalidate: 5000 }), region({ staleWhileRevalidate: 5000 })];
      await first.set("a", 1);
      clock.advance(1500);
      const { promise, resolve } = Promise.withResolvers<number>();
      assertEquals(await first.getOrCreate("a", () => promise), 1);
      await until(() => first.counters.refresh === 1);
      assertEquals(await second.getOrCreate("a", () => unexpected("it is being refreshed")), 1);
      assertEquals([...await second.getOrCreateMany(["a"], () => unexpected("it is"))], [["a", 1]]);
      resolve(2);
      await until(async () => await second.get("a") === 2);
    }, { shared: true });

    on("creates many in one process only, and waits for keys of another", async ({ region }) => {
      const [first, second] = [region(), region()];
      const { promise, resolve } = Promise.withResolvers<void>();
      const made: string[] = [];
      const create = async (keys: readonly string[]) => {
        made.push(...keys);
        await promise;
        return keys.map((key) => [key, key.charCodeAt(0)] as const);
      };
      const one = first.getOrCreateMany(["a", "b"], create);
      await until(() => made.length === 2);
      const other = second.getOrCreateMany(["b", "c"], create);
      await until(() => made.length === 3);
      resolve();
      assertEquals([[...await one], [...await other]], [[["a", 97], ["b", 98]], [["b", 98], ["c", 99]]]);
      assertEquals(made, ["a", "b", "c"]);
    }, { shared: true });

    on("leaves no trace of leases in the store", async ({ region, store }) => {
      const raw = store();
      const cache = region();
      await cache.getOrCreate("a", () => 1);
      await assertRejects(() => cache.getOrCreate("b", () => Promise.reject(new Error("down"))));
      await cache.getOrCreate("c", ({ noStore }) => (noStore(), 1));
      assertEquals([await Array.fromAsync(raw.keys()), await raw.size], [["region:v:a"], 1]);
    }, { shared: true });

    on("invalidates for all processes", async ({ region }) => {
      const [first, second] = [region(), region()];
      await first.setMany([["a", 1], ["b", 2]]);
      await first.set("c", 3, { tags: ["tag"] });
      assertEquals((await second.getMany(["a", "b", "c"])).size, 3);
      await first.invalidateTags(["tag"]);
      assertEquals([await second.has("b"), await second.has("c")], [true, false]);
      await second.invalidate();
      assertEquals((await first.getMany(["a", "b"])).size, 0);
    }, { shared: true });

    on("keeps to its process without leases, and says so", async ({ region }) => {
      const cache = region({ lease: false });
      assertEquals([cache.scope, region().scope], ["process", "shared"]);
      let calls = 0;
      const create = async () => (await Promise.resolve(), ++calls);
      assertEquals(await Promise.all([cache.getOrCreate("a", create), cache.getOrCreate("a", create)]), [1, 1]);
    }, { shared: true });
  });
}
