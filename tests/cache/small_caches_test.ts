/** The small caches that others have as classes, as the README makes them of a store. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { disk } from "../../src/backends/disk.ts";
import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { json } from "../../src/codecs/json.ts";
import { structured } from "../../src/codecs/structured.ts";
import { text } from "../../src/codecs/text.ts";
import type { Clock } from "../../src/core/clock.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { inTemporaryFolder, scriptCommand } from "../support/runtime.ts";

/** What the README calls `volatile`: what has expired goes when it is asked for. */
async function volatile<V>(store: Store<V>, key: string): Promise<V | undefined> {
  const value = await store.get(key);
  if (value === undefined) await store.delete(key);
  return value;
}

const TTL = 300_000;
const OBJECT = { text: "content", "内容": ["什么", 1, null] };

interface Kind {
  readonly value: unknown;
  open(folder: string, now: Clock): Store<unknown>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "JsonCache": { value: OBJECT, open: (folder, now) => new Store(disk(folder, { now }), { ttl: TTL }) },
  "JsonCache with a memory": {
    value: OBJECT,
    open: (folder, now) =>
      new Store(tiered(lru<unknown>({ maxEntries: 1000, now }), encoded(disk(folder, { now }), json())), { ttl: TTL }),
  },
  "TextCache": {
    value: "content 内容",
    open: (folder, now) => new Store<unknown>(disk(folder, { now }), { codec: text() as never, ttl: TTL }),
  },
  "a volatile cache over one file": {
    value: OBJECT,
    open: (folder, now) => new Store(sqlite(`${folder}/cache.db`, { now }), { ttl: TTL }),
  },
};

for (const [name, { value, open }] of Object.entries(KINDS)) {
  describe(name, () => {
    const setUp = <T>(
      use: (cache: Store<unknown>, again: () => Store<unknown>, clock: FakeClock, folder: string) => Promise<T>,
    ) =>
      inTemporaryFolder(async (folder) => {
        const clock = new FakeClock();
        const opened: Store<unknown>[] = [];
        const again = () => {
          const store = open(folder, clock.now);
          opened.push(store);
          return store;
        };
        try {
          await use(again(), again, clock, folder);
        } finally {
          for (const store of opened) await store.close();
        }
      });

    for (const keys of [["test", "中"], ["subdir/test", "什么/考"]]) {
      test(`has what was set under ${keys.join(" and ")}, also in another instance (BK-20, BK-30)`, () =>
        setUp(async (cache, again) => {
          for (const key of keys) {
            await cache.set(key, value);
            assertEquals([await cache.get(key), await again().get(key)], [value, value]);
            assertEquals([await cache.has(key), await again().has(key)], [true, true]);
          }
        }));

      test(`counts and lists ${keys.join(" and ")} (BK-21, BK-30)`, () =>
        setUp(async (cache) => {
          const [one = "", two = ""] = keys;
          await cache.set(one, value);
          assertEquals(await cache.size, 1);
          await cache.set(two, value);
          assertEquals(new Set(await Array.fromAsync(cache.keys())), new Set(keys));
          assertEquals((await Array.fromAsync(cache.entries())).map(([, value]) => value), [value, value]);
          assertEquals([await cache.size, await cache.has(one), await cache.has("none")], [2, true, false]);
        }));

      test(`clears ${keys.join(" and ")} everywhere (BK-22, BK-30)`, () =>
        setUp(async (cache, again) => {
          for (const key of keys) await cache.set(key, value);
          await cache.clear();
          assertEquals([await cache.size, await again().size], [0, 0]);
          for (const key of keys) assertEquals([await cache.get(key), await cache.has(key)], [undefined, false]);
        }));
    }

    test("has nothing where nothing was set, and nothing that has expired (BK-20…22)", () =>
      setUp(async (cache, again, clock) => {
        await cache.set("a", value);
        assertEquals(await volatile(cache, "none"), undefined);
        clock.advance(TTL - 1);
        assertEquals(await volatile(cache, "a"), value);
        clock.advance(1);
        assertEquals([await volatile(cache, "a"), await again().get("a"), await cache.has("a")], [
          undefined,
          undefined,
          false,
        ]);
        assertEquals(await cache.size, 0);
      }));

    test("has a lifetime for each object that outweighs its own, 0 too (BK-20)", () =>
      setUp(async (cache, again, clock) => {
        await cache.set("short", value, { ttl: 1000 });
        await cache.set("long", value, { ttl: { hours: 1 } });
        await cache.set("never", value, { ttl: 0 });
        assertEquals(await cache.get("never"), undefined);
        clock.advance(1000);
        assertEquals([await cache.get("short"), await cache.get("long")], [undefined, value]);
        clock.advance(TTL);
        assertEquals([await cache.get("long"), await again().get("long")], [value, value]);
      }));

    test("drops what has expired when it is told to", () =>
      setUp(async (cache, _, clock) => {
        await cache.setMany([["a", value], ["b/c", value]]);
        await cache.set("stays", value, { ttl: Infinity });
        clock.advance(TTL);
        assertEquals([await cache.prune(), await cache.size, await cache.get("stays")], [2, 1, value]);
      }));
  });
}

test("another process sees what is in a JsonCache (X-10)", () =>
  inTemporaryFolder(async (folder) => {
    await new Store(disk(folder), { ttl: TTL }).set("什么/考", OBJECT);
    const [executable, ...args] = scriptCommand(
      new URL("../support/cache_reader.ts", import.meta.url),
      folder,
      "什么/考",
    );
    const { stdout } = await promisify(execFile)(executable, args);
    assertEquals(JSON.parse(stdout), OBJECT);
  }));

test("a volatile cache over files loses a file when it has expired and is asked for (PS-11)", () =>
  inTemporaryFolder(async (folder) => {
    const clock = new FakeClock();
    const cache = new Store<unknown>(disk(folder, { now: clock.now }), { codec: structured(), ttl: { seconds: 5 } });
    const self: { me?: unknown; at: Date } = { at: new Date(0) };
    self.me = self;
    await cache.set("one", self);
    const files = async () => (await readdir(folder)).filter((name) => name.startsWith("one"));
    clock.advance(4999);
    const found = await volatile(cache, "one") as typeof self;
    assert(found.me === found && found.at.getTime() === 0);
    clock.advance(1);
    assertEquals((await files()).length, 1);
    assertEquals([await volatile(cache, "one"), await files()], [undefined, []]);
  }));

test("a volatile cache is a room in any store, and clears that alone (PS-11, X-04)", async () => {
  const clock = new FakeClock();
  const backend = memory<unknown>({ now: clock.now });
  const others = new Store(backend);
  const cache = new Store(prefixed(backend, "volatile/"), { ttl: 5000 });
  await others.set("stays", 1);
  await cache.set("one", 2);
  assertEquals(await volatile(cache, "one"), 2);
  clock.advance(5000);
  assertEquals([await volatile(cache, "one"), await others.get("stays")], [undefined, 1]);
  await cache.set("two", 2);
  await cache.clear();
  assertEquals(await Array.fromAsync(others), [["stays", 1]]);
});
