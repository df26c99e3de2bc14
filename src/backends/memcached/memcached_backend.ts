/**
 * The methods of a store in memcached.
 *
 * @module
 */

import { json } from "../../codecs/json.ts";
import { type Awaitable, isPending } from "../../core/awaitable.ts";
import type {
  ByteBackend,
  CallOptions,
  Entry,
  Keys,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  Supports,
  WriteOptions,
} from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import type { Codec } from "../../core/codec.ts";
import { encoded } from "../../core/encoded.ts";
import { type Asking, type Connection, failure, type Reply } from "./connection.ts";
import { Generations } from "./generations.ts";
import { bytesOf, Items, mayBeTooLarge, readingOf, refused, type Spot } from "./items.ts";
import type { Ring } from "./ring.ts";
import type { Server } from "./server.ts";
import { wireKeyOf } from "./wire_keys.ts";

/** What the methods work with. */
export interface MemcachedParts {
  readonly name: string;
  readonly servers: readonly Server[];
  readonly ring: Ring<Server>;
  /** Prefixes that can be cleared. */
  readonly clearable: readonly string[];
  readonly now: Clock;
}

/** A backend over one or several servers, each of which has its share of the keys. */
export class MemcachedBackend implements ByteBackend {
  readonly name: string;
  readonly codec: Codec<unknown, Uint8Array> = json();
  readonly encoded = encoded;
  readonly supports: Supports = {
    list: false,
    order: false,
    ttl: true,
    create: true,
    swap: true,
    stream: false,
    revision: false,
  };
  readonly now: Clock;
  readonly #servers: readonly Server[];
  readonly #ring: Ring<Server>;
  readonly #generations: Generations;
  readonly #items: Items;

  constructor({ name, servers, ring, clearable, now }: MemcachedParts) {
    this.name = name;
    this.now = now;
    this.#servers = servers;
    this.#ring = ring;
    this.#items = new Items(now);
    this.#generations = new Generations(clearable, (asking, wireKey, head) => this.#send(asking, wireKey, head));
  }

  read(key: string, options?: ReadOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#at("read", key, options, (spot) => this.#items.read(spot, options?.details));
  }

  write(key: string, raw: Uint8Array, options: WriteOptions = {}): Promise<string | boolean> {
    const { expiresAt, condition } = options;
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.#writeExpired(key, options);
    return this.#at("write", key, options, (spot) => this.#items.write(spot, { value: raw, expiresAt }, condition));
  }

  remove(key: string, options: RemoveOptions = {}): Promise<boolean> {
    return this.#at("remove", key, options, (spot) => this.#items.remove(spot, options.condition?.version));
  }

  list(): Keys {
    throw failure({ store: this.name, operation: "list" }, "unsupported", "memcached cannot list its keys");
  }

  async readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<Uint8Array>>> {
    const details = options?.details;
    const entries = await this.#readAll(keys, options, (spot, reply) => this.#items.entryIn(spot, reply, details));
    const found = new Map<string, Entry<Uint8Array>>();
    for (const [index, entry] of entries.entries()) if (entry) found.set(keys[index]!, entry);
    return found;
  }

  readValues(keys: readonly string[], options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    return this.#readAll(keys, options, (spot, reply) => this.#items.entryIn(spot, reply)?.value);
  }

  async writeMany(entries: ReadonlyMap<string, Uint8Array>, options?: Omit<WriteOptions, "condition">): Promise<void> {
    const { expiresAt } = options ?? {};
    const large = [...entries].filter(([key, raw]) => mayBeTooLarge(key, raw));
    // A value that is refused leaves the others unwritten.
    for (const [key, raw] of large) {
      await this.#at("write", key, options, (spot) => bytesOf(spot, { value: raw, expiresAt }));
    }
    await Promise.all([...entries].map(([key, raw]) => this.write(key, raw, options)));
  }

