/**
 * A process with a durable map, from outside.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { scriptCommand } from "./runtime.ts";

/** What a deed came to: its value or the code of its error, and the calls of the store that it took. */
export interface Deed {
  readonly value?: unknown;
  readonly error?: string;
  readonly calls: Readonly<Record<string, number>>;
}

/** Whether its map asks before each read, never, or after so many milliseconds. */
export type Autosync = boolean | number;

/** A process that does what it is told, one thing after the other. */
export class DurableProcess {
  readonly #child: ChildProcess;
  readonly #waiting: { resolve(line: unknown): void; reject(error: unknown): void }[] = [];
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) =>
      child.once("close", () => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error("The process has ended"));
        resolve();
      })
    );
    child.stdin!.on("error", () => {});
    createInterface({ input: child.stdout! }).on("line", (line) => this.#waiting.shift()!.resolve(JSON.parse(line)));
  }

  /** One that has opened its map. */
  static async start(place: string, autosync: Autosync): Promise<DurableProcess> {
    const [program, ...args] = scriptCommand(new URL("./durable_child.ts", import.meta.url), place, `${autosync}`);
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const process = new DurableProcess(child);
    await process.#answer();
    return process;
  }

  /** Has it done. */
  do(deed: string, ...args: readonly unknown[]): Promise<Deed> {
    this.#child.stdin!.write(`${JSON.stringify([deed, ...args])}\n`);
    return this.#answer() as Promise<Deed>;
  }

  /** Lets it close its map and end. */
  async stop(): Promise<void> {
    this.#child.stdin!.end();
    await this.#ended;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}
