/**
 * The methods of a store of texts in Redis, over any road and in either shape.
 *
 * @module
 */

import { abortable } from "../../core/awaitable.ts";
import type {
  Backend,
  CallOptions,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  Supports,
  WriteOptions,
} from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { toFailure } from "./failures.ts";
import { JoinedReads } from "./joined_reads.ts";
import { Lane } from "./lane.ts";
import type { ScriptName } from "./scripts.ts";
import { patternOf, type Shape } from "./shape.ts";
import { splitLifetime, withLifetime } from "./text_values.ts";
import type { Command, RedisWire, Reply, SendOptions } from "./wire.ts";

/** How many names Redis looks at for one step of a listing. */
const PAGE = "512";
const NOTHING = "";
const REPEATABLE = { repeatable: true } as const;

/** What a store in Redis is told, whatever its shape. */
export interface RedisBackendOptions {
  readonly revision: boolean;
  readonly now: Clock;
}

/** A backend over a wire. Reads of one turn of the event loop go out as one command; the order of calls is kept. */
export class RedisTexts implements Backend<string> {
  readonly name: string;
  readonly supports: Supports;
  readonly now: Clock;
  readonly #lane: Lane;
  readonly #shape: Shape;
  readonly #reads: JoinedReads;

  constructor(wire: RedisWire, shape: Shape, { revision, now }: RedisBackendOptions) {
    this.name = wire.name;
    this.supports = { list: true, order: false, ttl: true, create: true, swap: true, stream: false, revision };
    this.now = now;
    this.#lane = new Lane(wire);
    this.#shape = shape;
    this.#reads = new JoinedReads(this.#lane, shape);
  }

