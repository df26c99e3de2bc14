/** A durable map when things overlap, fail or disagree. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { type Conflict, DurableMap, type DurableMapOptions } from "../../src/cache/durable_map.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { layer } from "../../src/core/layer.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { type FaultPlan, faulty } from "../../src/testing/faulty.ts";
import { Wire, withoutVersions } from "../support/following.ts";

const ALL_BUT_CLOSE = ["read", "write", "remove", "list", "readMany", "writeMany", "removeMany", "touch"] as const;

/** Calls of some methods wait here, before or after they have reached the store. */
class Gates {
  /** The methods that wait, and when. */
  readonly waits = new Map<string, "before" | "after">();
  readonly #waiting: { readonly method: string; readonly open: () => void }[] = [];

  /** The backend behind them. */
  guard<V>(inner: Backend<V>): Backend<V> {
    const wait = async (method: string, when: "before" | "after") => {
      if (this.waits.get(method) !== when) return;
      await new Promise<void>((open) => this.#waiting.push({ method, open }));
    };
    const before = faulty(inner, { fault: "none", gate: ({ method }) => wait(method, "before") });
    const guarded = faulty(before, { fault: "none" });
    return Object.assign(guarded, {
      read: async (...args: Parameters<Backend<V>["read"]>) => {
        const answer = await before.read(...args);
        await wait("read", "after");
        return answer;
      },
      write: async (...args: Parameters<Backend<V>["write"]>) => {
        const answer = await before.write(...args);
        await wait("write", "after");
        return answer;
      },
      clear: async (...args: Parameters<NonNullable<Backend<V>["clear"]>>) => {
        await before.clear!(...args);
        await wait("clear", "after");
      },
    });
  }

  /** Lets the first call of this method go, as soon as it has come. */
  async pass(method: string): Promise<void> {
    for (;;) {
      const at = this.#waiting.findIndex((call) => call.method === method);
      if (at >= 0) return this.#waiting.splice(at, 1)[0]!.open();
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** Waits until a call of this method waits. */
  async arrival(method: string): Promise<void> {
    while (!this.#waiting.some((call) => call.method === method)) await new Promise((resolve) => setTimeout(resolve));
  }
}

async function gated(options: DurableMapOptions<string> = {}, change = (backend: Backend<string>) => backend) {
  const shared = memory<string>();
  const gates = new Gates();
  const map = await DurableMap.open(new Store(gates.guard(change(shared))), options);
  return { map, gates, others: new Store(shared) };
}

describe("a DurableMap in a race", () => {
  for (const [title, change] of [["with versions", undefined], ["without versions", withoutVersions]] as const) {
    const open = (options?: DurableMapOptions<string>) => gated(options, change);

    test(`${title}: a change during a reload is seen with the next read, because the revision is read first`, async () => {
      const { map, gates, others } = await open();
      await others.set("a", "1");
      gates.waits.set("read", "after");
      const first = map.get("a");
      await gates.arrival("read");
      await others.set("a", "2");
      await gates.pass("read");
      assertEquals(await first, "1");
      const second = map.get("a");
      await gates.pass("read");
      assertEquals(await second, "2");
    });

    test(`${title}: an own write during a reload is not undone by it`, async () => {
      const { map, gates, others } = await open({ autosync: false });
      await others.set("a", "theirs");
      gates.waits.set("read", "after");
      const syncing = map.sync();
      await gates.arrival("read");
      await map.set("a", "own");
      await map.set("new", "own");
      await gates.pass("read");
      gates.waits.clear();
      await syncing;
      assertEquals([await map.get("a"), await map.get("new")], ["own", "own"]);
      await others.set("a", "newer");
      await map.sync();
      assertEquals([await map.get("a"), await map.get("new")], ["newer", "own"]);
    });

    test(`${title}: an own clear() during a reload is not undone by it`, async () => {
      const { map, gates, others } = await open({ autosync: false });
      await others.setMany([["a", "1"], ["b", "2"]]);
      gates.waits.set("read", "after");
      const syncing = map.sync();
      await gates.arrival("read");
      await map.clear();
      for (let reads = 0; reads < 2; reads++) await Promise.race([gates.pass("read"), syncing]);
      await syncing;
      assertEquals([...map.snapshot], []);
      gates.waits.clear();
      await map.sync();
      assertEquals([...map.snapshot], []);
    });

    test(`${title}: a write whose answer is late does not hide what came after it`, async () => {
      const { map, gates, others } = await open({ autosync: { maxStaleness: Infinity } });
      gates.waits.set("write", "after");
      const writing = map.set("a", "own");
      await gates.arrival("write");
      await others.set("a", "theirs");
      await map.sync();
      assertEquals(map.snapshot.get("a"), "theirs");
      await gates.pass("write");
      await writing;
      // What the map has seen before may be older or newer; it must find out.
      await map.sync();
      assertEquals(map.snapshot.get("a"), "theirs");
    });

    test(`${title}: a write whose answer comes during a reload does not hide what came after it`, async () => {
      const { map, gates, others } = await open({ autosync: false });
      gates.waits.set("write", "after");
      const writing = map.set("a", "own");
      await gates.arrival("write");
      await others.set("a", "theirs");
      gates.waits.set("read", "after");
      const syncing = map.sync();
      await gates.arrival("read");
      await gates.pass("write");
      await writing;
      assertEquals(map.snapshot.get("a"), "own");
      gates.waits.clear();
      await gates.pass("read");
      await syncing;
      await map.sync();
      assertEquals(map.snapshot.get("a"), "theirs");
    });
  }

  test("own changes of a key happen in the order they were asked for, others do not wait", async () => {
    const { map, gates, others } = await gated();
    gates.waits.set("write", "before");
    const done: string[] = [];
    const note = (name: string) => () => done.push(name);
    const first = map.set("a", "1").then(note("a1"));
    const second = map.set("a", "2").then(note("a2"));
    const other = map.set("b", "1").then(note("b1"));
    const clearing = map.clear().then(note("clear"));
    const last = map.set("a", "3").then(note("a3"));
    const controller = new AbortController();
    const given = map.set("a", "4", { signal: controller.signal });
    controller.abort("enough");
    assertEquals(await given.catch((reason) => reason), "enough");
    await gates.pass("write");
    await gates.pass("write");
    await gates.pass("write");
    await gates.pass("write");
    await Promise.all([first, second, other, clearing, last]);
    assertEquals(done.filter((name) => name !== "b1"), ["a1", "a2", "clear", "a3"]);
    assertEquals([await Array.fromAsync(others), [...map.snapshot]], [[["a", "3"]], [["a", "3"]]]);
  });

  test("add() and update() that came too late see what is there, in every mode", async () => {
    const { map, others } = await gated({ autosync: false });
    await others.setMany([["a", "theirs"], ["b", "1"]]);
    assertEquals(await map.getOrInsert("a", "own"), "theirs");
    assertEquals(map.snapshot.get("a"), "theirs");
    assertEquals(await map.update("b", (value = "") => `${value}+1`), "1+1");
    await others.set("b", "5");
    assertEquals(await map.update("b", (value = "") => `${value}+1`), "5+1");
  });

  test("a watch that speaks during a reload is heard", async () => {
    const wire = new Wire();
    const { map, gates, others } = await gated({}, (backend) => wire.watched(backend, true));
    await others.set("a", "1");
    gates.waits.set("read", "after");
    wire.tell();
    await gates.arrival("read");
    await others.set("a", "2");
    wire.tell();
    gates.waits.clear();
    await gates.pass("read");
    assertEquals(await map.get("a"), "2");
  });
});

describe("a DurableMap in an outage", () => {
  /** A map over a store that is down while the test says so. */
  async function shaky(options: DurableMapOptions<string> = {}, plan: FaultPlan = {}) {
    const clock = new FakeClock();
    const shared = memory<string>({ now: clock.now });
    const others = new Store(shared);
    await others.set("a", "1");
    const outage = { isDown: false, questions: 0 };
    const backend = faulty(shared, {
      when: () => outage.isDown,
      onCall: ({ method }) => outage.questions += method === "revision" ? 1 : 0,
      ...plan,
    });
    const map = await DurableMap.open(new Store(backend), options);
    outage.questions = 0;
    return { map, others, outage, clock };
  }

  test("answers from memory, says that it may be old, asks once a second, and recovers", async () => {
    const errors: unknown[] = [];
    const { map, others, outage, clock } = await shaky({ onError: (error) => errors.push(error) });
    assertEquals([map.stale, map.error], [false, undefined]);
    outage.isDown = true;
    await others.set("a", "2");
    assertEquals([await map.get("a"), await map.size, await map.has("b")], ["1", 1, false]);
    assertEquals([outage.questions, errors.length, map.stale], [1, 1, true]);
    assert(map.error instanceof StoreError && map.error.code === "unavailable" && map.error === errors[0]);
    clock.advance(1000);
    assertEquals([await map.get("a"), outage.questions], ["1", 2]);
    await assertRejects(() => map.set("a", "3"), StoreError, "faulty");
    await assertRejects(() => map.sync(), StoreError, "faulty");
    await assertRejects(() => map.update("a", () => "3"), StoreError, "faulty");
    assertEquals([map.snapshot.get("a"), await others.get("a")], ["1", "2"]);
    outage.isDown = false;
    assertEquals([await map.get("a"), map.stale], ["1", true]);
    clock.advance(1000);
    assertEquals([await map.get("a"), map.stale, map.error], ["2", false, undefined]);
  });

  test('rejects with onOutage: "throw", and asks each time', async () => {
    const { map, others, outage } = await shaky({ onOutage: "throw" });
    outage.isDown = true;
    await assertRejects(() => map.get("a"), StoreError, "faulty");
    await assertRejects(() => Array.fromAsync(map), StoreError, "faulty");
    assertEquals([outage.questions, map.stale, map.snapshot.get("a")], [2, true, "1"]);
    await others.set("a", "2");
    outage.isDown = false;
    assertEquals([await map.get("a"), map.stale], ["2", false]);
  });

  test("that begins in the middle of a reload leaves the old state whole", async () => {
    let down = "";
    const { map, others, clock } = await shaky({}, { when: ({ method, key }) => method === "read" && key === down });
    await others.setMany([["a", "2"], ["b", "2"]]);
    down = "b";
    assertEquals([await Array.fromAsync(map), map.stale], [[["a", "1"]], true]);
    down = "";
    clock.advance(1000);
    assertEquals([await Array.fromAsync(map), map.stale], [[["a", "2"], ["b", "2"]], false]);
  });

  test("that swallows the answer to a write shows the write as soon as the store speaks again", async () => {
    const { map, others } = await shaky({}, {
      fault: "lose-reply",
      when: ({ method }) => method === "write",
      times: 1,
    });
    await assertRejects(() => map.set("a", "2"), StoreError, "faulty");
    assertEquals([await map.get("a"), await others.get("a")], ["2", "2"]);
  });

  test("does not start without a store or a copy", async () => {
    const down = new Store(faulty(memory<string>(), {}));
    await assertRejects(() => DurableMap.open(down), StoreError, "faulty");
    await assertRejects(() => DurableMap.open(down, { local: new Store(memory<string>()) }), StoreError, "faulty");
  });

  test("lets a reader go who gives up, and all when the map is closed", async () => {
    const { map, outage } = await shaky({}, { fault: "hang" });
    outage.isDown = true;
    const controller = new AbortController();
    const reading = map.get("a", { signal: controller.signal });
    const other = map.get("a");
    controller.abort("enough");
    assertEquals(await reading.catch((reason) => reason), "enough");
    await map.close();
    for (const call of [other, map.get("a"), map.set("a", "2"), map.sync(), Array.fromAsync(map), map.size]) {
      const error = await assertRejects(() => call, StoreError);
      assertEquals(error.code, "closed");
    }
    await map.close();
    assertEquals(map.snapshot.get("a"), "1");
  });
});

describe("a DurableMap with a copy near by", () => {
  test("starts from it while the store is down, then follows the store again", async () => {
    const clock = new FakeClock();
    const shared = memory<unknown>({ now: clock.now, clone: true });
    const others = new Store(shared);
    const near = sqlite(":memory:", { now: clock.now });
    // What the map closes, the test goes on to use.
    const copy = () => new Store(layer<unknown, unknown>(new Store(near).backend, {}, ALL_BUT_CLOSE));
    await others.setMany([["a", { n: 1 }], ["b", { n: 2 }]]);
    await others.set("brief", 3, { ttl: 5000 });
    const first = await DurableMap.open(new Store(shared), { local: copy() });
    await first.set("own", 4);
    await first.touch("b", 100);
    await first.delete("a");
    await first.close();
    assertEquals((await copy().entry("b"))!.expiresAt, clock.now() + 100);
    const before = await Array.fromAsync(copy());
    assertEquals(new Map(before), new Map<string, unknown>([["b", { n: 2 }], ["brief", 3], ["own", 4]]));

    clock.advance(100);
    let isDown = true;
    const shaky = faulty(shared, { when: () => isDown });
    const second = await DurableMap.open(new Store(shaky), { local: copy() });
    assertEquals([await second.get("own"), await second.get("b"), second.stale], [4, undefined, true]);
    const kept = second.snapshot.get("brief");
    await others.set("own", 5);
    isDown = false;
    clock.advance(1000);
    assertEquals([await second.get("own"), second.stale, second.snapshot.get("brief")], [5, false, kept]);
    clock.advance(4000);
    assertEquals(await second.has("brief"), false);
    await second.close();
    assertEquals(await Array.fromAsync(copy()), [["own", 5]]);
  });

  test("does not suffer when the copy fails", async () => {
    const errors: unknown[] = [];
    const broken = new Store(faulty(memory<string>(), {}));
    const shared = memory<string>();
    const map = await DurableMap.open(new Store(shared), { local: broken, onError: (error) => errors.push(error) });
    await map.set("a", "1");
    assertEquals(await map.get("a"), "1");
    await map.close();
    assertEquals(errors.length, 2);
  });
});

describe("a DurableMap with onConflict", () => {
  const merge = ({ before = [], value, current = [] }: Conflict<string[]>) => {
    return value && [...current, ...value.filter((word) => !before.includes(word))];
  };

  test("finds out that somebody else has changed the key", async () => {
    const shared = memory<string[]>({ clone: true });
    const others = new Store(shared);
    const asked: Conflict<string[]>[] = [];
    const map = await DurableMap.open(new Store(shared), {
      autosync: false,
      onConflict: async (conflict) => {
        asked.push(conflict);
        if (asked.length === 1) await others.set("list", ["second"]);
        return merge(conflict);
      },
    });
    await map.set("list", ["a"]);
    await map.set("list", ["a", "b"]);
    await map.touch("list", 60_000);
    await map.setMany([["list", ["a"]], ["own", ["x"]]]);
    assertEquals(asked, []);
    await others.set("list", ["first"]);
    await map.set("list", ["a", "c"]);
    assertEquals(asked.map(({ value, current }) => [value, current]), [
      [["a", "c"], ["first"]],
      [["first", "c"], ["second"]],
    ]);
    assertEquals([await others.get("list"), map.snapshot.get("list")], [["second", "first", "c"], [
      "second",
      "first",
      "c",
    ]]);
  });

  test("lets the other one win, for writes and removals", async () => {
    const shared = memory<string>();
    const others = new Store(shared);
    const map = await DurableMap.open(new Store(shared), { autosync: false, onConflict: ({ current }) => current });
    await others.setMany([["a", "theirs"], ["b", "theirs"]]);
    await map.set("a", "own");
    assertEquals(await map.delete("b"), false);
    assertEquals([map.snapshot.get("a"), map.snapshot.get("b")], ["theirs", "theirs"]);
    await others.delete("a");
    await map.set("a", "own");
    assertEquals([await map.get("a"), await map.has("a")], [undefined, false]);
    assertEquals([await map.delete("b"), await map.delete("none"), await others.size], [true, false, 0]);
  });

  test("needs versions", async () => {
    const backend = { ...faulty(memory<string>(), { fault: "none" }) };
    const plain = new Store({ ...backend, supports: { ...backend.supports, swap: false } });
    await assertRejects(() => DurableMap.open(plain, { onConflict: () => "" }), StoreError, "does not support swap");
  });
});
