/**
 * Reads that are asked for in one turn of the event loop, as one command.
 *
 * @module
 */

import type { CallOptions } from "../../core/backend.ts";
import type { Shape } from "./shape.ts";
import type { Lane } from "./lane.ts";
import { type Reply, ReplyError } from "./wire.ts";

/** As many keys as one command asks for: more would keep others waiting. */
const MOST = 1000;
const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";

/** A stored text, nothing, or why there is none. */
type Found = string | null | ReplyError;

interface Waiting {
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (text: string | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Joins reads. Whoever sends something else calls {@linkcode JoinedReads.flush} first, which keeps the order of calls. */
export class JoinedReads {
  readonly #lane: Lane;
  readonly #shape: Shape;
  #waiting: Waiting[] = [];
  readonly #flush = (): void => this.flush();

  constructor(lane: Lane, shape: Shape) {
    this.#lane = lane;
    this.#shape = shape;
  }

  /** The stored text, or `null`. The signal ends a command that nobody else waits for. */
  read(key: string, signal?: AbortSignal): Promise<string | null> {
    if (this.#waiting.length === 0) queueMicrotask(this.#flush);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, signal, resolve, reject });
      if (this.#waiting.length === MOST) this.flush();
    });
  }

  /** What is stored under each of the keys. */
  async readMany(keys: readonly string[], { signal }: CallOptions = {}): Promise<readonly Found[]> {
    this.flush();
    const command = this.#shape.getMany(keys);
    const [texts] = await this.#lane.send([command], { signal, repeatable: true }) as [Found[]];
    if (this.#shape.hidesTypes) await this.#findTypes(keys, texts, signal);
    return texts;
  }

  /** Sends what is waiting. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (waiting.length === 1) {
      const { key, signal, resolve, reject } = waiting[0]!;
      const sent = this.#lane.send([this.#shape.get(key)], { signal, repeatable: true });
      return void sent.then((replies) => resolve(replies[0] as string | null), reject);
    }
    this.readMany(waiting.map(({ key }) => key)).then((found) => {
      for (let at = 0; at < waiting.length; at++) {
        const text = found[at]!;
        if (text instanceof Error) waiting[at]!.reject(text);
        else waiting[at]!.resolve(text);
      }
    }, (error) => {
      for (const { reject } of waiting) reject(error);
    });
  }

  // MGET answers a list or a set as if nothing were there. What has become a value since then was a miss.
  async #findTypes(keys: readonly string[], texts: Found[], signal: AbortSignal | undefined): Promise<void> {
    const { has, types } = this.#shape;
    const missed: number[] = [];
    for (let at = 0; at < texts.length; at++) if (texts[at] === null) missed.push(at);
    if (missed.length === 0) return;
    const options = { signal, repeatable: true };
    const names = missed.map((index) => keys[index]!);
    const [count] = await this.#lane.send([has!(names)], options);
    if (count === 0) return;
    const found: readonly Reply[] = await this.#lane.send(types!(names), options);
    for (const [at, type] of found.entries()) {
      if (type !== "none" && type !== "string") texts[missed[at]!] = new ReplyError(WRONG_TYPE);
    }
  }
}