  async removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    const removed = await Promise.all(keys.map((key) => this.remove(key, options)));
    return removed.filter(Boolean).length;
  }

  has(key: string, options?: CallOptions): Promise<boolean> {
    return this.#at("read", key, options, (spot) => this.#items.has(spot));
  }

  async clear({ prefix = "", signal }: PrefixOptions = {}): Promise<void> {
    const asking = { store: this.name, operation: "clear", signal };
    if (this.#generations.has(prefix)) return await this.#generations.advance(asking, prefix);
    if (prefix !== "") {
      throw failure(asking, "unsupported", "the prefix is not among those that were declared as clearable");
    }
    await Promise.all(this.#servers.map(async (server) => {
      const connection = server.connection ?? await server.connect(asking);
      const { line } = await connection.send(asking, "flush_all\r\n");
      if (line !== "OK") refused(asking, line);
    }));
  }

  touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.remove(key, options);
    return this.#at("touch", key, options, (spot) => this.#items.touch(spot, expiresAt));
  }

  take(key: string, options?: CallOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#at("remove", key, options, (spot) => this.#items.take(spot));
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  /** Does the work on the server that has the key; at once where nothing has to be found out first. */
  #at<T>(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    work: (spot: Spot) => Awaitable<T>,
  ): Promise<T> {
    const asking = { store: this.name, operation, key, signal: options?.signal };
    if (this.#generations.concern(key)) {
      return this.#generations.during(asking, key, (generations) => this.#under(asking, key, generations, work));
    }
    try {
      return Promise.resolve(this.#under(asking, key, undefined, work));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #under<T>(
    asking: Asking,
    key: string,
    generations: readonly string[] | undefined,
    work: (spot: Spot) => Awaitable<T>,
  ): Awaitable<T> {
    const since = performance.now();
    const wireKey = wireKeyOf(key, generations);
    if (!isPending(wireKey)) {
      const { connection } = this.#ring.serverOf(wireKey);
      if (connection) return work({ asking, key, wireKey, connection, since });
    }
    return this.#arrive(asking, wireKey).then(({ wireKey, connection }) =>
      work({ asking, key, wireKey, connection, since })
    );
  }

  async #arrive(
    asking: Asking,
    wireKey: Awaitable<string>,
  ): Promise<{ readonly wireKey: string; readonly connection: Connection }> {
    const known = await wireKey;
    const server = this.#ring.serverOf(known);
    return { wireKey: known, connection: server.connection ?? await server.connect(asking) };
  }

  async #send(asking: Asking, wireKey: string, head: string): Promise<Reply> {
    const { connection } = await this.#arrive(asking, wireKey);
    return await connection.send(asking, head);
  }

  /** What is made of the reply for each key, in their order; one write and one wait for each server. */
  async #readAll<T>(
    keys: readonly string[],
    options: ReadOptions | undefined,
    toAnswer: (spot: Spot, reply: Reply) => T | undefined,
  ): Promise<(T | undefined)[]> {
    const { details, signal } = options ?? {};
    if (keys.some((key) => this.#generations.concern(key))) {
      return await Promise.all(keys.map((key) =>
        this.#at("read", key, options, async (spot) => {
          const { asking, wireKey, connection, since } = spot;
          return toAnswer(spot, await connection.send(asking, readingOf(wireKey, details), undefined, since));
        })
      ));
    }
    const since = performance.now();
    const store = this.name;
    const shares = new Map<Server, { readonly indexes: number[]; readonly wireKeys: string[]; heads: string }>();
    for (let index = 0; index < keys.length; index++) {
      const wireKey = wireKeyOf(keys[index]!);
      const known = isPending(wireKey) ? await wireKey : wireKey;
      const server = this.#ring.serverOf(known);
      let share = shares.get(server);
      if (!share) shares.set(server, share = { indexes: [], wireKeys: [], heads: "" });
      share.indexes.push(index);
      share.wireKeys.push(known);
      share.heads += readingOf(known, details);
    }
    const answers = new Array<T | undefined>(keys.length);
    await Promise.all(Array.from(shares, async ([server, { indexes, wireKeys, heads }]) => {
      const asking = { store, operation: "read", signal };
      const connection = server.connection ?? await server.connect(asking);
      const replies = await connection.sendMany(asking, heads, indexes.length, since);
      for (let at = 0; at < replies.length; at++) {
        const [index, wireKey] = [indexes[at]!, wireKeys[at]!];
        const key = keys[index]!;
        const spot = { asking: { store, operation: "read", key, signal }, key, wireKey, connection, since };
        answers[index] = toAnswer(spot, replies[at]!);
      }
    }));
    return answers;
  }

  #writeExpired(key: string, options: WriteOptions): Promise<boolean> {
    const { condition, signal } = options;
    if (condition === "absent") return this.has(key, { signal }).then((isThere) => !isThere);
    return this.remove(key, { condition, signal }).then((isGone) => isGone || condition === undefined);
  }
}
