/** A durable map when its own changes, those of others and reloads overlap. */

import { describe, test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { DurableMap, type DurableMapOptions } from "../../src/cache/durable_map.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { Gates } from "../support/gates.ts";
import { Wire, withoutVersions } from "../support/following.ts";

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

  for (const options of [{}, { autosync: { maxStaleness: 60_000 } }]) {
    test(`a watch that speaks during a reload is heard, ${JSON.stringify(options)}`, async () => {
      const wire = new Wire();
      const { map, gates, others } = await gated(options, (backend) => wire.watched(backend, true));
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
  }

  test("what was set after an own clear() is seen, though a reload has left it out", async () => {
    const { map, gates, others } = await gated({ autosync: false });
    await others.set("a", "1");
    gates.waits.set("clear", "after").set("read", "before");
    const clearing = map.clear();
    await gates.arrival("clear");
    await others.set("a", "2");
    const syncing = map.sync();
    await gates.arrival("read");
    await gates.pass("clear");
    await clearing;
    gates.waits.clear();
    await gates.pass("read");
    await syncing;
    await map.sync();
    assertEquals(map.snapshot.get("a"), "2");
  });

  for (const options of [{}, { autosync: { maxStaleness: 60_000 } }]) {
    test(`a write whose answer is late makes the next read ask, ${JSON.stringify(options)}`, async () => {
      const wire = new Wire();
      const { map, gates, others } = await gated(options, (backend) => wire.watched(backend, true));
      gates.waits.set("write", "after");
      const writing = map.set("a", "own");
      await gates.arrival("write");
      await others.set("a", "theirs");
      await map.sync();
      await gates.pass("write");
      await writing;
      assertEquals(await map.get("a"), "theirs");
    });
  }

  test("what is in doubt stays so when the question about it fails", async () => {
    let isDown = false;
    const when = ({ method }: { method: string }) => isDown && method === "read";
    const { map, gates, others } = await gated({ autosync: false }, (backend) => faulty(backend, { when }));
    gates.waits.set("write", "after");
    const writing = map.set("a", "own");
    await gates.arrival("write");
    await others.set("a", "theirs");
    await map.sync();
    await gates.pass("write");
    await writing;
    isDown = true;
    await assertRejects(() => map.sync(), StoreError, "faulty");
    isDown = false;
    await map.sync();
    assertEquals(map.snapshot.get("a"), "theirs");
  });
});
