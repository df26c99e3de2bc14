/** Durable maps of several processes on one store. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { sqlite } from "../../src/backends/sqlite.ts";
import { Store } from "../../src/core/store.ts";
import { DurableProcess } from "../support/durable_process.ts";
import { inTemporaryFolder } from "../support/runtime.ts";

/** What two processes see of each other: one asks before each read, the other one when it is told to. */
async function seeEachOther(place: string): Promise<void> {
  const [writer, manual] = await Promise.all([DurableProcess.start(place, true), DurableProcess.start(place, false)]);
  try {
    const reload = { revision: 1, versions: 1, readMany: 1, keys: 1 };
    assertEquals(await writer.do("set", "color", "red"), { calls: { write: 1 } });
    assertEquals(await manual.do("get", "color"), { calls: {} });
    assertEquals(await manual.do("sync"), { calls: reload });
    assertEquals(await manual.do("get", "color"), { value: "red", calls: {} });

    await manual.do("set", "color", "blue");
    assertEquals(await manual.do("peek", "color"), { value: "blue", calls: {} });
    assertEquals(await writer.do("get", "color"), { value: "blue", calls: reload });
    assertEquals(await writer.do("get", "color"), { value: "blue", calls: { revision: 1 } });

    assertEquals(await writer.do("delete", "color"), { value: true, calls: { remove: 1 } });
    // Nothing was deleted, so nothing has moved.
    await manual.do("sync");
    assertEquals((await manual.do("delete", "color")).value, false);
    assertEquals((await manual.do("sync")).calls, { revision: 1 });

    await Promise.all([writer.do("count", 100), manual.do("count", 100)]);
    assertEquals((await writer.do("get", "count")).value, 200);
    await manual.do("sync");
    assertEquals((await manual.do("peek", "count")).value, 200);
  } finally {
    await Promise.all([writer.stop(), manual.stop()]);
  }
}

test("two processes on one SQLite file see each other with the next read: DD-20, DD-21, DD-61", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, "settings.db");
    await seeEachOther(`sqlite:${file}`);
    const store = new Store<unknown>(sqlite(file));
    assertEquals(await Array.fromAsync(store), [["count", 200]]);
    await store.close();
  });
});

test("one change of ten thousand keys in an SQLite file is one value to read for the other process", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, "settings.db");
    const store = new Store<unknown>(sqlite(file, { revision: true }));
    await store.setMany(Array.from({ length: 10_000 }, (_, index) => [`key ${index}`, { index }]));
    const reader = await DurableProcess.start(`sqlite:${file}`, true);
    try {
      assertEquals((await reader.do("size")).value, 10_000);
      await store.set("key 77", "new");
      const calls = { revision: 1, versions: 1, readMany: 1, keys: 1 };
      assertEquals(await reader.do("get", "key 77"), { value: "new", calls });
    } finally {
      await reader.stop();
      await store.close();
    }
  });
});
