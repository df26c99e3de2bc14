import { assert, assertEquals, assertRejects } from "@std/assert";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { disk } from "../../src/backends/disk.ts";
import { Store } from "../../src/core/store.ts";
import { type CrashLoss, MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const LONG = "l".repeat(300);

/** What one key may hold before and after. */
type Values = Readonly<Record<string, string | undefined>>;

interface Change {
  readonly title: string;
  readonly before: Values;
  readonly after: Values;
  run(store: Store<string>, clock: FakeClock): Promise<unknown>;
}

const changes: readonly Change[] = [
  { title: "set() of a new key", before: {}, after: { "a/b/c": "new" }, run: (store) => store.set("a/b/c", "new") },
  { title: "set() over a value", before: { a: "old" }, after: { a: "new" }, run: (store) => store.set("a", "new") },
  {
    title: "set() of a long key",
    before: { [LONG]: "old" },
    after: { [LONG]: "new" },
    run: (store) => store.set(LONG, "new"),
  },
  {
    title: "set() with a lifetime",
    before: { a: "old" },
    after: { a: "new" },
    run: (store) => store.set("a", "new", { ttl: 1000 }),
  },
  { title: "add()", before: {}, after: { a: "new" }, run: (store) => store.add("a", "new") },
  {
    title: "setMany()",
    before: { a: "old", "b/c": "old" },
    after: { a: "new", "b/c": "new", d: "new", "b/e/f": "new" },
    run: (store) => store.setMany([["a", "new"], ["b/c", "new"], ["d", "new"], ["b/e/f", "new"]]),
  },
  { title: "take()", before: { a: "old" }, after: { a: undefined }, run: (store) => store.take("a") },
  { title: "delete()", before: { "a/b": "old" }, after: { "a/b": undefined }, run: (store) => store.delete("a/b") },
  {
    title: "deleteMany()",
    before: { a: "old", b: "old" },
    after: { a: undefined, b: undefined },
    run: (store) => store.deleteMany(["a", "b"]),
  },
  {
    title: "clear()",
    before: { a: "old", "b/c": "old", "b/d/e": "old" },
    after: { a: undefined, "b/c": undefined, "b/d/e": undefined },
    run: (store) => store.clear(),
  },
  { title: "touch()", before: { a: "old" }, after: { a: "old" }, run: (store) => store.touch("a", 1000) },
  {
    title: "a stream",
    before: { a: "old" },
    after: { a: "new" },
    run: async (store) => {
      const writer = (await store.writable("a")).getWriter();
      await writer.write(new TextEncoder().encode('"n'));
      await writer.write(new TextEncoder().encode('ew"'));
      await writer.close();
    },
  },
  {
    title: "add() over an expired entry",
    before: {},
    after: { a: "new" },
    run: async (store, clock) => {
      await store.set("a", "expired", { ttl: 10 });
      clock.advance(10);
      return await store.add("a", "new");
    },
  },
  {
    title: "prune()",
    before: { b: "old" },
    after: { b: "old" },
    run: async (store, clock) => {
      await store.set("a", "expired", { expiresAt: clock.now() + 10 });
      clock.advance(10);
      return await store.prune();
    },
  },
];

/** Crashes a change at every one of its steps; `expired` is what may be there in between. */
async function crashEverywhere(
  change: Change,
  options: { durable: boolean; links: boolean; loss: CrashLoss },
): Promise<void> {
  const { durable, links, loss } = options;
  for (let step = 1;; step++) {
    const clock = new FakeClock();
    const fileSystem = new MemoryFileSystem({ links });
    const open = () => new Store<string>(disk("/data", { fileSystem, durable, now: clock.now }));
    await open().setMany(Object.entries(change.before) as [string, string][]);
    fileSystem.crashAt(step, loss);
    const isDone = await Promise.resolve(change.run(open(), clock)).then(() => true, () => false);
    if (!isDone) await assertRejects(() => open().get("a"));
    fileSystem.restart();
    clock.advance(10);

    const store = open();
    const keys = new Set([...Object.keys(change.before), ...Object.keys(change.after)]);
    const present: string[] = [];
    for (const key of keys) {
      const value = await store.get(key);
      const allowed = isDone ? [change.after[key] ?? (key in change.after ? undefined : change.before[key])] : [
        change.before[key],
        change.after[key],
      ];
      assert(allowed.includes(value), `step ${step}: ${key} holds ${value}`);
      if (value !== undefined) present.push(key);
    }
    assertEquals((await Array.fromAsync(store.keys())).sort(), present.sort(), `step ${step}`);
    assertEquals(await store.size, present.length);
    // The store goes on as if nothing had been.
    for (const key of keys) {
      await store.set(key, "later");
      assertEquals(await store.get(key), "later");
    }
    if (isDone) return;
  }
}

describe("disk after a crash at any step (X-09)", () => {
  for (const change of changes) {
    test(`${change.title} leaves the old value or the new one, listed once, and nothing else`, async () => {
      for (const durable of [false, true]) {
        for (const links of [true, false]) await crashEverywhere(change, { durable, links, loss: "nothing" });
      }
    });
    test(`${change.title}, durable, does so after a power failure too`, async () => {
      for (const loss of ["data", "names"] as const) {
        await crashEverywhere(change, { durable: true, links: true, loss });
      }
    });
  }

  test("what a durable store has said to be written survives a power failure", async () => {
    for (const loss of ["data", "names"] as const) {
      const fileSystem = new MemoryFileSystem();
      const open = () => new Store<string>(disk("/data/deep", { fileSystem, durable: true }));
      const store = open();
      await store.set("a", "set");
      await store.add("b/c/d", "added");
      await store.setMany([["b/e", "many"], [LONG, "long"]]);
      await store.set("gone", "x");
      await store.delete("gone");
      fileSystem.crashAt(1, loss);
      await assertRejects(() => store.set("a", "too late"));
      fileSystem.restart();
      const kept = new Map(await Array.fromAsync(open()));
      assertEquals(kept, new Map([["a", "set"], ["b/c/d", "added"], ["b/e", "many"], [LONG, "long"]]));
    }
  });
});

describe("disk after its process was killed (X-09, X-10)", () => {
  test("a thousand writes with a SIGKILL at random moments leave whole values only", async () => {
    const folder = await mkdtemp(`${tmpdir()}/everymap-`);
    try {
      const held = new Map<string, string | undefined>();
      let written = 0;
      while (written < 1000) {
        written = await writeUntilKilled(folder, written, 20 + Math.floor(Math.random() * 230), held);
      }
      assert(written >= 1000);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

const script = fileURLToPath(new URL("../support/disk_writer.ts", import.meta.url));
const isDeno = "Deno" in globalThis;

/** Lets a process write and kills it after so many writes, then checks what is there; how far it came. */
async function writeUntilKilled(
  folder: string,
  first: number,
  writes: number,
  held: Map<string, string | undefined>,
): Promise<number> {
  const args = [...(isDeno ? ["run", "-A", "--no-check"] : []), script, folder, `${first}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let report = "";
  let begun = 0;
  for await (const chunk of child.stdout) {
    report += chunk;
    begun += String(chunk).split("begin").length - 1;
    if (begun >= writes) child.kill("SIGKILL");
  }
  await ended;

  let last = first;
  let underWay: string | undefined;
  for (const line of report.split("\n").slice(0, -1)) {
    const [word, key, index] = line.split(" ") as [string, string, string];
    last = Number(index);
    underWay = word === "begin" ? key : undefined;
    if (word === "end") held.set(key, valueOf(last));
  }
  const store = new Store<string>(disk(folder));
  const keys: string[] = [];
  for (let index = 0; index < 7; index++) {
    const key = `users/${index}`;
    const value = await store.get(key);
    if (value !== undefined) keys.push(key);
    // The last report may be missing: the process can be killed before it is out.
    const allowed = key === underWay ? [held.get(key), valueOf(last)] : [held.get(key)];
    assert(allowed.includes(value), `${key} holds ${value?.slice(0, 20)} after ${report.slice(-50)}`);
    held.set(key, value);
  }
  assertEquals((await Array.fromAsync(store.keys())).sort(), keys);
  const strangers = (await readdir(`${folder}/users`)).filter((name) => !/^\d\.json$|^\.everymap-.*\.tmp$/.test(name));
  assertEquals(strangers, []);
  return last + 1;
}

function valueOf(index: number): string | undefined {
  return index % 5 === 4 ? undefined : `${index} `.repeat(20_000);
}
