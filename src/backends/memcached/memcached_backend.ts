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
import { frame } from "../../core/frame.ts";
import { type Asking, type Connection, failure, type Reply } from "./connection.ts";
import { casOf, type Found, foundIn, isLive, type Kept, versionOf, type WireVersion, wireVersionOf } from "./found.ts";
import { Generations } from "./generations.ts";
import { isLiveByFlags, lifetimeTokens } from "./lifetimes.ts";
import { tokenOf } from "./reply_reader.ts";
import type { Ring } from "./ring.ts";
import type { Server } from "./server.ts";
import { isHashed, wireKeyOf } from "./wire_keys.ts";

/** The header of an item in memcached 1.6, with its version and flags. */
const ITEM_BYTES = 48 + 8 + 4;

/** What the methods work with. */
export interface MemcachedParts {
  readonly name: string;
  readonly servers: readonly Server[];
  readonly ring: Ring<Server>;
  /** Prefixes that can be cleared. */
  readonly clearable: readonly string[];
  readonly now: Clock;
}

/** A key on its server. */
interface Spot {
  readonly asking: Asking;
  readonly key: string;
  readonly wireKey: string;
  readonly connection: Connection;
  /** When the call began: its deadline counts from here. */
  readonly since: number;
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

  constructor({ name, servers, ring, clearable, now }: MemcachedParts) {
    this.name = name;
    this.now = now;
    this.#servers = servers;
    this.#ring = ring;
    this.#generations = new Generations(clearable, (asking, wireKey, head) => this.#send(asking, wireKey, head));
  }

  read(key: string, options?: ReadOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#at("read", key, options, (spot) => this.#read(spot, options?.details));
  }

