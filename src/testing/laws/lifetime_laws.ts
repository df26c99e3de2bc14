/**
 * Laws of lifetimes: one clock, and an expired entry is absent for every call.
 *
 * @module
 */

import { EXPIRED, type Lifetime } from "../../core/lifetime.ts";
import { expect, expectEqual, expectRejection } from "../expect.ts";
import { law, type LawContext, type StoreLaw } from "./law.ts";

const HOUR = 3_600_000;
const TEN_YEARS = 315_360_000_000;

/** Calls on an entry that has expired, and what each must answer: what it answers for an absent key. */
const CALLS_AFTER_EXPIRY: readonly (readonly [
  title: string,
  check: (context: LawContext) => Promise<void>,
  needs: "list" | "ttl",
])[] = [
  ["get(), getOrInsert() and entry() miss it", async ({ store, value }) => {
    expectEqual(await store.get("key"), undefined, "get");
    expectEqual(await store.entry("key"), undefined, "entry");
    expectEqual(await store.getOrInsert("key", value(1)), value(1), "getOrInsert");
    expectEqual(await store.get("key"), value(1), "get after getOrInsert");
  }, "ttl"],
  ["has() is false", async ({ store }) => expectEqual(await store.has("key"), false, "has"), "ttl"],
  ["delete() is false", async ({ store }) => expectEqual(await store.delete("key"), false, "delete"), "ttl"],
  ["take() misses it", async ({ store }) => expectEqual(await store.take("key"), undefined, "take"), "ttl"],
  ["touch() is false and does not revive it", async ({ store }) => {
    expectEqual(await store.touch("key", HOUR), false, "touch");
    expectEqual(await store.get("key"), undefined, "get");
  }, "ttl"],
  ["add() writes (X-01)", async ({ store, value }) => {
    expectEqual(await store.add("key", value(1)), true, "add");
    expectEqual(await store.get("key"), value(1), "get");
  }, "ttl"],
  ["update() sees nothing", async ({ store, value }) => {
    await store.update("key", (old) => (expectEqual(old, undefined, "old value"), value(1)));
    expectEqual(await store.get("key"), value(1), "get");
  }, "ttl"],
  ["getMany() leaves it out, deleteMany() does not count it", async ({ store, value }) => {
    expectEqual([...await store.getMany(["key", "live"])], [["live", value(2)]], "getMany");
    expectEqual(await store.deleteMany(["key", "live"]), 1, "deleteMany");
  }, "ttl"],
  ["listings and size leave it out", async ({ store }) => {
    expectEqual(await Array.fromAsync(store.keys()), ["live"], "keys");
    expectEqual((await Array.fromAsync(store)).map(([key]) => key), ["live"], "entries");
    expectEqual(await store.size, 1, "size");
  }, "list"],
  ["prune() drops it and leaves the others", async ({ store, value }) => {
    await store.prune();
    expectEqual(await store.prune(), 0, "second prune");
    expectEqual(await store.get("key"), undefined, "get");
    expectEqual(await store.get("live"), value(2), "get of a live one");
  }, "ttl"],
];

function lives(title: string, lifetime: (now: number) => Lifetime, milliseconds: number): StoreLaw {
  return law(title, async ({ store, value, advance, clock }) => {
    await store.set("key", value(0), lifetime(clock.now()));
    const entry = await store.entry("key");
    expect(entry !== undefined, "it must be there at first");
    expectEqual(entry.expiresAt, clock.now() + milliseconds, "expiresAt");
    await advance(milliseconds - 1);
    expectEqual(await store.get("key"), value(0), "get 1 ms before");
    await advance(1);
    expectEqual(await store.get("key"), undefined, "get at the moment itself");
  }, ["ttl"]);
}

function neverLives(title: string, lifetime: (now: number) => Lifetime): StoreLaw {
  return law(title, async ({ store, value, clock }) => {
    const expired = lifetime(clock.now());
    await store.set("key", value(0));
    expect(await store.set("key", value(1), expired) === store, "set must resolve to the store");
    expectEqual(await store.has("key"), false, "has after set");
    expectEqual(await store.add("key", value(1), expired), true, "add of an absent key");
    expectEqual(await store.has("key"), false, "has after add");
    await store.set("key", value(0));
    expectEqual(await store.add("key", value(1), expired), false, "add of a key that is there");
    expectEqual(await store.get("key"), value(0), "get");
    await store.setMany([["key", value(1)], ["other", value(1)]], expired);
    expectEqual([...await store.getMany(["key", "other"])], [], "getMany after setMany");
  }, ["ttl"]);
}

function livesForEver(title: string, lifetime: Lifetime): StoreLaw {
  return law(title, async ({ open, value, advance }) => {
    const store = await open({ ttl: 1000 });
    await store.set("key", value(0), lifetime);
    expectEqual((await store.entry("key"))?.expiresAt, undefined, "expiresAt");
    await advance(HOUR);
    expectEqual(await store.get("key"), value(0), "get");
  }, ["ttl"]);
}

