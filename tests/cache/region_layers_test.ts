/** Regions over layers, which see what goes to the store and may change it; and what regions of one name share. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { Region, type RegionEvent } from "../../src/cache/region.ts";
import type { Backend } from "../../src/core/backend.ts";
import { layer } from "../../src/core/layer.ts";
import { Store } from "../../src/core/store.ts";
import { Meter, metered } from "../../src/layers/metered.ts";

/** A layer that writes no values like this one, and tells what it is asked to write. */
function without(value: unknown, inner: Backend<unknown>, written: unknown[] = []): Backend<unknown> {
  const valueOf = (entry: unknown) => (entry as { v?: unknown }).v;
  return layer<unknown, unknown>(inner, {
    read: (key, options) => inner.read(key, options),
    write: (key, entry, options) => {
      written.push(entry);
      return valueOf(entry) === value ? true : inner.write(key, entry, options);
    },
  }, ["remove", "list"]);
}

describe("Regions over layers", () => {
  test("are counted by them, and pass through what they do not change [DP-P02, DP-P03]", async () => {
    const meters = [new Meter(), new Meter()];
    const stores = meters.map((meter) => new Store(metered(memory<unknown>(), meter.record)));
    const [region, other] = stores.map((store) => new Region<number>({ store, ttl: 1000 }));
    for (let at = 0; at < 10; at++) await region!.set(`key ${at}`, at);
    const before = meters[0]!.hits;
    for (let at = 0; at < 10; at++) assertEquals(await region!.get(`key ${at}`), at);
    // One read each, and nothing else that counts as one but epochs that nobody has set.
    assertEquals(meters[0]!.hits - before, 10);
    assert(await region!.delete("key 1"));
    assertEquals(await region!.get("key 1"), undefined);
    assertEquals(await other!.get("key 2"), undefined);
    assertEquals(meters[1]!.hits, 0);
  });

  test("hand them values with their age, before any codec [DP-P01]", async () => {
    const written: unknown[] = [];
    const store = new Store(without(undefined, memory<unknown>(), written));
    const region = new Region<{ n: number }>({ store, ttl: 1000, lease: false });
    await region.set("key", { n: 1 });
    const entry = await region.getEntry("key");
    assertEquals(written.map((one) => (one as { v: unknown; c: number }).v), [{ n: 1 }]);
    assertEquals((written[0] as { c: number }).c, entry!.createdAt);
  });

  test("leave to a layer with options of its own what is stored [DP-P04]", async () => {
    const store = new Store(without(5, memory<unknown>()));
    const region = new Region<number>({ store, ttl: 1000, lease: false });
    await region.set("five", 5);
    await region.set("six", 6);
    assertEquals([await region.get("five"), await region.get("six")], [undefined, 6]);
  });

  test("show the backend that their store has, with its layers or without any [DP-P05, DP-P06]", () => {
    const inner = memory<unknown>();
    const outer = metered(inner, () => {});
    assert(new Store(outer).backend === outer);
    assert(new Store(inner).backend === inner);
  });
});

describe("Regions of one name over one store", () => {
  test("are one: a creator of one of them is that of the others [DP-U02]", async () => {
    const store = new Store(memory<unknown>());
    const regions = Array.from({ length: 20 }, () => new Region<number>({ store, name: "same", ttl: 1000 }));
    const other = new Region<number>({ store, name: "other", ttl: 1000 });
    let calls = 0;
    const create = async () => {
      await Promise.resolve();
      return ++calls;
    };
    assertEquals(new Set(await Promise.all(regions.map((region) => region.getOrCreate("key", create)))), new Set([1]));
    assertEquals(await other.getOrCreate("key", create), 2);
  });

  test("tell of misses, creators and invalidations by key, and cut long keys in messages [DP-L01…L05]", async () => {
    const events: RegionEvent[] = [];
    const region = new Region<number>({
      store: new Store(memory<unknown>()),
      ttl: 1000,
      onEvent: (e) => events.push(e),
    });
    await region.getOrCreate("key", () => 1);
    await region.invalidate();
    await region.getOrCreate("key", () => 2);
    assertEquals(events.map(({ type }) => type), ["miss", "create", "invalidate", "miss", "create"]);
    assertEquals(events[2], { type: "invalidate", mode: "hard" });
    const long = `${"k".repeat(1000)}\ud800`;
    const error = await region.get(long).then(() => undefined, (error: Error) => error);
    assert(error!.message.length < 250 && error!.message.includes("kkk"), error!.message);
  });
});
