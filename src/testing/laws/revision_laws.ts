/**
 * Laws of the revision: it moves exactly when an entry is written or removed.
 *
 * @module
 */

import { expectEqual } from "../expect.ts";
import { law, type StoreLaw } from "./law.ts";

/** Laws of the revision. */
export const revisionLaws: readonly StoreLaw[] = [
  law("the revision moves with every change (DD-09)", async ({ store, open, value }) => {
    const other = await open();
    const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["set", () => store.set("key", value(0))],
      ["set again", () => store.set("key", value(1))],
      ["add", () => store.add("new", value(0))],
      ["setMany", () => store.setMany([["a", value(0)], ["b", value(1)]])],
      ["update", () => store.update("key", () => value(2))],
      ["delete", () => store.delete("a")],
      ["take", () => store.take("b")],
      ["deleteMany", () => store.deleteMany(["new", "absent"])],
      ["a write through another store", () => other.set("key", value(0))],
      ["clear", () => store.clear()],
    ];
    const seen = new Set([await store.revision()]);
    for (const [index, [title, change]] of changes.entries()) {
      await change();
      const revision = await store.revision();
      expectEqual(await other.revision(), revision, `the revision through another store after ${title}`);
      expectEqual(seen.add(revision).size, index + 2, `different revisions after ${title}`);
    }
  }, ["revision", "list"]),
  law("the revision stays with everything else (DD-32, DD-44)", async ({ store, open, value, advance }) => {
    await store.set("key", value(0));
    const before = await store.revision();
    const other = await open();
    await other.get("key");
    await store.has("key");
    await store.entry("key");
    await Array.fromAsync(store);
    await store.size;
    expectEqual(await store.add("key", value(1)), false, "add");
    expectEqual(await store.delete("absent"), false, "delete");
    expectEqual(await store.deleteMany(["absent"]), 0, "deleteMany");
    expectEqual(await store.take("absent"), undefined, "take");
    await store.getOrInsert("key", value(1));
    await store.setMany([]);
    await store.clear({ prefix: "nobody" });
    if (store.backend.supports.swap) await store.replace("key", value(1), { version: "of another entry" });
    await advance(1);
    expectEqual(await store.revision(), before, "the revision");
  }, ["revision", "list"]),
];
