/** Memoized functions, methods and functions of many, over a store in memory and a shared one. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { none } from "../../src/backends/none.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { memoize, type Memoized } from "../../src/cache/memoize.ts";
import { memoizeMany } from "../../src/cache/memoize_many.ts";
import { Region, type RegionOptions } from "../../src/cache/region.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const STORES: Readonly<Record<string, (now: Clock) => Store<unknown>>> = {
  memory: (now) => new Store(memory({ now })),
  sqlite: (now) => new Store(sqlite(":memory:", { now })),
};

/** A promise that a test lets go on. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

for (const [name, makeStore] of Object.entries(STORES)) {
  const setUp = (options: RegionOptions = {}) => {
    const clock = new FakeClock(1_000_000);
    const store = makeStore(clock.now);
    return { clock, store, region: new Region({ ttl: 1000, store, ...options }) };
  };

  describe(`memoize() over ${name}`, () => {
    test("passes arguments and result on, and calls once for equal arguments (CT-40, DP-D01)", async () => {
      const { region, clock } = setUp();
      const calls: unknown[] = [];
      const join = memoize(function join(word: string, options: { times: number; sep?: string }) {
        calls.push([word, options]);
        return Array(options.times).fill(word).join(options.sep ?? "");
      }, { region });
      assertEquals(await join("a", { times: 2, sep: "-" }), "a-a");
      assertEquals(await join("a", { sep: "-", times: 2 }), "a-a");
      assertEquals(await join("a", { times: 2 }), "aa");
      assertEquals(calls, [["a", { times: 2, sep: "-" }], ["a", { times: 2 }]]);
      clock.advance(1000);
      assertEquals(await join("a", { times: 2 }), "aa");
      assertEquals(calls.length, 3);
    });

    test("keeps null, 0, false and empty text, but not undefined", async () => {
      const { region } = setUp();
      let calls = 0;
      const same = memoize(function same<T>(value: T): T {
        calls++;
        return value;
      }, { region }) as Memoized<[unknown], unknown>;
      for (const value of [null, 0, false, ""]) {
        calls = 0;
        assertEquals([await same(value), await same(value), calls], [value, value, 1]);
        assertEquals(await same.peek(value), value);
      }
      calls = 0;
      assertEquals([await same(undefined), await same(undefined), calls], [undefined, undefined, 2]);
    });

    test("calls once for a thousand callers at one time, and tells all of one error", async () => {
      const { region } = setUp();
      let calls = 0;
      const { open, opened } = gate();
      const slow = memoize(async function slow(id: number) {
        calls++;
        await opened;
        if (id < 0) throw new RangeError("no such id");
        return { id };
      }, { region });
      const many = (id: number) => Promise.allSettled(Array.from({ length: 1000 }, () => slow(id)));
      const answers = Promise.all([many(7), many(-1)]);
      open();
      const [good, bad] = await answers;
      assertEquals(calls, 2);
      assert(good.every((one) => one.status === "fulfilled" && one.value.id === 7));
      assert(bad.every((one) => one.status === "rejected" && one.reason instanceof RangeError));
      await assertRejects(() => slow(-1), RangeError);
      assertEquals(calls, 3);
    });

    test("has a lifetime of its own, which may be told of value and key (CT-41, DP-D03, DP-D04)", async () => {
      const { region, clock } = setUp();
      const told: unknown[] = [];
      let calls = 0;
      const shorter = memoize(function shorter() {
        return ++calls;
      }, { region, ttl: { milliseconds: 100 } });
      const chosen = memoize(function chosen(word: string) {
        return `${word}${++calls}`;
      }, {
        region,
        ttl: async (value, key) => {
          told.push([value, key]);
          return await Promise.resolve(value.startsWith("long") ? 5000 : 10);
        },
      });
      assertEquals([await shorter(), await chosen("long"), await chosen("short")], [1, "long2", "short3"]);
      assertEquals(told, [["long2", 'chosen("long")'], ["short3", 'chosen("short")']]);
      clock.advance(50);
      assertEquals([await shorter(), await chosen("long"), await chosen("short")], [1, "long2", "short4"]);
      clock.advance(950);
      assertEquals([await shorter(), await chosen("long")], [5, "long2"]);
    });

    test("never serves what has a lifetime of 0 (DP-D05)", async () => {
      const { region } = setUp();
      let calls = 0;
      const never = memoize(function never() {
        return ++calls;
      }, { region, ttl: () => 0 });
      assertEquals([await never(), await never(), await never.peek()], [1, 2, undefined]);
    });

    test("does not keep what shouldCache() refuses, and only that (CT-42)", async () => {
      const { region } = setUp();
      const refused: string[] = [];
      let calls = 0;
      const count = memoize(function count(word: string) {
        return `${word}${++calls}`;
      }, {
        region,
        shouldCache: (value, key) => {
          if (value.startsWith("b")) refused.push(key);
          return !value.startsWith("b");
        },
      });
      assertEquals([await count("a"), await count("a"), await count("b"), await count("b")], ["a1", "a1", "b2", "b3"]);
      assertEquals(refused, ['count("b")', 'count("b")']);
    });

    test("forgets one result (CT-43, DP-D06, DP-D30, DP-B18)", async () => {
      const { region } = setUp();
      let calls = 0;
      const count = memoize(function count(_: number) {
        return ++calls;
      }, { region });
      assertEquals([await count(1), await count(2)], [1, 2]);
      assertEquals([await count.invalidate(2), await count.invalidate(2), await count.invalidate(9)], [
        true,
        false,
        false,
      ]);
      assertEquals([await count(1), await count(2)], [1, 3]);
    });

    test("does without where no region is chosen (CT-44), and with the one that is", async () => {
      const { region } = setUp();
      const { region: other } = setUp();
      let calls = 0;
      const count = memoize(function count(where: string) {
        return `${where}${++calls}`;
      }, { region: (where) => where === "none" ? undefined : where === "one" ? region : other });
      assertEquals([await count("none"), await count("none")], ["none1", "none2"]);
      assertEquals([await count("one"), await count("one"), await count("two")], ["one3", "one3", "two4"]);
      assertEquals([await region.has('count("one")'), await region.has('count("two")')], [true, false]);
      assertEquals(await other.has('count("two")'), true);
      assertEquals(await count.refresh("none"), "none5");
      assertEquals([await count.peek("none"), await count.invalidate("none")], [undefined, false]);
      await count.set("x", "none");
      assertEquals(await count("none"), "none6");
    });

    test("takes values by hand, falsy ones too (DP-D07, DP-D08)", async () => {
      const { region, clock } = setUp();
      const fail = memoize(function fail(_: string): number {
        throw new Error("called");
      }, { region, ttl: (value) => value + 10 });
      assertEquals(await fail.peek("a"), undefined);
      await fail.set(0, "a");
      await fail.set(90, "b");
      assertEquals([await fail("a"), await fail.peek("a"), await fail("b")], [0, 0, 90]);
      clock.advance(10);
      assertEquals([await fail.peek("a"), await fail.peek("b")], [undefined, 90]);
      await assertRejects(() => fail.set(undefined as never, "a"), TypeError);
    });

    test("makes a new result whatever there is, as shouldCache() and ttl have it (DP-D12)", async () => {
      const { region, clock } = setUp();
      let calls = 0;
      const count = memoize(function count() {
        return ++calls;
      }, { region, shouldCache: (value) => value !== 3, ttl: (value) => value * 10 });
      assertEquals([await count(), await count.refresh(), await count()], [1, 2, 2]);
      assertEquals([await count.refresh(), await count()], [3, 2]);
      clock.advance(20);
      assertEquals(await count(), 4);
    });

    test("goes by the arguments that its key names (DP-D13)", async () => {
      const { region } = setUp();
      const byFirst = memoize(function byFirst(id: string, context: object) {
        return [id, Object.keys(context)];
      }, { region, key: (id) => id });
      const byTwo = memoize(function byTwo(id: string, _context: WeakMap<object, object>, page: number) {
        return `${id} ${page}`;
      }, { region, key: (id, _context, page) => [id, page] });
      assertEquals(
        await byFirst(
          "a",
          new (class Own {
            one = 1;
          })(),
        ),
        ["a", ["one"]],
      );
      assertEquals(await byFirst("a", { two: 2 }), ["a", ["one"]]);
      assertEquals(await byTwo("a", new WeakMap(), 2), "a 2");
      assertEquals([byFirst.keyFor("a", {}), byTwo.keyFor("a", new WeakMap(), 2)], ['byFirst("a")', 'byTwo("a",2)']);
    });

    test("keeps apart what has different names, and not what is given one name (DP-D02, DP-D26, DP-D37)", async () => {
      const { region } = setUp();
      const one = memoize(() => "one", { region, name: "v1:answer" });
      const two = memoize(() => "two", { region, name: "v2:answer" });
      const alias = memoize(() => "alias", { region, name: "v1:answer" });
      assertEquals([await one(), await two(), await alias()], ["one", "two", "one"]);
      assertEquals([one.keyFor(), two.keyFor(), alias.keyFor()], ["v1:answer()", "v2:answer()", "v1:answer()"]);
      assert(await region.has("v1:answer()"));
    });

    test("has keys that a region may hash (CT-46, DP-D28)", async () => {
      const { region, store } = setUp({ mangle: "sha256" });
      const called = memoize(function callable(...args: unknown[]) {
        return args.length;
      }, { region });
      const args = ["a:", "b", { foo: "bar" }];
      assertEquals([await called(...args), await called(...args)], [3, 3]);
      assertEquals(called.keyFor(...args), 'callable("a:","b",{"foo":"bar"})');
      const keys = await Array.fromAsync(store.keys());
      assert(
        keys.some((key) => key.endsWith("e44b968df1799897972d1357ed879b28c12cf00876a11be8e3c3f6f917edaa74")),
        `${keys}`,
      );
      assertEquals([await called.invalidate(...args), await called.peek(...args)], [true, undefined]);
    });

    test("asks inside of one function for another (DP-D32), and for itself with other arguments", async () => {
      const { region } = setUp();
      const inner = memoize(function inner(n: number) {
        return n * 2;
      }, { region });
      const outer = memoize(async function outer(n: number): Promise<number> {
        return n === 0 ? 1 : await inner(n) + await outer(n - 1);
      }, { region });
      assertEquals(await outer(3), 13);
    });

    test("frees a caller by the signal that is among its arguments", async () => {
      const { region } = setUp();
      const { open, opened } = gate();
      const wait = memoize(async function wait(id: string, _: { signal?: AbortSignal }) {
        await opened;
        return id;
      }, { region, key: (id) => id, signal: (_, { signal }) => signal });
      const controller = new AbortController();
      const [left, stays] = [wait("a", { signal: controller.signal }), wait("a", {})];
      controller.abort(new RangeError("enough"));
      await assertRejects(() => left, RangeError, "enough");
      open();
      assertEquals(await stays, "a");
    });

    test("gives results tags, by their arguments", async () => {
      const { region } = setUp();
      let calls = 0;
      const count = memoize(function count(user: string) {
        return `${user}${++calls}`;
      }, { region, tags: (user) => [`user:${user}`, "all"] });
      await Promise.all([count("a"), count("b")]);
      await region.invalidateTags(["user:a"]);
      assertEquals([await count("a"), await count("b")], ["a3", "b2"]);
      await count.set("c0", "c");
      await region.invalidateTags(["all"]);
      assertEquals([await count("b"), await count.peek("c")], ["b4", undefined]);
    });

    test("serves stale results while it makes new ones with the same arguments (DP-A02)", async () => {
      const { region } = setUp({ staleWhileRevalidate: 500 });
      const work: Promise<unknown>[] = [];
      const events: string[] = [];
      const asked: unknown[][] = [];
      const load = memoize(function load(...args: unknown[]) {
        asked.push(args);
        return asked.length;
      }, { region, name: "load", waitUntil: (one) => work.push(one), shouldCache: (_, key) => !!events.push(key) });
      assertEquals(await load("a", { b: 1 }), 1);
      await region.invalidate({ mode: "soft" });
      assertEquals([await load("a", { b: 1 }), await load("a", { b: 1 })], [1, 1]);
      await Promise.all(work);
      assertEquals([await load("a", { b: 1 }), work.length], [2, 1]);
      assertEquals(asked, [["a", { b: 1 }], ["a", { b: 1 }]]);
      assertEquals(events, ['load("a",{"b":1})', 'load("a",{"b":1})']);
    });

    test("keeps the results of instances apart, and those with one scope together", async () => {
      const { region } = setUp();
      function load(this: { readonly name: string }, id: number) {
        return `${this.name}${id}`;
      }
      class Own {
        readonly name: string;
        load = memoize(load, { region });
        constructor(name: string) {
          this.name = name;
        }
      }
      class Shared {
        declare load: Memoized<[number], string, Shared>;
        readonly name: string;
        constructor(name: string) {
          this.name = name;
        }
      }
      Shared.prototype.load = memoize(load, { region, name: "shared", scope: (self) => self.name.slice(0, 1) });
      class All extends Shared {}
      All.prototype.load = memoize(load, { region, name: "all", scope: "shared" });
      assertEquals(await Promise.all(["a", "b"].map((name) => new Own(name).load(1))), ["a1", "b1"]);
      const [ada, alan, bob] = ["ada", "alan", "bob"].map((name) => new Shared(name));
      assertEquals([await ada!.load(1), await alan!.load(1), await bob!.load(1)], ["ada1", "ada1", "bob1"]);
      assertEquals([await new All("x").load(1), await new All("y").load(1)], ["x1", "x1"]);
      assertEquals(Shared.prototype.load.keyFor.call(ada, 1), 'shared(@"a",1)');
      await Shared.prototype.load.invalidate.call(ada, 1);
      assertEquals(await alan!.load(1), "alan1");
    });

    test("shares results of what does not use `this`, whatever it is called on", async () => {
      const { region } = setUp();
      let calls = 0;
      const load = memoize(() => ++calls, { region, name: "load" });
      const [one, two] = [{ load }, { load }];
      assertEquals([await one.load(), await two.load(), await load()], [1, 1, 1]);
    });

    test("refuses two functions of one name that nobody gave them", async () => {
      const { region } = setUp();
      const first = memoize(function load() {
        return "first";
      }, { region });
      const message = 'its region keeps results of another function named "load", so one of them needs another name';
      const second = function load() {
        return "second";
      };
      assertThrows(() => memoize(second, { region }), TypeError, message);
      const chosen = memoize(second, { region: () => region });
      await assertRejects(() => chosen(), TypeError, message);
      assertEquals([await first(), await memoize(second, { region: setUp().region })()], ["first", "second"]);
    });
  });

  describe(`memoizeMany() over ${name}`, () => {
    const setUpMany = (options: Parameters<typeof memoizeMany<string, number>>[1] = {}) => {
      const { clock, region } = setUp();
      const asked: string[][] = [];
      const lengths = memoizeMany(function lengths(words: string[]) {
        asked.push(words);
        return new Map(words.filter((word) => word !== "").map((word) => [word, word.length]));
      }, { region, ...options });
      return { clock, region, asked, lengths };
    };

    test("asks for what is missing alone, and keeps the order (DP-D33, DP-D34, DP-D35)", async () => {
      const { lengths, asked, clock } = setUpMany();
      assertEquals([...await lengths(["b", "", "aa"])], [["b", 1], ["aa", 2]]);
      assertEquals([...await lengths(["aa", "ccc", "b", "aa", ""])], [["aa", 2], ["ccc", 3], ["b", 1]]);
      assertEquals(asked.map((words) => words.toSorted()), [["", "aa", "b"], ["", "ccc"]]);
      clock.advance(1000);
      assertEquals([...await lengths(["b"])], [["b", 1]]);
      assertEquals([...await lengths([])], []);
      assertEquals(asked.length, 3);
    });

    test("asks for each once, however many calls want it (X-07)", async () => {
      const { region } = setUp();
      const { open, opened } = gate();
      const asked: number[] = [];
      const squares = memoizeMany(async function squares(numbers: number[]) {
        asked.push(...numbers);
        await opened;
        return numbers.map((number) => number * number);
      }, { region });
      const calls = Promise.all([[1, 2], [2, 3], [3, 1], [1, 2, 3]].map((numbers) => squares(numbers)));
      open();
      assertEquals((await calls).map((results) => [...results.values()]), [[1, 4], [4, 9], [9, 1], [1, 4, 9]]);
      assertEquals(asked.sort(), [1, 2, 3]);
    });

    test("finds which result is whose, in any order, by content too (DP-D14)", async () => {
      const { region } = setUp();
      const names = memoizeMany(function names(users: { id: number }[]) {
        return new Map(users.toReversed().map(({ id }) => [{ id }, `user ${id}`]));
      }, { region });
      const [one, two] = [{ id: 1 }, { id: 2 }];
      assertEquals([...await names([one, two])], [[one, "user 1"], [two, "user 2"]]);
      const list = memoizeMany(function list(ids: number[]) {
        return ids.slice(1).map(String);
      }, { region });
      await assertRejects(() => list([1, 2]), TypeError, "list has 1 results for 2 arguments");
    });

    test("has keys that the function's name and the argument make (DP-D25, DP-D26)", async () => {
      const { region, lengths } = setUpMany();
      await lengths(["méil drôle"]);
      assertEquals(lengths.keyFor("méil drôle"), 'lengths("méil drôle")');
      assert(await region.has('lengths("méil drôle")'));
      const named = memoizeMany((pairs: [string, number][]) => pairs.map(([word]) => word), {
        region,
        name: "v2",
        key: ([, id]) => id,
      });
      assertEquals([...(await named([["a", 1], ["b", 1], ["c", 2]])).values()], ["b", "b", "c"]);
      assertEquals(named.keyFor(["a", 1]), "v2(1)");
    });

    test("reads, writes, forgets and makes anew by hand (DP-D09, DP-D10, DP-D11)", async () => {
      const { lengths, asked } = setUpMany();
      assertEquals([...await lengths.peek(["a"])], []);
      await lengths.set([["a", 0], ["", 7]]);
      assertEquals([...await lengths.peek(["a", "x", ""])], [["a", 0], ["", 7]]);
      assertEquals([...await lengths.refresh(["a", "bb", ""])], [["a", 1], ["bb", 2]]);
      assertEquals(asked, [["a", "bb", ""]]);
      assertEquals([...await lengths.peek(["a", "bb", ""])], [["a", 1], ["bb", 2]]);
      assertEquals(await lengths.invalidate(["a", "none"]), 1);
      assertEquals([...await lengths.peek(["a", "bb"])], [["bb", 2]]);
    });

    test("keeps only what shouldCache() takes, each for its own time (DP-D36)", async () => {
      const { lengths, asked, clock } = setUpMany({
        shouldCache: (length) => length < 3,
        ttl: (length) => length * 100,
      });
      assertEquals([...await lengths(["a", "bb", "ccc"])], [["a", 1], ["bb", 2], ["ccc", 3]]);
      assertEquals([...await lengths.refresh(["ccc"])], [["ccc", 3]]);
      clock.advance(100);
      assertEquals([...await lengths.peek(["a", "bb", "ccc"])], [["bb", 2]]);
      assertEquals(asked.length, 2);
    });

    test("rejects with what the function throws, and keeps nothing", async () => {
      const { region } = setUp();
      let calls = 0;
      const fail = memoizeMany(function fail(_: string[]): string[] {
        calls++;
        throw new RangeError("down");
      }, { region });
      await assertRejects(() => fail(["a", "b"]), RangeError, "down");
      await assertRejects(() => fail.refresh(["a", "b"]), RangeError, "down");
      assertEquals([calls, (await fail.peek(["a"])).size], [2, 0]);
    });
  });
}

describe("memoize()", () => {
  test("has a region of its own where only a ttl is given", async () => {
    let calls = 0;
    const one = memoize(() => ++calls, { ttl: 60_000 });
    const two = memoize(() => ++calls, { ttl: 60_000 });
    assertEquals([await one(), await one(), await two(), await two()], [1, 1, 2, 2]);
    const many = memoizeMany((words: string[]) => (calls++, words), { ttl: 60_000 });
    await many(["a"]);
    await many(["a"]);
    assertEquals(calls, 3);
  });

  test("calls each time where nothing is kept (DP-N01)", async () => {
    let calls = 0;
    const region = new Region({ ttl: 1000, store: new Store<unknown>(none()) });
    const count = memoize(() => ++calls, { region });
    assertEquals([await count(), await count(), await count.peek()], [1, 2, undefined]);
  });

  test("has the face of the function (DP-D31, DP-D38, DP-D39)", () => {
    const load = (id: string, page: number) => `${id}${page}`;
    const memoized = memoize(load, { ttl: 1000 });
    assertEquals([memoized.name, memoized.length, memoized.original], ["load", 2, load]);
    const loadMany = (ids: string[]) => ids;
    const many = memoizeMany(loadMany, { ttl: 1000 });
    assertEquals([many.name, many.length, many.original], ["loadMany", 1, loadMany]);
  });

  test("may be made before its region is configured; a call before that rejects clearly (DP-R11)", async () => {
    const region = new Region();
    const load = memoize(function load(id: string) {
      return id;
    }, { region });
    const message = 'Cannot use Region "region": it is not configured';
    await assertRejects(() => load("a"), TypeError, message);
    await assertRejects(() => load.invalidate("a"), TypeError, message);
    region.configure({ ttl: 1000 });
    assertEquals(await load("a"), "a");
  });

  test("wants a name for what has none in a region that others share", async () => {
    const region = new Region({ ttl: 1000, store: new Store(sqlite(":memory:")) });
    assertEquals(region.scope, "shared");
    const message = "Cannot memoize a function without a name in a region that others share: it needs a name";
    assertThrows(() => memoize(() => 1, { region }), TypeError, message);
    assertThrows(() => memoizeMany((ids: number[]) => ids, { region }), TypeError, message);
    const chosen = memoize(() => 1, { region: () => region });
    await assertRejects(() => chosen(), TypeError, message);
    assertEquals(await memoize(() => 1, { region, name: "one" })(), 1);
    const ofOne = new Region({ ttl: 1000 });
    const [one, two] = [memoize(() => 1, { region: ofOne }), memoize(() => 2, { region: ofOne })];
    assertEquals([await one(), await two()], [1, 2]);
    assertNotEquals(one.keyFor(), two.keyFor());
  });

  test("rejects for arguments that cannot be told apart (DP-A03, DP-D20)", async () => {
    const load = memoize((user: object) => user, { ttl: 1000 });
    await assertRejects(
      () => load(new (class User {})()),
      TypeError,
      "Cannot make a key of args[0]: it is an instance of User",
    );
    assertThrows(() => load.keyFor(() => {}), TypeError, "it is a function");
  });

  test("refuses options that it does not know, and to do without region and ttl", () => {
    const f = () => 1;
    assertThrows(() => memoize(f, { ttl: 1, tll: 2 } as never), TypeError, '"tll" is not one of its options');
    assertThrows(() => memoize(f), TypeError, "it needs a region, or a ttl for one of its own");
    assertThrows(() => memoize(f, { ttl: 1, name: "f(x" }), TypeError, 'its name must not have "(" in it');
  });

  test("is the same function in two types of regions", async () => {
    const ofAll = new Region({ ttl: 1000 });
    const ofNumbers = new Region<number>({ ttl: 1000 });
    const one: Memoized<[number], number> = memoize(function one(n: number) {
      return n + 1;
    }, { region: ofAll });
    const two = memoize(function two(n: number) {
      return n + 2;
    }, { region: ofNumbers });
    const sum: number = await one(1) + await two(1);
    assertEquals(sum, 5);
  });
});
