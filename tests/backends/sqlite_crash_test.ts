import { assert, assertEquals } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { sqlite } from "../../src/backends/sqlite.ts";
import { Store } from "../../src/core/store.ts";

const folder = mkdtempSync(join(tmpdir(), "everymap-sqlite-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const SCRIPT = fileURLToPath(new URL("../support/sqlite_child.ts", import.meta.url));
const RUN = process.versions["deno"] ? ["run", "-A", "--no-check"] : ["--no-warnings"];

/** A child process: what it says, line by line, and its end. */
class Child {
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  readonly #isReady: Promise<void>;
  #onLine: (line: string) => void = () => {};

  constructor(task: string, file: string, name: string) {
    const child = this.#process = spawn(process.execPath, [...RUN, SCRIPT, task, file, name], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let rest = "";
    this.#isReady = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.stdout!.setEncoding("utf8").on("data", (text: string) => {
        const parts = (rest + text).split("\n");
        rest = parts.pop()!;
        for (const line of parts) {
          if (line === "ready") resolve();
          else {
            this.lines.push(line);
            this.#onLine(line);
          }
        }
      });
    });
    this.ended = new Promise((resolve) => child.once("close", () => resolve()));
    this.#process.stdin!.on("error", () => {});
  }

  /** Starts it; it is killed when it says this line. */
  async start(killAt?: string): Promise<void> {
    await this.#isReady;
    this.#onLine = (line) => {
      if (line === killAt) this.#process.kill("SIGKILL");
    };
    this.#process.stdin!.end("go\n");
  }
}

async function runAll(children: readonly Child[], killAt: readonly string[] = []): Promise<void> {
  await Promise.all(children.map((child, index) => child.start(killAt[index])));
  await Promise.all(children.map(({ ended }) => ended));
}

const KEYS = [
  ...Array.from({ length: 45 }, (_, index) => `key${index}`),
  ...Array.from({ length: 5 }, (_, index) => `batch${index}`),
];

/** What the writer of this round wrote to this key: which round that was, before or at `last`. */
function lastRoundOf(key: string, last: number): number {
  for (let round = last; round >= 0; round--) {
    if (round % 10 === 9 ? key.startsWith("batch") : key === `key${round % 45}`) return round;
  }
  return -1;
}

/** Every key holds a whole value of somebody, lists exactly once, and nothing else is there. */
async function checkWhole(store: Store<string>, names: readonly string[]): Promise<Map<string, string>> {
  const listed = await Array.fromAsync(store.keys());
  assertEquals(listed, [...new Set(listed)].toSorted());
  assertEquals(listed.filter((key) => !KEYS.includes(key)), []);
  const values = await store.getMany(listed);
  assertEquals([values.size, await store.size], [listed.length, listed.length]);
  for (const [key, value] of values) {
    const [, name, round] = value.match(/^(\S+) (\d+) x+$/) ?? [];
    assert(value.length === 3000 && names.includes(name!), `${key} holds ${JSON.stringify(value.slice(0, 30))}`);
    assert(lastRoundOf(key, Number(round)) === Number(round), `${key} holds the value of another key`);
  }
  const batch = new Set([...values].filter(([key]) => key.startsWith("batch")).map(([, value]) => value));
  assert(batch.size <= 1, "a batch is there in part");
  return values;
}

describe("sqlite and processes", () => {
  test("a process killed at any moment leaves each key with its old or its new value (X-09)", async () => {
    for (let run = 0; run < 6; run++) {
      const file = join(folder, `crash${run}.db`);
      const child = new Child("write", file, "one");
      await runAll([child], [`${Math.floor(Math.random() * 1000)}`]);
      const said = Number(child.lines.at(-1));
      const store = new Store<string>(sqlite(file));
      const values = await checkWhole(store, ["one"]);
      // It may have been killed after the next write and before it could say so.
      const roundOf = (key: string) => Number(values.get(key)?.split(" ")[1] ?? -1);
      const newest = Math.max(...KEYS.map(roundOf));
      assert(newest === said || newest === said + 1, `said ${said}, wrote ${newest}`);
      for (const key of KEYS) assertEquals(roundOf(key), lastRoundOf(key, newest), key);
      await store.set("key0", "one 0 ".padEnd(3000, "x"));
      await store.close();
    }
  });

  test("writers killed among others leave whole values, and the others go on (X-09)", async () => {
    for (let run = 0; run < 2; run++) {
      const file = join(folder, `several${run}.db`);
      const names = ["one", "two", "three"];
      const children = names.map((name) => new Child("write", file, name));
      const killAt = names.map((_, index) => index < 2 ? `${Math.floor(Math.random() * 1000)}` : "never");
      await runAll(children, killAt);
      assertEquals(children[2]!.lines.at(-1), "999");
      const store = new Store<string>(sqlite(file));
      assertEquals([...(await checkWhole(store, names)).keys()].toSorted(), KEYS.toSorted());
      await store.close();
    }
  });

  test("four processes that count up one key 50 times each end at 200", async () => {
    const file = join(folder, "count.db");
    await runAll(["a", "b", "c", "d"].map((name) => new Child("count", file, name)));
    const store = new Store<number>(sqlite(file));
    assertEquals(await store.get("count"), 200);
    await store.close();
  });

  test("of twenty that add one key to one new file from five processes exactly one is first (X-10)", async () => {
    const file = join(folder, "add.db");
    const children = Array.from({ length: 5 }, (_, index) => new Child("add", file, `${index}`));
    await runAll(children);
    const answers = children.map(({ lines }) => lines);
    assertEquals(answers.flat().toSorted(), [...Array(19).fill("false"), "true"]);
    const store = new Store<string>(sqlite(file));
    assertEquals(await store.get("winner"), `${answers.findIndex((lines) => lines.includes("true"))}`);
    await store.close();
  });

  test("of many stores in one process that add one key exactly one is first", async () => {
    const file = join(folder, "stores.db");
    const stores = Array.from({ length: 20 }, () => new Store<number>(sqlite(file)));
    const answers = await Promise.all(stores.map((store, index) => store.add("winner", index)));
    assertEquals(answers.filter(Boolean).length, 1);
    for (const store of stores) await store.close();
  });
});
