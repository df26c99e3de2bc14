/** How regions are configured: at once, later, anew, and out of settings. */

import { describe, test } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { none } from "../../src/backends/none.ts";
import { Region } from "../../src/cache/region.ts";
import type { Supports } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { regionSettings } from "../../src/open/region_settings.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { fourMethods } from "../support/backends.ts";
import { until } from "../support/region_suite.ts";

describe("Region", () => {
  test("rejects calls until it is configured, and works from then on [DP-R01, DP-R11]", async () => {
    const region = new Region<number>({ name: "later" });
    assertEquals([region.name, region.isConfigured, new Region().name], ["later", false, "region"]);
    for (
      const call of [
        () => region.get("a"),
        () => region.set("a", 1),
        () => region.getOrCreate("a", () => 1),
        () => region.getOrCreateMany(["a"], () => []),
        () => region.invalidate(),
        () => region.delete("a"),
      ]
    ) await assertRejects(call, TypeError, 'Cannot use Region "later": it is not configured');
    assertEquals(region.configure({ ttl: 1000 }), region);
    assertEquals([region.isConfigured, await region.getOrCreate("a", () => 1)], [true, 1]);
  });

  test("is configured anew only where that is said [DP-R08, DP-R09]", async () => {
    const first = new Store<unknown>(memory());
    const second = new Store<unknown>(memory());
    const region = new Region<number>({ ttl: 1000, store: first });
    assertThrows(() => region.configure({ store: second }), TypeError, "already");
    await assertRejects(() => region.configureFrom({}, "", regionSettings), TypeError, "already");
    await region.set("a", 1);
    region.configure({ store: second, replace: true });
    assertEquals(await region.get("a"), undefined);
    await region.set("a", 2);
    assertEquals(await Array.fromAsync(second.keys()), ["region:v:a"]);
  });

  test("keeps what it was made with when it is configured anew [DP-R10]", async () => {
    const region = new Region<number>({ mangle: (key) => `short ${key}` });
    region.configure({ ttl: 1000, store: new Store(memory<unknown>()) });
    const store = new Store<unknown>(memory());
    await region.configure({ ttl: 1000, store, replace: true }).set("a", 1);
    assertEquals(await Array.fromAsync(store.keys()), ["region:v:short a"]);
  });

  test("refuses options it does not know, and to be configured without a ttl", () => {
    assertThrows(() => new Region({ tll: 1 } as object), TypeError, "tll");
    assertThrows(() => new Region().configure({}), TypeError, "ttl is missing");
    assertThrows(() => new Region({ ttl: 1, refreshAhead: NaN }), RangeError);
  });

  test("shares values with regions of its name on one store, and creators too", async () => {
    const store = new Store<unknown>(memory());
    const [first, second] = [new Region<number>({ ttl: 1000, store }), new Region<number>({ ttl: 1000, store })];
    const other = new Region<number>({ ttl: 1000, store, name: "region:v" });
    const values = await Promise.all([first, second, other].map((region, n) => region.getOrCreate("a", () => n)));
    assertEquals(values, [0, 0, 2]);
    await first.invalidate();
    assertEquals([await second.get("a"), await other.get("a")], [undefined, 2]);
  });

  test("says how far its promise of one creator reaches", () => {
    assertEquals(new Region({ ttl: 1 }).scope, "process");
    assertEquals(new Region({ ttl: 1, store: new Store(memory<unknown>()) }).scope, "process");
    assertEquals(new Region({ ttl: 1, store: new Store(none<unknown>()) }).scope, "process");
  });

  const weak: Readonly<Record<string, Partial<Supports>>> = {
    "neither swap nor forget": { swap: false, ttl: false },
    "forget": { ttl: false },
    "create": { create: false },
    "create, swap or forget": { create: false, swap: false, ttl: false },
  };
  for (const [title, lacks] of Object.entries(weak)) {
    test(`works over a store that cannot ${title}`, async () => {
      const clock = new FakeClock();
      const inner = fourMethods(memory<unknown>({ now: clock.now }));
      const store = new Store<unknown>({ ...inner, supports: { ...inner.supports, ...lacks } });
      const region = new Region<number>({ store, ttl: 1000, staleWhileRevalidate: 500 });
      assertEquals(region.scope, title === "forget" ? "shared" : "process");
      const create = (value: number) => () => Promise.resolve(value);
      assertEquals(await Promise.all([1, 2].map((value) => region.getOrCreate("a", create(value)))), [1, 1]);
      clock.advance(1100);
      assertEquals(await region.getOrCreate("a", create(3)), 1);
      await until(async () => await region.get("a") === 3);
      clock.advance(1500);
      assertEquals([await region.get("a"), await region.getOrCreate("a", create(4))], [undefined, 4]);
      const { promise, resolve } = Promise.withResolvers<number>();
      const late = region.getOrCreate("b", () => promise);
      await until(() => region.counters.create === 3);
      await region.set("b", 8);
      await region.delete("b");
      resolve(9);
      assertEquals([await late, await region.get("b")], [9, undefined]);
      await region.invalidate();
      assertEquals(await region.get("a"), undefined);
    });
  }

  test("runs one creator per wave over a store that keeps nothing [DP-N01]", async () => {
    const region = new Region<number>({ ttl: 1000, store: new Store(none<unknown>()) });
    let calls = 0;
    const create = async () => (await Promise.resolve(), ++calls);
    for (const wave of [1, 2]) {
      const all = await Promise.all([region.getOrCreate("a", create), region.getOrCreate("a", create)]);
      assertEquals(all, [wave, wave]);
    }
  });

  test("closes its store", async () => {
    const region = new Region<number>({ ttl: 1000, store: new Store(memory<unknown>()) });
    await region.set("a", 1);
    await region[Symbol.asyncDispose]();
    await region.close();
    for (const call of [() => region.get("a"), () => region.getOrCreate("a", () => 1)]) {
      const error = await assertRejects(call, StoreError);
      assertEquals(error.code, "closed");
    }
    await new Region().close();
  });
});

