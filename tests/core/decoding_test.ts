import { describe, test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { disk } from "../../src/backends/disk.ts";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { chain } from "../../src/codecs/chain.ts";
import { encrypted } from "../../src/codecs/encrypted.ts";
import { json } from "../../src/codecs/json.ts";
import { msgpack } from "../../src/codecs/msgpack.ts";
import type { ByteBackend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const GARBAGE = Uint8Array.of(0xc1, 0xff, 0x7b);

const places: Readonly<Record<string, (clock: FakeClock) => ByteBackend>> = {
  disk: ({ now }) => disk("/", { fileSystem: new MemoryFileSystem(), extension: ".bin", now }),
  sqlite: ({ now }) => sqlite(":memory:", { now }),
};

for (const [name, make] of Object.entries(places)) {
  describe(`values that the codec of a store over ${name} did not write`, () => {
    test("are read with older codecs, and written with the store's own", async () => {
      const place = make(new FakeClock());
      await new Store<number[]>(place, { codec: msgpack<number[]>() }).set("old", [1, 2]);
      const store = new Store<number[]>(place, { codec: json<number[]>(), olderCodecs: [msgpack<number[]>()] });
      assertEquals(await store.get("old"), [1, 2]);
      assertEquals([...await store.getMany(["old"])], [["old", [1, 2]]]);
      await store.update("old", (numbers) => [...numbers!, 3]);
      assertEquals(await new Store<number[]>(place).get("old"), [1, 2, 3]);
    });

    test("are corrupt by default, and neither get() nor take() loses them", async () => {
      const clock = new FakeClock();
      const place = make(clock);
      await place.write("key", GARBAGE, { expiresAt: clock.now() + 1000 });
      const store = new Store(place, { olderCodecs: [json({ plain: true })] });
      for (const call of [() => store.get("key"), () => store.take("key"), () => store.getMany(["key"])]) {
        assertEquals((await assertRejects(call, StoreError)).code, "corrupt");
      }
      assertEquals((await place.read("key"))?.value, GARBAGE);
      clock.advance(1000);
      assertEquals(await store.has("key"), false);
    });

    test("are absent where that is asked for, and the next write replaces them (X-11)", async () => {
      const place = make(new FakeClock());
      const store = new Store<number>(place, { onDecodeError: "miss" });
      for (
        const [title, write] of [
          ["add", () => store.add("key", 1)],
          ["getOrInsert", () => store.getOrInsert("key", 1)],
          ["update", () => store.update("key", (old) => (assertEquals(old, undefined), 1))],
          ["set", () => store.set("key", 1)],
        ] as const
      ) {
        await place.write("key", GARBAGE);
        assertEquals(await store.get("key"), undefined);
        assertEquals(await store.has("key"), false);
        assertEquals((await store.getMany(["key"])).size, 0);
        await write();
        assertEquals([title, await store.get("key")], [title, 1]);
        assertEquals(await store.add("key", 2), false);
      }
      await place.write("key", GARBAGE);
      assertEquals(await store.take("key"), undefined);
    });
  });
}

test("an encrypted value does not decode under another key of the store", async () => {
  const keys = [{ id: "1", key: new Uint8Array(32).fill(7) }];
  const place = sqlite(":memory:");
  const store = new Store<string>(place, { codec: chain(json<string>(), encrypted(keys)) });
  await store.set("mine", "secret");
  await store.setMany([["a", "1"], ["b", "2"]]);
  assertEquals([...await store.getMany(["mine", "a", "b"])], [["mine", "secret"], ["a", "1"], ["b", "2"]]);
  await place.write("theirs", (await place.read("mine"))!.value);
  assertEquals((await assertRejects(() => store.get("theirs"), StoreError)).code, "corrupt");
});

test("a key that is not in the ring is denied, never a miss", async () => {
  const place = sqlite(":memory:");
  const codec = (id: string) => chain(json<string>(), encrypted([{ id, key: new Uint8Array(32).fill(7) }]));
  await new Store<string>(place, { codec: codec("1") }).set("key", "secret");
  const store = new Store<string>(place, { codec: codec("2"), onDecodeError: "miss" });
  assertEquals((await assertRejects(() => store.get("key"), StoreError)).code, "denied");
});

test("decoding options are refused where there is nothing to decode", async () => {
  const make = () => Promise.resolve(new Store(memory<number>(), { onDecodeError: "miss" } as object));
  await assertRejects(async () => await make(), TypeError, "has no use for");
});
