/**
 * Laws of the revision: it moves exactly when an entry is written or removed. And of what goes with it, where a backend
 * has it: the versions of all keys, and watches.
 *
 * @module
 */

import type { Store } from "../../core/store.ts";
import { expect, expectEqual, expectRejection } from "../expect.ts";
import { law, type StoreLaw } from "./law.ts";

/** How long a watch may take to tell of a change, in milliseconds. */
const PATIENCE = 10_000;

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
      ...store.backend.supports.ttl ? [["touch", () => store.touch("key", 60_000)]] as const : [],
      ["delete", () => store.delete("a")],
      ["take", () => store.take("b")],
      ["deleteMany", () => store.deleteMany(["new", "absent"])],
      ["a write through another store", () => other.set("key", value(0))],
      ["clear of a part", () => store.clear({ prefix: "ke" })],
      ["a write after it", () => store.set("key", value(0))],
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
  law("the revision stays with everything else (DD-32, DD-43, DD-44)", async ({ store, open, value, advance }) => {
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
    expectEqual(await store.touch("absent", Infinity), false, "touch");
    await store.getOrInsert("key", value(1));
    await store.setMany([]);
    await store.clear({ prefix: "nobody" });
    if (store.backend.supports.swap) await store.replace("key", value(1), { version: "of another entry" });
    const signal = AbortSignal.abort("enough");
    await expectRejection(() => store.set("key", value(1), { signal }), (error) => error === "enough", "an abort");
    await advance(1);
    expectEqual(await store.revision(), before, "the revision");
  }, ["revision", "list"]),
  law("the revision stays when an entry expires, and when it is dropped", async ({ store, value, advance }) => {
    await store.set("lasting", value(0));
    await store.setMany([["a", value(0)], ["b", value(1)], ["c", value(2)]], { ttl: 50 });
    const before = await store.revision();
    await advance(60);
    expectEqual(await store.revision(), before, "the revision after expiry");
    expectEqual(await store.get("a"), undefined, "an expired entry");
    expectEqual(await store.delete("b"), false, "removing an expired entry");
    expectEqual(await store.size, 1, "the size");
    await Array.fromAsync(store);
    await store.prune();
    expectEqual(await store.revision(), before, "the revision after all calls that may drop what has expired");
  }, ["revision", "ttl", "list"]),
  law("a revision is never ahead of the values (DD-34)", async ({ store, open, value }) => {
    const other = await open();
    const seen: [revision: string, values: Map<string, unknown>][] = [];
    let isDone = false;
    const read = async () => {
      while (!isDone) seen.push([await other.revision(), await other.getMany(["a", "b"])]);
    };
    const reading = read();
    for (let index = 0; index < 40; index++) {
      if (index % 2) await store.setMany([["a", value(index)], ["b", value(index + 1)]]);
      else await store.set("a", value(index));
    }
    isDone = true;
    await reading;
    const revision = await other.revision();
    const values = await other.getMany(["a", "b"]);
    for (const [then, known] of seen) {
      if (then === revision) expectEqual(known, values, "what was read at the last one");
    }
  }, ["revision"]),
  law("changes name every key that was changed since, unless nobody knows any more", async ({ store, open, value }) => {
    const { backend } = store;
    if (!backend.changes) return;
    const other = await open();
    await store.setMany([["a", value(0)], ["b", value(1)], ["c/ä☃😀", value(2)], ["kept", value(3)]]);
    const start = await store.revision();
    expectEqual(await backend.changes(start), [], "what has changed since now");
    const made: string[] = [];
    const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["a", () => other.set("a", value(4))],
      ["b", () => store.delete("b")],
      ["new", () => store.add("new", value(0))],
      ["c/ä☃😀", () => other.take("c/ä☃😀")],
      ["many", () => store.setMany([["many", value(0)]])],
      ...backend.supports.ttl ? [["new", () => store.touch("new", 60_000)]] as const : [],
    ];
    for (const [key, change] of steps) {
      const before = await store.revision();
      await change();
      made.push(key);
      for (const [since, keys] of [[before, [key]], [start, made]] as const) {
        const told = await other.backend.changes!(since);
        if (told) expectEqual([...new Set(told)].sort(), [...new Set(keys)].sort(), `changes after ${key}`);
      }
    }
    const before = await store.revision();
    await store.clear();
    const told = await backend.changes(before);
    if (told) expectEqual([...told].sort(), ["a", "kept", "many", "new"], "changes after clear");
    expectEqual(await backend.changes("of another store"), undefined, "changes since what was no revision");
  }, ["revision", "list"]),
  law("versions are those of the entries, and change with them", async ({ store, value, advance, subject }) => {
    if (!store.backend.versions) return;
    const odd = subject.refusesKey?.("b\0c") ? "b/c" : "b\0c";
    const told = async (prefix?: string) => new Map(await store.backend.versions!({ prefix }));
    const known = async () => {
      const versions = new Map<string, string | undefined>();
      for await (const key of store.keys()) versions.set(key, (await store.entry(key))!.version);
      return versions;
    };
    expectEqual(await told(), new Map(), "versions of nothing");
    await store.setMany([["a", value(0)], [odd, value(1)], ["ä☃😀", value(2)]]);
    if (store.backend.supports.ttl) await store.set("gone", value(3), { ttl: 50 });
    await advance(60);
    const sorted = (versions: Map<string, unknown>) => new Map([...versions].sort(([a], [b]) => a < b ? -1 : 1));
    const before = await told();
    expectEqual(sorted(before), sorted(await known()), "versions");
    expectEqual([...(await told("b")).keys()], [odd], "keys with versions and a prefix");
    await store.set("a", value(3));
    await store.delete(odd);
    await store.set(odd, value(4));
    const after = await told();
    expect(after.get("a") !== before.get("a"), "the version must change with a write");
    expect(after.get(odd) !== before.get(odd), "the version must change with a removal and a write");
    expectEqual(after.get("ä☃😀"), before.get("ä☃😀"), "the version of what was not touched");
  }, ["list", "swap"]),
  law("a watch tells of every change until it is stopped (DD-61)", async ({ store, open, value }) => {
    if (!store.backend.watch) return;
    const watcher = await open();
    const other = await open();
    const watch = async (to: Store<unknown>) => {
      let calls = 0;
      let told = () => {};
      const stop = await to.backend.watch!((isWatching) => {
        if (isWatching) calls++;
        told();
      });
      return { stop, calls: () => calls, next: () => new Promise<void>((resolve) => told = resolve) };
    };
    const { stop, next, calls } = await watch(watcher);
    const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["set", () => other.set("a", value(0))],
      ["set again", () => other.set("a", value(1))],
      ["setMany", () => other.setMany([["a", value(2)], ["b", value(3)], ["c/d", value(0)]])],
      ["delete", () => other.delete("b")],
      ["clear", () => other.clear()],
      ["a write by the watcher itself", () => watcher.set("a", value(0))],
    ];
    for (const [title, change] of changes) {
      // A call that is late for the change before may come first: it is the number of changes that cannot be told late.
      const call = next();
      await change();
      await inTime(call, `a watch must be told of ${title}`);
    }
    await stop();
    const before = calls();
    const second = await watch(other);
    const call = second.next();
    await other.set("b", value(1));
    await inTime(call, "a second watch must be told");
    expectEqual(calls(), before, "calls of a watch that was stopped");
    await second.stop();
  }, ["revision", "list"]),
];

async function inTime(call: Promise<void>, message: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), PATIENCE));
  const isInTime = await Promise.race([call.then(() => true), late]);
  clearTimeout(timer);
  expect(isInTime, message);
}