  write(key: string, raw: Uint8Array, options: WriteOptions = {}): Promise<string | boolean> {
    const { expiresAt, condition } = options;
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.#writeExpired(key, options);
    return this.#at("write", key, options, (spot) => {
      const found = { value: raw, expiresAt };
      if (condition === undefined) return this.#put(spot, found);
      if (condition === "absent") return this.#add(spot, found);
      const expected = this.#expected(spot, condition.version);
      return expected === undefined ? false : this.#put(spot, found, ` C${expected}`);
    });
  }

  remove(key: string, options: RemoveOptions = {}): Promise<boolean> {
    const { condition } = options;
    return this.#at("remove", key, options, async (spot) => {
      if (condition) {
        const expected = this.#expected(spot, condition.version);
        return expected !== undefined && await this.#delete(spot, ` C${expected}`);
      }
      // The server does not know of an entry that is expired for us; both go out in one write.
      const [found, isGone] = await Promise.all([this.#find(spot), this.#delete(spot)]);
      return isGone && (found === undefined || isLive(found, this.now()));
    });
  }

  list(): Keys {
    throw failure({ store: this.name, operation: "list" }, "unsupported", "memcached cannot list its keys");
  }

  async readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<Uint8Array>>> {
    const details = options?.details;
    const entries = await this.#readAll(keys, options, (spot, reply) => this.#entryIn(spot, reply, details));
    const found = new Map<string, Entry<Uint8Array>>();
    for (const [index, entry] of entries.entries()) if (entry) found.set(keys[index]!, entry);
    return found;
  }

  readValues(keys: readonly string[], options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    return this.#readAll(keys, options, (spot, reply) => this.#entryIn(spot, reply, false)?.value);
  }

  async writeMany(entries: ReadonlyMap<string, Uint8Array>, options?: Omit<WriteOptions, "condition">): Promise<void> {
    const { expiresAt } = options ?? {};
    const large = [...entries].filter(([key, raw]) => raw.length + 3 * key.length > 1000 - ITEM_BYTES);
    // A value that is refused leaves the others unwritten.
    for (const [key, raw] of large) {
      await this.#at("write", key, options, (spot) => this.#toBytes(spot, { value: raw, expiresAt }));
    }
    await Promise.all([...entries].map(([key, raw]) => this.write(key, raw, options)));
  }

  async removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    const removed = await Promise.all(keys.map((key) => this.remove(key, options)));
    return removed.filter(Boolean).length;
  }

  has(key: string, options?: CallOptions): Promise<boolean> {
    return this.#at("read", key, options, async (spot) => {
      const { line } = await this.#ask(spot, `mg ${spot.wireKey} f\r\n`);
      if (line === "EN") return false;
      const flags = Number(tokenOf(line, "f") ?? this.#refused(spot, line));
      return isLiveByFlags(flags, this.now()) ?? await this.#read(spot) !== undefined;
    });
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
      if (line !== "OK") this.#refused({ asking }, line);
    }));
  }

  touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.remove(key, options);
    return this.#at("touch", key, options, async (spot) => {
      // The moment stands in the value, so it is written anew, over the version that was read.
      for (;;) {
        const found = await this.#find(spot);
        if (!found || !isLive(found, this.now())) return false;
        if (await this.#put(spot, { value: found.value, expiresAt }, ` C${casOf(found)}`) !== false) return true;
      }
    });
  }

  take(key: string, options?: CallOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#at("remove", key, options, async (spot) => {
      for (;;) {
        const found = await this.#find(spot);
        if (!found || !isLive(found, this.now())) return undefined;
        if (await this.#delete(spot, ` C${casOf(found)}`)) return this.#entry(spot, found);
      }
    });
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

  #ask({ asking, connection, since }: Spot, head: string, value?: Uint8Array): Promise<Reply> {
    return connection.send(asking, head, value, since);
  }

  #read(spot: Spot, details?: boolean): Promise<Entry<Uint8Array> | undefined> {
    const { asking, connection, since } = spot;
    const head = readingOf(spot.wireKey, details);
    return connection.exchange(asking, head, undefined, since, (reply) => this.#entryIn(spot, reply, details));
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
          return toAnswer(spot, await this.#ask(spot, readingOf(spot.wireKey, details)));
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

  #entryIn(spot: Spot, reply: Reply, details: boolean | undefined): Entry<Uint8Array> | undefined {
    if (reply.line === "EN") return undefined;
    const found = this.#found(spot, reply);
    if (found === undefined || !isLive(found, this.now())) return undefined;
    return details ? this.#entry(spot, found) : { value: found.value };
  }

  /** What the server has, expired or not. */
  async #find(spot: Spot): Promise<Found | undefined> {
    const reply = await this.#ask(spot, readingOf(spot.wireKey, true));
    return reply.line === "EN" ? undefined : this.#found(spot, reply);
  }

  #found(spot: Spot, reply: Reply): Found | undefined {
    if (reply.value === undefined) this.#refused(spot, reply.line);
    return foundIn(spot, reply);
  }

  #entry({ connection: { about } }: Spot, found: Found): Entry<Uint8Array> {
    const { value, expiresAt } = found;
    return { value, expiresAt, version: versionOf({ epoch: about.epoch, cas: casOf(found), expiresAt }) };
  }

  /** The server's number for a version; `undefined` if an entry cannot have it any more. */
  #expected({ connection: { about } }: Spot, version: string): string | undefined {
    const wanted: WireVersion | undefined = wireVersionOf(version);
    if (wanted?.epoch !== about.epoch || !isLive(wanted, this.now())) return undefined;
    return wanted.cas;
  }

  async #delete(spot: Spot, condition = ""): Promise<boolean> {
    const { line } = await this.#ask(spot, `md ${spot.wireKey}${condition}\r\n`);
    if (line === "HD") return true;
    return line === "NF" || line === "EX" ? false : this.#refused(spot, line);
  }

  /** Writes; the version is asked for where there is a condition, and without one the answer is `true`. */
  #put(spot: Spot, found: Kept, condition = ""): Promise<string | boolean> {
    const { wireKey, asking, connection, since } = spot;
    const bytes = this.#toBytes(spot, found);
    const lifetime = found.expiresAt === undefined ? "" : lifetimeTokens(found.expiresAt, this.now());
    const head = `ms ${wireKey} ${bytes.length}${lifetime}${condition && ` c${condition}`}\r\n`;
    return connection.exchange(asking, head, bytes, since, ({ line }) => {
      if (line === "HD") return true;
      const cas = line.startsWith("HD") ? tokenOf(line, "c") : undefined;
      if (cas !== undefined) return versionOf({ epoch: connection.about.epoch, cas, expiresAt: found.expiresAt });
      if (/^(NS|EX|NF)\b/.test(line)) return false;
      // The server drops what it had rather than keep an old value.
      return line.includes("too large") ? this.#refuse(spot) : this.#refused(spot, line);
    });
  }

  async #add(spot: Spot, found: Kept): Promise<string | boolean> {
    for (;;) {
      const version = await this.#put(spot, found, " ME");
      if (version !== false) return version;
      const reply = await this.#ask(spot, readingOf(spot.wireKey, true));
      if (reply.line === "EN") continue;
      const there = this.#found(spot, reply);
      if (there && isLive(there, this.now())) return false;
      // Expired for us and not yet for the server, or that of another key.
      const answer = await this.#put(spot, found, ` C${casOf(reply)}`);
      if (answer) return answer;
    }
  }

  #writeExpired(key: string, options: WriteOptions): Promise<boolean> {
    const { condition, signal } = options;
    if (condition === "absent") return this.has(key, { signal }).then((isThere) => !isThere);
    return this.remove(key, { condition, signal }).then((isGone) => isGone || condition === undefined);
  }

  #toBytes(spot: Spot, { value, expiresAt }: Kept): Uint8Array {
    const { wireKey, key, connection } = spot;
    const bytes = frame({ payload: value, expiresAt, key: isHashed(wireKey) ? key : undefined });
    // 1 for the end of the key, 2 for that of the value.
    const size = ITEM_BYTES + wireKey.length + 1 + bytes.length + 2;
    // Told to keep what is too large it drops what it had.
    if (size > connection.about.maxItemBytes) this.#refuse(spot);
    return bytes;
  }

  #refuse({ asking, connection }: Spot): never {
    throw failure(asking, "too-large", `items may have ${connection.about.maxItemBytes} bytes`);
  }

  #refused({ asking }: Pick<Spot, "asking">, line: string): never {
    const isMemory = line.includes("out of memory");
    throw failure(asking, "unavailable", isMemory ? "the server is out of memory" : `the server says ${said(line)}`);
  }
}

/** The command that reads a key. */
function readingOf(wireKey: string, details: boolean | undefined): string {
  return details ? `mg ${wireKey} v c\r\n` : `mg ${wireKey} v\r\n`;
}

/** The first words of a reply: an error, never what an entry holds. */
function said(line: string): string {
  return JSON.stringify(line.replace(/[^\x20-\x7e]/g, "?").slice(0, 100));
}