describe("regionSettings()", () => {
  test("reads what stands behind the prefix, as text or as it is [DP-R02, DP-R03, DP-U01]", async () => {
    const settings = {
      "cache.local.backend": "lru",
      "cache.local.arguments.maxEntries": "10",
      "cache.local.ttl": " 600 ",
      "cache.local.staleWhileRevalidate": "1h30m",
      "cache.local.staleIfError": 5000,
      "cache.local.jitter": "0.1",
      "cache.local.mode": "wait",
      "cache.local.lease": "False",
      "cache.local.name": 5,
      "cache.other.nonsense": 1,
    };
    const { store, ...options } = await regionSettings(settings, "cache.local.");
    assertEquals(options, {
      ttl: 600,
      staleWhileRevalidate: 5_400_000,
      staleIfError: 5000,
      jitter: 0.1,
      mode: "wait",
      lease: false,
      name: "5",
    });
    assertEquals(store!.backend.name, "lru");
    const region = await new Region<number>().configureFrom(settings, "cache.local.", regionSettings);
    assertEquals([await region.getOrCreate("a", () => 1), region.name], [1, "5"]);
    await region.configureFrom({ ...settings, "cache.local.name": "new" }, "cache.local.", regionSettings, {
      replace: true,
    });
    assertEquals([region.name, await region.get("a")], ["new", undefined]);
  });

  test("never expires where it says so", async () => {
    const { ttl } = await regionSettings({ "backend": "memory", "ttl": "infinity" }, "");
    assertEquals(ttl, Infinity);
  });

  const broken: Readonly<Record<string, Record<string, unknown>>> = {
    "an unknown backend [DP-R12]": { backend: "abacus" },
    "no backend": { ttl: 1 },
    "an unknown key": { backend: "memory", tll: 1 },
    "a time that is none": { backend: "memory", ttl: "one hour" },
    "a number that is none": { backend: "memory", jitter: "much" },
    "a word that is none": { backend: "memory", mode: "fresh" },
    "a truth that is none": { backend: "memory", lease: "perhaps" },
  };
  for (const [title, settings] of Object.entries(broken)) {
    test(`refuses ${title}`, async () => {
      await assertRejects(() => regionSettings(settings, ""), TypeError);
    });
  }
});