  // Not async, like all that is called the most: every step would cost a turn of the microtask queue.
  read(key: string, options?: ReadOptions): Promise<Entry<string> | undefined> {
    if (options?.details) return this.#entry("read", key, options);
    const text = abortable(this.#reads.read(key, options?.signal), options?.signal) as Promise<string | null>;
    return text.then(this.#found, this.#failed("read", key));
  }

  write(key: string, raw: string, options: WriteOptions = {}): Promise<string | boolean> {
    const expiresAt = toMoment(options.expiresAt);
    const { condition } = options;
    if (this.#isPast(expiresAt)) return this.#writeExpired(key, options);
    const text = this.#text(raw, expiresAt);
    const { set, add } = this.#shape;
    const by = condition === undefined ? set : condition === "absent" ? add : undefined;
    const command = by?.(key, text, expiresAt);
    // What Redis answers to a write without a condition says nothing: HSET counts new fields.
    if (command) return this.#send("write", key, command, options).then((reply) => !condition || isDone(reply));
    const args = [conditionOf(condition), `${expiresAt ?? ""}`, text];
    const sent = this.#script("write", key, "write", [key], args, options);
    return sent.then((reply) => typeof reply === "string" ? reply : isDone(reply));
  }

  async remove(key: string, options: RemoveOptions = {}): Promise<boolean> {
    const command = options.condition ? undefined : this.#shape.remove?.([key]);
    return isDone(await this.#run("remove", key, command, "remove", [key], [conditionOf(options.condition)], options));
  }

  async *list({ prefix = "", limit = Infinity, signal }: ListOptions = {}): AsyncIterable<string> {
    // Redis may show a name again while it moves its table.
    const seen = new Set<string>();
    let left = limit;
    if (left <= 0) return;
    for await (const keys of this.#pages(prefix, signal)) {
      for (const key of keys) {
        if (seen.has(key)) continue;
        seen.add(key);
        yield key;
        if (--left <= 0) return;
      }
    }
  }

  async readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<string>>> {
    const entries = await Promise.all(keys.map((key) => this.#entry("read", key, options)));
    const found = new Map<string, Entry<string>>();
    for (const [index, entry] of entries.entries()) if (entry) found.set(keys[index]!, entry);
    return found;
  }

  async readValues(keys: readonly string[], options?: CallOptions): Promise<(string | undefined)[]> {
    const reading = this.#reads.readMany(keys, options).catch(this.#failed("read"));
    const texts = await abortable(reading, options?.signal);
    const failed = texts.findIndex((text) => text instanceof Error);
    if (failed >= 0) return await this.#failed("read", keys[failed])(texts[failed]);
    return (texts as (string | null)[]).map((text) => this.#value(text));
  }

  async writeMany(entries: ReadonlyMap<string, string>, options: WriteOptions = {}): Promise<void> {
    const expiresAt = toMoment(options.expiresAt);
    if (this.#isPast(expiresAt)) return void await this.removeMany([...entries.keys()], options);
    const command = this.#shape.setMany?.(entries, expiresAt);
    if (command) return void await this.#send("write", undefined, command, options);
    const texts = Array.from(entries.values(), (text) => this.#text(text, expiresAt));
    const args = [NOTHING, `${expiresAt ?? ""}`, ...texts];
    await this.#script("write", undefined, "write", [...entries.keys()], args, options);
  }

  async removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    const command = this.#shape.remove?.(keys);
    return await this.#run("remove", undefined, command, "remove", keys, [NOTHING], options) as number;
  }

  async has(key: string, options?: CallOptions): Promise<boolean> {
    const command = this.#shape.has?.([key]);
    return isDone(await this.#run("read", key, command, "has", [key], [], { ...REPEATABLE, signal: options?.signal }));
  }

  async count({ prefix = "", signal }: PrefixOptions = {}): Promise<number> {
    let count = 0;
    for await (const _ of this.list({ prefix, signal })) count++;
    return count;
  }

  async clear({ prefix = "", signal }: PrefixOptions = {}): Promise<void> {
    const command = prefix === "" ? this.#shape.clear?.() : undefined;
    if (command) return void await this.#send("clear", undefined, command, { signal });
    for await (const keys of this.#pages(prefix, signal)) {
      if (keys.length > 0) await this.removeMany(keys, { signal });
    }
  }

  async touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    const moment = toMoment(expiresAt);
    if (this.#isPast(moment)) return await this.remove(key, options);
    const command = this.#shape.touch?.(key, moment);
    return isDone(await this.#run("touch", key, command, "touch", [key], [`${moment ?? ""}`], options));
  }

  async take(key: string, options?: CallOptions): Promise<Entry<string> | undefined> {
    return await this.#entry("take", key, options);
  }

  async prune(options?: CallOptions): Promise<number> {
    let count = 0;
    if (!this.#shape.keepsLifetimes) return count;
    let cursor = "0";
    do {
      const reply = await this.#script("prune", undefined, "prune", [], [cursor, PAGE], options);
      [cursor, count] = [`${(reply as Reply[])[0]}`, count + Number((reply as Reply[])[1])];
    } while (cursor !== "0");
    return count;
  }

  async revision(options?: CallOptions): Promise<string> {
    const command = ["GET", this.#shape.counter];
    return `${await this.#send("read", undefined, command, { ...REPEATABLE, signal: options?.signal }) ?? 0}`;
  }

  async changes(since: string, options?: CallOptions): Promise<string[] | undefined> {
    if (!this.supports.revision || !/^\d+$/.test(since)) return undefined;
    const how = { ...REPEATABLE, signal: options?.signal };
    const names = await this.#script("list", undefined, "changes", [], [since], how) as string[] | null;
    return names?.map((name) => this.#shape.keyOf(name.slice(1)));
  }

  async close(): Promise<void> {
    this.#reads.flush();
    await this.#lane.close();
  }

  async *#pages(prefix: string, signal: AbortSignal | undefined): AsyncIterable<string[]> {
    const { page, keyOf } = this.#shape;
    const options = { ...REPEATABLE, signal };
    let cursor = "0";
    do {
      const args = [cursor, patternOf(prefix), PAGE];
      const reply = await this.#run("list", undefined, page?.(cursor, prefix, PAGE), "page", [], args, options);
      const [next, names] = reply as [Reply, string[]];
      cursor = `${next}`;
      // Redis compares bytes, and a half character has none.
      yield names.map(keyOf).filter((key) => key.startsWith(prefix));
    } while (cursor !== "0");
  }

  async #entry(script: "read" | "take", key: string, options?: CallOptions): Promise<Entry<string> | undefined> {
    const operation = script === "take" ? "remove" : "read";
    const repeatable = script === "read";
    const reply = await this.#script(operation, key, script, [key], [], { signal: options?.signal, repeatable });
    if (reply === null) return undefined;
    const [text, moment, version] = reply as [string, number, string];
    const value = this.#shape.keepsLifetimes ? splitLifetime(text).text : text;
    return { value, version, expiresAt: moment > 0 ? moment : undefined };
  }

  async #writeExpired(key: string, { condition, signal }: WriteOptions): Promise<boolean> {
    if (condition === "absent") return !await this.has(key, { signal });
    return await this.remove(key, { condition, signal }) || condition === undefined;
  }

  #isPast(expiresAt: number | undefined): boolean {
    return expiresAt !== undefined && expiresAt <= this.now();
  }

  #text(raw: string, expiresAt: number | undefined): string {
    return this.#shape.keepsLifetimes && expiresAt !== undefined ? withLifetime(raw, expiresAt) : raw;
  }

  readonly #found = (text: string | null): Entry<string> | undefined => {
    const value = this.#value(text);
    return value === undefined ? undefined : { value };
  };

  #value(text: string | null): string | undefined {
    if (text === null) return undefined;
    if (!this.#shape.keepsLifetimes) return text;
    const { text: value, expiresAt } = splitLifetime(text);
    return this.#isPast(expiresAt) ? undefined : value;
  }

  /** The command if there is one, else the script. */
  #run(
    operation: string,
    key: string | undefined,
    command: Command | undefined,
    script: ScriptName,
    keys: readonly string[],
    args: readonly string[],
    options?: SendOptions,
  ): Promise<Reply> {
    if (command) return this.#send(operation, key, command, options);
    return this.#script(operation, key, script, keys, args, options);
  }

  #script(
    operation: string,
    key: string | undefined,
    name: ScriptName,
    keys: readonly string[],
    args: readonly string[],
    { signal, repeatable }: SendOptions = {},
  ): Promise<Reply> {
    this.#reads.flush();
    const call = this.#shape.call(keys, args, this.now());
    return this.#lane.run(call, name, { signal, repeatable }).catch(this.#failed(operation, key));
  }

  #send(operation: string, key: string | undefined, command: Command, options: SendOptions = {}): Promise<Reply> {
    this.#reads.flush();
    const { signal, repeatable } = options;
    return this.#lane.send([command], { signal, repeatable }).then(first, this.#failed(operation, key));
  }

  #failed(operation: string, key?: string): (error: unknown) => Promise<never> {
    return async (error) => {
      throw await toFailure(error, { store: this.name, operation, key });
    };
  }
}

function first(replies: readonly Reply[]): Reply {
  return replies[0]!;
}

function isDone(reply: Reply): boolean {
  return reply !== null && reply !== 0;
}

function conditionOf(condition: WriteOptions["condition"]): string {
  return condition === undefined ? NOTHING : condition === "absent" ? condition : `=${condition.version}`;
}

/** Redis counts whole milliseconds, of which there are so many; what is beyond them lives for ever. */
function toMoment(expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined || expiresAt > Number.MAX_SAFE_INTEGER ? undefined : Math.ceil(expiresAt);
}
