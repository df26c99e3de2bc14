/**
 * The generations of prefixes: numbers that are part of the keys below a prefix, so that the next number makes all its
 * entries unreachable at once, on a server that cannot list them.
 *
 * @module
 */

import type { Asking, Reply } from "./connection.ts";
import { failure } from "./connection.ts";
import { generationKeyOf } from "./wire_keys.ts";

/** Sends a command to the server that has this key. */
export type Send = (asking: Asking, wireKey: string, head: string) => Promise<Reply>;

/** The generations of the prefixes of one store. */
export class Generations {
  readonly #prefixes: readonly string[];
  readonly #send: Send;
  readonly #known = new Map<string, string>();
  readonly #asked = new Map<string, Promise<string>>();

  /** Generations of these prefixes; nothing is asked yet. */
  constructor(prefixes: readonly string[], send: Send) {
    this.#prefixes = prefixes;
    this.#send = send;
  }

  /** Whether a clear of this prefix is one step. */
  has(prefix: string): boolean {
    return this.#prefixes.includes(prefix);
  }

  /** Whether this key is below one of the prefixes. */
  concern(key: string): boolean {
    return this.#prefixes.length > 0 && this.#prefixes.some((prefix) => key.startsWith(prefix));
  }

  /**
   * Does the work with the generations of a key: with those known from before, while the servers are asked for those of
   * now; again if they moved. What was written under an old one is lost to all.
   */
  async during<T>(
    asking: Asking,
    key: string,
    work: (generations: readonly string[]) => PromiseLike<T> | T,
  ): Promise<T> {
    const prefixes = this.#prefixes.filter((prefix) => key.startsWith(prefix));
    for (;;) {
      const before = this.#recall(prefixes) ?? await this.#askAll(asking, prefixes);
      const asked = this.#askAll(asking, prefixes);
      asked.catch(() => {});
      const answer = await work(before);
      const after = await asked;
      if (after.every((generation, index) => generation === before[index])) return answer;
    }
  }

  /** Makes all entries below the prefix unreachable. */
  async advance(asking: Asking, prefix: string): Promise<void> {
    this.#known.set(prefix, await this.#change(asking, prefix, 1));
  }

  #recall(prefixes: readonly string[]): readonly string[] | undefined {
    const known = prefixes.flatMap((prefix) => this.#known.get(prefix) ?? []);
    return known.length === prefixes.length ? known : undefined;
  }

  #askAll(asking: Asking, prefixes: readonly string[]): Promise<string[]> {
    return Promise.all(prefixes.map((prefix) => this.#ask(asking, prefix)));
  }

  /** One question for all calls of one tick, which none of them may end for the others. */
  #ask(asking: Asking, prefix: string): Promise<string> {
    let asked = this.#asked.get(prefix);
    if (!asked) {
      asked = this.#read({ ...asking, key: undefined, signal: undefined }, prefix);
      this.#asked.set(prefix, asked);
      queueMicrotask(() => this.#asked.delete(prefix));
    }
    return asked;
  }

  async #read(asking: Asking, prefix: string): Promise<string> {
    const wireKey = await generationKeyOf(prefix);
    const { line, value } = await this.#send(asking, wireKey, `mg ${wireKey} v\r\n`);
    const generation = value ? new TextDecoder().decode(value).trim() : await this.#change(asking, prefix, 0);
    if (!/^\d+$/.test(generation)) throw failure(asking, "unavailable", `the server says ${line.slice(0, 100)}`);
    this.#known.set(prefix, generation);
    return generation;
  }

  async #change(asking: Asking, prefix: string, step: 0 | 1): Promise<string> {
    const wireKey = await generationKeyOf(prefix);
    // One that was evicted must not come back as a number of before.
    const first = Date.now() * 1000 + Math.floor(Math.random() * 1000);
    const { value, line } = await this.#send(asking, wireKey, `ma ${wireKey} N0 J${first} D${step} v\r\n`);
    if (!value) throw failure(asking, "unavailable", `the server says ${line.slice(0, 100)}`);
    return new TextDecoder().decode(value).trim();
  }
}