/** Laws of lifetimes. */
export const lifetimeLaws: readonly StoreLaw[] = [
  lives("an entry lives as long as its ttl, to the millisecond (CT-09)", () => ({ ttl: 1000 }), 1000),
  lives("an entry may live for 1 ms (X-02)", () => ({ ttl: 1 }), 1),
  lives("an entry may live for ten years", () => ({ ttl: TEN_YEARS }), TEN_YEARS),
  lives("a ttl may be a duration", () => ({ ttl: { hours: 1, minutes: 30, milliseconds: 5 } }), 5_400_005),
  lives("an entry lives until expiresAt (CT-10)", (now) => ({ expiresAt: now + 5000 }), 5000),
  livesForEver("a ttl of Infinity never expires, whatever the default", { ttl: Infinity }),
  livesForEver("an expiresAt of Infinity never expires, whatever the default", { expiresAt: Infinity }),
  neverLives("a ttl of 0 is expired already (X-02)", () => ({ ttl: 0 })),
  neverLives("a negative ttl is expired already (X-02)", () => ({ ttl: -1000 })),
  neverLives("a ttl of -Infinity is expired already (X-02)", () => ({ ttl: -Infinity })),
  neverLives("an expiresAt in the past is expired already", (now) => ({ expiresAt: now - 1 })),
  ...CALLS_AFTER_EXPIRY.map(([title, check, need]) =>
    law(`after expiry ${title}`, async (context) => {
      await context.store.set("key", context.value(0), { ttl: 1000 });
      await context.store.set("live", context.value(2), { ttl: HOUR });
      await context.advance(1000);
      await check(context);
    }, ["ttl", need])
  ),
  law(
    "a ttl of NaN is a RangeError, nonsense a TypeError, and the old value stays (X-02)",
    async ({ store, value }) => {
      await store.set("key", value(0));
      const isRangeError = (error: unknown) => error instanceof RangeError;
      const isTypeError = (error: unknown) => error instanceof TypeError;
      await expectRejection(() => store.set("key", value(1), { ttl: NaN }), isRangeError, "NaN");
      await expectRejection(() => store.set("key", value(1), { ttl: { hours: NaN } }), isRangeError, "NaN hours");
      await expectRejection(() => store.set("key", value(1), { expiresAt: NaN }), isRangeError, "NaN expiresAt");
      await expectRejection(() => store.touch("key", NaN), isRangeError, "touch");
      await expectRejection(() => store.setMany([["key", value(1)]], { ttl: NaN }), isRangeError, "setMany");
      await expectRejection(() => store.set("key", value(1), { ttl: 1, expiresAt: 1 }), isTypeError, "both");
      for (const ttl of ["5m", { fortnights: 1 }, {}, null, true] as unknown as number[]) {
        await expectRejection(() => store.set("key", value(1), { ttl }), isTypeError, `ttl ${JSON.stringify(ttl)}`);
      }
      const entry = await store.entry("key");
      expectEqual([entry?.value, entry?.expiresAt], [value(0), undefined], "entry");
    },
    ["ttl"],
  ),
  law("a default ttl counts where a call gives none", async ({ open, value, advance }) => {
    const store = await open({ ttl: 1000 });
    await store.set("set", value(0));
    await store.add("add", value(0));
    await store.setMany([["setMany", value(0)]]);
    await store.getOrInsert("getOrInsert", value(0));
    await store.update("update", () => value(0));
    await store.set("longer", value(1), { ttl: 5000 });
    const keys = ["set", "add", "setMany", "getOrInsert", "update", "longer"];
    await advance(999);
    expectEqual((await store.getMany(keys)).size, 6, "entries before");
    await advance(1);
    expectEqual([...(await store.getMany(keys)).keys()], ["longer"], "keys after");
  }, ["ttl"]),
  law("set() without a ttl takes an earlier lifetime away", async ({ store, value, advance }) => {
    await store.set("key", value(0), { ttl: 1000 });
    await store.set("key", value(1));
    await advance(HOUR);
    expectEqual(await store.get("key"), value(1), "get");
  }, ["ttl"]),
  law("update() keeps a lifetime unless it is given one", async ({ store, value, advance }) => {
    await store.set("kept", value(0), { ttl: 1000 });
    await store.update("kept", () => value(1));
    await store.set("given", value(0), { ttl: 1000 });
    await store.update("given", () => value(1), { ttl: 5000 });
    await advance(1000);
    expectEqual(await store.get("kept"), undefined, "get of the kept");
    expectEqual(await store.get("given"), value(1), "get of the given");
  }, ["ttl"]),
  law("touch() gives a live entry a new lifetime and leaves its value (CT-11)", async ({ store, value, advance }) => {
    await store.set("key", value(0));
    expectEqual(await store.touch("key", { seconds: 1 }), true, "touch of an eternal entry");
    await advance(500);
    expectEqual(await store.touch("key", 1000), true, "second touch");
    await advance(999);
    expectEqual(await store.get("key"), value(0), "get");
    expectEqual(await store.touch("key", Infinity), true, "touch for ever");
    await advance(HOUR);
    expectEqual(await store.get("key"), value(0), "get of the eternal");
    expectEqual(await store.touch("key", 0), true, "touch with 0");
    expectEqual(await store.has("key"), false, "has");
    expectEqual(await store.touch("key", 1000), false, "touch of an absent key");
  }, ["ttl"]),
  law("setMany() gives all entries the lifetime", async ({ store, value, advance }) => {
    await store.setMany([["a", value(0)], ["b", value(1)]], { ttl: 1000 });
    await advance(999);
    expectEqual((await store.getMany(["a", "b"])).size, 2, "before");
    await advance(1);
    expectEqual((await store.getMany(["a", "b"])).size, 0, "after");
  }, ["ttl"]),
  law(
    "a backend that is handed a moment in the past keeps nothing",
    async ({ store, value, backend, subject, clock }) => {
      const place = await backend();
      const codec = subject.codec ?? (place as { codec?: { encode(value: unknown): unknown } }).codec;
      const inner = (codec && place.withFormat?.(codec as object)) ?? place;
      const raw = (codec ? await codec.encode(value(0)) : value(0)) as Uint8Array;
      for (const expiresAt of [EXPIRED, 0, clock.now() - 1, clock.now()]) {
        await store.set("key", value(0));
        await inner.write("key", raw, { expiresAt });
        expectEqual(await store.has("key"), false, `has after a write with expiresAt ${expiresAt}`);
      }
    },
    ["ttl"],
  ),
];
