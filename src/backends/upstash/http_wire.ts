/**
 * The road over HTTP: what is asked for in one turn of the event loop is one request.
 *
 * @module
 */

import { backgroundTimer } from "../redis/background_timer.ts";
import {
  type Command,
  type RedisWire,
  type Reply,
  type ReplyError,
  type SendOptions,
  WireError,
} from "../redis/wire.ts";
import { LostAnswer, toReplies, toWireError } from "./failures.ts";
import { depend, meet, type Use, useOf } from "./names.ts";
import type { Road } from "./requester.ts";

// In workerd a request that has got its answer vanishes with all that it waits for: calls of one must not ride with
// another one, nor wait for it for long.
const APART = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === "Cloudflare-Workers";
/** Browsers open no more connections to one host; workerd counts for itself. */
const MOST_REQUESTS = APART ? Infinity : 6;
/** Milliseconds after which nobody waits for an earlier batch. */
const PATIENCE = APART ? 500 : Infinity;
const MOST_COMMANDS = 1000;
/** In characters; a request may be larger by one call. */
const MOST_TEXT = 500_000;

/** Commands of one call of `send`. */
interface Task {
  readonly commands: readonly Command[];
  readonly repeatable: boolean;
  readonly begun: number;
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (reason: unknown) => void;
}

/** Calls that share a request. */
class Batch {
  readonly tasks: Task[] = [];
  /** Those that nobody has answered yet. */
  readonly open = new Set<Task>();
  readonly controller = new AbortController();
  commands = 0;
  text = 0;
  /** Whether it waits for another one that uses its keys. */
  isHeld = false;
  timer: number | undefined;
  #use: Use | undefined;

  /** What its commands use; asked for only where another batch is there as well. */
  get use(): Use {
    return this.#use ??= useOf(this.tasks);
  }

  get isFull(): boolean {
    return this.commands >= MOST_COMMANDS || this.text >= MOST_TEXT;
  }

  add(task: Task): void {
    this.tasks.push(task);
    this.open.add(task);
    this.commands += task.commands.length;
    for (const command of task.commands) for (const word of command) this.text += word.length;
    this.#use = undefined;
  }
}

/**
 * A wire of pipeline requests. A batch is sent after the turn in which it began, once all earlier ones that use the same
 * keys are done and there is a free connection; until then it takes what else is asked for. A batch of reads whose answer
 * got lost is sent again, once; nothing else is sent twice.
 */
export class HttpWire implements RedisWire {
  readonly name: string;
  readonly scripts = new Set<string>();
  readonly #road: Road;
  readonly #timeout: number;
  // In the order of their calls.
  readonly #batches = new Set<Batch>();
  #gathering: Batch | undefined;
  /** Whoever waits for a batch to be done. */
  #change: PromiseWithResolvers<void> | undefined;
  #isClosed = false;
  /** What holds the timer that serves all batches, outside of workerd. */
  readonly #all: { timer: number | undefined } = { timer: undefined };

  /** Takes the deadline in milliseconds. */
  constructor(name: string, road: Road, timeout: number) {
    this.name = name;
    this.#road = road;
    this.#timeout = timeout;
  }

