/**
 * Processes of their own, each with a region on one place.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scriptCommand } from "./runtime.ts";

const SCRIPT = new URL("./region_child.ts", import.meta.url);

/** What came of a stampede in one process. */
export interface Stampede {
  /** The values that callers got, each once. */
  readonly values: readonly string[];
  /** How long 99 of 100 callers waited at most, in milliseconds. */
  readonly p99: number;
}

/** A process with a region. */
export class RegionProcess {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => {};
  #isOver = false;

  private constructor(url: string, task: string, calls: string, creation: number) {
    const [program, ...args] = scriptCommand(SCRIPT, url, task, calls, `${creation}`);
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    let rest = "";
    this.#process.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      this.#lines.push(...parts);
      this.#wake();
    });
    this.#process.stdin!.on("error", () => {});
    this.#process.once("close", () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** Starts one, whose creators note their calls in the file and take so many milliseconds; it is ready. */
  static async start(url: string, task: "stampede" | "die", calls: string, creation: number): Promise<RegionProcess> {
    const process = new RegionProcess(url, task, calls, creation);
    await process.line();
    return process;
  }

  /** The next line that it says. */
  async line(): Promise<string> {
    while (this.#lines.length === 0) {
      if (this.#isOver) throw new Error("the process has ended");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#lines.shift()!;
  }

  /** Makes it begin with this key. */
  begin(key: string): void {
    this.#process.stdin!.write(`${key}\n`);
  }

  /** What came of the stampede on this key. */
  async stampede(key: string): Promise<Stampede> {
    this.begin(key);
    return JSON.parse(await this.line());
  }

  /** Ends it. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#process.stdin!.write("end\n");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    while (!this.#isOver) await new Promise<void>((resolve) => this.#wake = resolve);
    clearTimeout(timer);
  }
}

/** Counts calls of creators in all processes. */
export class Calls {
  /** The file in which they are noted, one a line. */
  readonly file: string;
  #seen = 0;

  constructor(folder: string) {
    this.file = join(folder, "calls");
  }

  /** Makes the file. */
  async start(): Promise<void> {
    await writeFile(this.file, "");
  }

  /** How many there were since the last look. */
  async count(): Promise<number> {
    const lines = (await readFile(this.file, "utf8")).split("\n").length - 1;
    const since = lines - this.#seen;
    this.#seen = lines;
    return since;
  }
}