  send(
    commands: readonly Command[],
    { signal, repeatable = false }: SendOptions = {},
  ): Promise<readonly Reply[]> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isClosed) return Promise.reject(new WireError("closed", "it is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<readonly Reply[]>();
    const task: Task = { commands, repeatable, begun: performance.now(), resolve, reject };
    let batch = this.#gathering;
    // What has nothing to do with the keys that it waits for need not wait as well.
    if (!batch || batch.isFull || batch.isHeld && !meet(batch.use, useOf([task]))) {
      this.#gathering = batch = new Batch();
      this.#batches.add(batch);
      void this.#run(batch);
    }
    batch.add(task);
    if (!signal) return promise;
    const abort = () => this.#fail(batch, task, signal.reason);
    signal.addEventListener("abort", abort);
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  async close(): Promise<void> {
    while (this.#batches.size > 0) {
      await this.#wait();
      // Some calls take another step then.
      await new Promise((next) => setTimeout(next));
    }
    this.#isClosed = true;
    clearTimeout(this.#all.timer);
  }

  async #run(batch: Batch): Promise<void> {
    // Not before the turn is over.
    await undefined;
    if (APART && this.#gathering === batch) this.#gathering = undefined;
    // A worker stops the timers of another request, so there each batch has one of its own.
    if (APART) this.#watch(batch, [batch]);
    else this.#watch(this.#all, this.#batches);
    while (this.#hasToWait(batch)) await this.#wait();
    if (this.#gathering === batch) this.#gathering = undefined;
    if (batch.open.size > 0) await this.#request(batch);
    this.#finish(batch);
  }

  /** Some batch is done, or has had its time. */
  async #wait(): Promise<void> {
    const change = (this.#change ??= Promise.withResolvers<void>()).promise;
    if (!APART) return await change;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PATIENCE / 5);
    await Promise.race([promise, change]);
    clearTimeout(timer);
  }

  /** Whether an earlier batch has to be done before this one is sent. */
  #hasToWait(batch: Batch): boolean {
    const latest = performance.now() - Math.min(this.#timeout, PATIENCE);
    let requests = 0;
    for (const other of this.#batches) {
      if (other === batch) break;
      if (other.tasks.at(-1)!.begun < latest) {
        // Nobody else may be there to do it.
        if (APART) this.#batches.delete(other);
      } else {
        batch.isHeld = depend(other.use, batch.use);
        if (batch.isHeld || ++requests >= MOST_REQUESTS) return true;
      }
    }
    return false;
  }

  async #request(batch: Batch): Promise<void> {
    // Aborted calls that have not been sent need not be.
    const tasks = batch.tasks.filter((task) => batch.open.has(task));
    const commands = tasks.flatMap((task) => task.commands);
    const repeatable = tasks.every((task) => task.repeatable);
    const { signal } = batch.controller;
    let tries = repeatable ? 1 : 0;
    for (;;) {
      try {
        const replies = toReplies(await this.#road(commands, { signal, repeatable }), commands.length);
        let at = 0;
        for (const task of tasks) this.#settle(batch, task, replies.slice(at, at += task.commands.length));
        return;
      } catch (error) {
        const failure = toWireError(error);
        if (batch.open.size > 0 && failure instanceof LostAnswer && tries-- > 0) continue;
        for (const task of tasks) this.#fail(batch, task, failure);
        return;
      }
    }
  }

  #settle(batch: Batch, task: Task, replies: readonly (Reply | ReplyError | WireError)[]): void {
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed) this.#fail(batch, task, failed);
    else if (batch.open.delete(task)) task.resolve(replies as readonly Reply[]);
  }

  #fail(batch: Batch, task: Task, reason: unknown): void {
    if (!batch.open.delete(task)) return;
    task.reject(reason);
    if (batch.open.size > 0) return;
    this.#finish(batch);
    // Nobody waits for it any more.
    batch.controller.abort();
  }

  #finish(batch: Batch): void {
    if (this.#gathering === batch) this.#gathering = undefined;
    this.#batches.delete(batch);
    clearTimeout(batch.timer);
    this.#change?.resolve();
    this.#change = undefined;
  }

  /** Looks after the deadlines of calls, the oldest first; they are all equally far. */
  #watch(holder: { timer: number | undefined }, batches: Iterable<Batch>): void {
    if (holder.timer !== undefined) return;
    for (const { open: [oldest] } of batches) {
      if (!oldest) continue;
      const wait = Math.max(1, Math.ceil(oldest.begun + this.#timeout - performance.now()));
      holder.timer = backgroundTimer(() => {
        holder.timer = undefined;
        this.#expire(batches);
        this.#watch(holder, batches);
      }, wait);
      return;
    }
  }

  #expire(batches: Iterable<Batch>): void {
    const latest = performance.now() - this.#timeout;
    for (const batch of batches) {
      for (const task of batch.open) {
        if (task.begun > latest) return;
        this.#fail(batch, task, new WireError("timeout", `no answer in ${this.#timeout} ms`));
      }
    }
  }
}
