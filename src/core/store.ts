/**
 * The async `Map`: one class over any backend.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";
import type { Backend, ByteBackend, CallOptions, Condition, Entry, ListOptions, PrefixOptions } from "./backend.ts";
import type { Clock } from "./clock.ts";
import { type Duration, EXPIRED, type Lifetime, toExpiresAt, toMilliseconds } from "./lifetime.ts";
import { MapBackend } from "./map_backend.ts";
import { StoreError, type StoreErrorCode } from "./store_error.ts";
import type { CodecOptions, SetOptions, StoreOptions, ValueBackend } from "./store_options.ts";

/** How many entries are read or removed at a time where the backend lists them all. */
const PAGE = 100;

/**
 * An async `Map` over a {@linkcode Backend}: the same names with the same meaning, each awaited, and beyond them only what
 * a store that is shared or far away needs.
 *
 * Every call rejects with a {@linkcode StoreError} if the store cannot answer, with a `TypeError` or `RangeError` for a
 * mistake in the program, and with the signal's reason after an abort. `undefined` means that the key is absent, never
 * that the store is down.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * const ages = new Store(new Map<string, number>());
 * await ages.set("ada", 36, { ttl: { hours: 1 } });
 * await ages.update("ada", (age = 0) => age + 1);
 * assertEquals(await ages.get("ada"), 37);
 * assertEquals(await Array.fromAsync(ages), [["ada", 37]]);
 * ```
 */
export class Store<V = unknown> implements AsyncIterable<[string, V]>, AsyncDisposable {
  readonly #backend: Backend<V>;
  readonly #ttl: number;
  readonly #now: Clock;
  readonly #maxKeyBytes: number;
  readonly #updates = new Map<string, Promise<unknown>>();
  // The backend while it answers at once to keys of any length; nothing after closing, so that the short way needs no check
  // of its own.
  #atHand: Backend<V> | undefined;
  #closed = false;

  /**
   * A store over a native `Map` or a backend that keeps values as they are.
   *
   * @throws {TypeError} If an option is unknown, or there is a codec and nothing for it to encode.
   */
  constructor(backend: ValueBackend<V> | Map<string, V>, options?: StoreOptions & { readonly codec?: never });
  /** A store over a backend of bytes, with its own codec or another one. */
  constructor(backend: ByteBackend, options?: StoreOptions & CodecOptions<V>);
  constructor(backend: Backend<unknown> | Map<string, unknown>, options: StoreOptions & CodecOptions<V> = {}) {
    const { ttl = Infinity, now, ...decoding } = options;
    const inner = backend instanceof Map ? new MapBackend(backend, { now }) : backend;
    const { encoded, codec } = inner as Partial<ByteBackend>;
    if (!encoded) {
      for (const name in decoding) throw new TypeError(`Cannot make Store: ${inner.name} has no use for ${name}`);
    }
    const place: Backend<unknown> = encoded ? encoded(inner as ByteBackend, decoding.codec ?? codec!, decoding) : inner;
    this.#backend = place as Backend<V>;
    this.#now = now ?? place.now ?? Date.now;
    this.#ttl = toMilliseconds(ttl);
    this.#maxKeyBytes = place.maxKeyBytes ?? 1e9;
    if (place.readSync && place.writeSync && this.#maxKeyBytes >= 1e9) this.#atHand = this.#backend;
  }

  /** The store as a backend of values again, for layers and tiers; it knows no default lifetime. */
  get backend(): Backend<V> {
    return this.#backend;
  }

  /** The lifetime of entries that are written without one, in milliseconds; `Infinity`: they never expire. */
  get ttl(): number {
    return this.#ttl;
  }

  /** The clock that turns a `ttl` into a moment. */
  get now(): Clock {
    return this.#now;
  }

  /** The value, or `undefined` if the key is absent. */
  // deno-lint-ignore require-await -- without one it is twice as fast for entries at hand
  async get(key: string, options?: CallOptions): Promise<V | undefined> {
    const atHand = options === undefined ? this.#atHand : undefined;
    const value = atHand && atHand.readSync!(key);
    // What is found has a good key.
    if (value !== undefined) return value;
    if (atHand && key?.isWellFormed?.()) return undefined;
    return this.#get(key, options);
  }

  /**
   * The value.
   *
   * @throws {StoreError} `not-found` if the key is absent.
   */
  async getOrThrow(key: string, options?: CallOptions): Promise<V> {
    const value = await this.get(key, options);
    if (value !== undefined) return value;
    throw this.#error("not-found", "read", key);
  }

  /** The value with all that is known about it, or `undefined` if the key is absent. */
  async entry(key: string, options?: CallOptions): Promise<Entry<V> | undefined> {
    this.#check("read", key, options);
    return await this.#backend.read(key, { ...options, details: true });
  }

  /** Whether the key is there; does not count as a use of it. */
  async has(key: string, options?: CallOptions): Promise<boolean> {
    this.#check("read", key, options);
    return !!await (this.#backend.has?.(key, options) ?? this.#backend.read(key, options));
  }

  /** Writes the value; resolves to the store. */
  // deno-lint-ignore require-await -- without one it is twice as fast for entries at hand
  async set(key: string, value: V, options?: SetOptions): Promise<this> {
    const expiresAt = this.#expiresAt(options);
    const atHand = expiresAt === EXPIRED ? undefined : this.#atHand;
    this.#check("write", key, options, atHand);
    checkValue(value);
    if (atHand === undefined) return this.#set(key, value, options, expiresAt);
    if (!atHand.writeSync!(key, value, expiresAt)) this.#refuse("write", key);
    return this;
  }

  /** Writes the value only if the key is absent; atomic where `supports.create`. */
  async add(key: string, value: V, options?: SetOptions): Promise<boolean> {
    this.#check("write", key, options);
    checkValue(value);
    const { create } = this.#backend.supports;
    if (!create && await this.has(key, options)) return false;
    return await this.#write(key, value, options, create ? "absent" : undefined) || !create;
  }

  /**
   * Writes the value only if the entry still has this version.
   *
   * @throws {StoreError} `unsupported` without `supports.swap`.
   */
  async replace(key: string, value: V, options: SetOptions & { readonly version: string }): Promise<boolean> {
    this.#check("write", key, options);
    checkValue(value);
    this.#need("swap");
    const { version } = options;
    if (typeof version !== "string") throw new TypeError("Cannot replace: version must be a string");
    return await this.#write(key, value, options, { version });
  }

  /**
   * Reads, computes and writes back; resolves to the new value. Whatever changes the entry meanwhile makes it start
   * again, so the function may run more than once. Where the backend lacks `supports.create` or `supports.swap` only
   * updates through this store are kept apart. An entry keeps its lifetime unless a new one is given; a function that
   * answers `undefined` deletes it. The function must not wait for another update of its own key.
   */
  async update(
    key: string,
    compute: (value: V | undefined, key: string) => Awaitable<V | undefined>,
    options?: SetOptions,
  ): Promise<V | undefined> {
    this.#check("write", key, options);
    while (this.#updates.has(key)) await this.#updates.get(key);
    let value: V | undefined;
    const change = this.#change(key, options, async (entry) => {
      value = await compute(entry?.value, key);
      const isKept = entry && (options?.ttl ?? options?.expiresAt) === undefined;
      return { value, expiresAt: isKept ? entry.expiresAt : this.#expiresAt(options) };
    });
    // Who waits for it does not care how it went.
    this.#updates.set(key, change.catch(() => {}));
    await change.finally(() => this.#updates.delete(key));
    return value;
  }

  /** The value, which is written first if the key is absent. */
  getOrInsert(key: string, value: V, options?: SetOptions): Promise<V> {
    return this.getOrInsertComputed(key, () => value, options);
  }

  /**
   * The value, which is computed and written first if the key is absent. If somebody else writes one meanwhile, theirs
   * stays and is the answer. Concurrent callers each compute: a `Region` has one creator.
   */
  async getOrInsertComputed(key: string, compute: (key: string) => Awaitable<V>, options?: SetOptions): Promise<V> {
    const value = await this.get(key, options);
    if (value !== undefined) return value;
    const computed = await compute(key);
    return await this.add(key, computed, options) ? computed : this.getOrInsert(key, computed, options);
  }

  /** Removes the key; whether it was there. */
  async delete(key: string, options?: CallOptions): Promise<boolean> {
    this.#check("remove", key, options);
    return await this.#backend.remove(key, options);
  }

  /** Reads and removes the key; of several callers one gets the value. */
  async take(key: string, options?: CallOptions): Promise<V | undefined> {
    this.#check("remove", key, options);
    if (this.#backend.take) return (await this.#backend.take(key, options))?.value;
    return (await this.#change(key, options, () => ({})))?.value;
  }

  /**
   * Gives a live entry a new lifetime: milliseconds or a {@linkcode Duration} from now, `Infinity` for ever; whether there
   * was one.
   */
  async touch(key: string, ttl: number | Duration, options?: CallOptions): Promise<boolean> {
    this.#check("touch", key, options);
    const expiresAt = this.#expiresAt({ ttl });
    if (expiresAt === EXPIRED) return await this.delete(key, options);
    if (this.#backend.touch) return await this.#backend.touch(key, expiresAt, options);
    return !!await this.#change(key, options, (entry) => ({ value: entry?.value, expiresAt }));
  }

  /** The values of these keys in the order asked for, misses left out; one round trip where the backend can. */
  async getMany(keys: Iterable<string>, options?: CallOptions): Promise<Map<string, V>> {
    // Made first, it brings the keys into order, each once; filling it is cheaper than making another one.
    const values = new Map<string, V>();
    for (const key of keys) values.set(key, undefined!);
    const wanted = this.#checkMany("read", values.keys(), options);
    const found = wanted.length > 0 && await this.#backend.readMany?.(wanted, options);
    for (const key of wanted) {
      const entry = found ? found.get(key) : await this.#backend.read(key, options);
      if (entry) values.set(key, entry.value);
      else values.delete(key);
    }
    return values;
  }

  /** Writes these entries, the last one of equal keys; one round trip where the backend can. Resolves to the store. */
  async setMany(entries: Iterable<readonly [string, V]>, options?: SetOptions): Promise<this> {
    const values = new Map<string, V>(entries);
    const keys = this.#checkMany("write", values.keys(), options);
    values.forEach(checkValue);
    const expiresAt = this.#expiresAt(options);
    const how = { ...options, expiresAt };
    if (expiresAt === EXPIRED) await this.deleteMany(keys, options);
    else if (!this.#backend.writeMany) {
      for (const [key, value] of values) {
        await this.#backend.write(key, value, how);
      }
    } else if (keys.length > 0) await this.#backend.writeMany(values, how);
    return this;
  }

  /** Removes these keys; how many were there. One round trip where the backend can. */
  async deleteMany(keys: Iterable<string>, options?: CallOptions): Promise<number> {
    const wanted = this.#checkMany("remove", new Set(keys), options);
    if (wanted.length > 0 && this.#backend.removeMany) return await this.#backend.removeMany(wanted, options);
    let count = 0;
    for (const key of wanted) if (await this.#backend.remove(key, options)) count++;
    return count;
  }

  /** Removes every key, or every key that starts with the prefix. */
  async clear(options?: PrefixOptions): Promise<void> {
    this.#check("clear", "", options);
    if (this.#backend.clear) await this.#backend.clear(options);
    else for await (const page of this.#pages(options)) await this.deleteMany(page, options);
  }

  /** How many keys there are; a backend without a count of its own lists them all. */
  get size(): Promise<number> {
    return this.#size();
  }

  /** The keys, lazily, in the backend's own order. */
  async *keys(options?: ListOptions): AsyncGenerator<string, void> {
    this.#check("list", "", options);
    this.#need("list");
    if (options?.after !== undefined) this.#need("order");
    let left = options?.limit ?? Infinity;
    if (!(left >= 0)) throw new RangeError("Cannot list: limit is negative");
    for await (const key of this.#backend.list(options)) {
      options?.signal?.throwIfAborted();
      if (--left < 0) return;
      yield key;
    }
  }

  /** The values, lazily, in the order of the keys. */
  async *values(options?: ListOptions): AsyncGenerator<V, void> {
    for await (const [, value] of this.entries(options)) yield value;
  }

  /** Keys and values, lazily, read a page at a time. */
  async *entries(options?: ListOptions): AsyncGenerator<[string, V], void> {
    let left = options?.limit ?? Infinity;
    // Entries that vanish between the listing and the reading do not count towards the limit.
    for await (const page of this.#pages({ ...options, limit: left > 0 ? Infinity : left }, left)) {
      for (const entry of await this.getMany(page, options)) {
        yield entry;
        if (--left <= 0) return;
      }
    }
  }

  /** Calls back for each entry, one after the other. */
  async forEach(callback: (value: V, key: string, store: this) => unknown, options?: ListOptions): Promise<void> {
    for await (const [key, value] of this.entries(options)) await callback(value, key, this);
  }

  /** Drops expired entries that still take room; how many. */
  async prune(options?: CallOptions): Promise<number> {
    this.#check("prune", "", options);
    return await this.#backend.prune?.(options) ?? 0;
  }

  /**
   * The bytes of a value as a stream, or `undefined` if the key is absent. They are what the backend keeps, after those
   * codecs that turn bytes into bytes: a gzipped text comes as text.
   *
   * @throws {StoreError} `unsupported` without `supports.stream`.
   */
  async readable(key: string, options?: CallOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    this.#check("read", key, options);
    this.#need("stream");
    return await this.#backend.readable!(key, options);
  }

  /**
   * A stream that takes the bytes of a value; the entry appears, whole, when it is closed.
   *
   * @throws {StoreError} `unsupported` without `supports.stream`.
   */
  async writable(key: string, options?: SetOptions): Promise<WritableStream<Uint8Array>> {
    this.#check("write", key, options);
    this.#need("stream");
    const expiresAt = this.#expiresAt(options);
    return await this.#backend.writable!(key, { ...options, expiresAt });
  }

  /**
   * A token that changes exactly when an entry is written or removed; expiry does not change it.
   *
   * @throws {StoreError} `unsupported` without `supports.revision`.
   */
  async revision(options?: CallOptions): Promise<string> {
    this.#check("read", "", options);
    this.#need("revision");
    return await this.#backend.revision!(options);
  }

  /** Lets go of the backend; the data stays. Calls after it reject with `closed`; closing again does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#atHand = undefined;
    await this.#backend.close?.();
  }

  /** {@linkcode entries}. */
  [Symbol.asyncIterator](): AsyncGenerator<[string, V], void> {
    return this.entries();
  }

  /** {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // Apart from get() and set(), whose every call would pay for the wait.
  async #get(key: string, options: CallOptions | undefined): Promise<V | undefined> {
    this.#check("read", key, options);
    return (await this.#backend.read(key, options))?.value;
  }

  async #set(key: string, value: V, options: SetOptions | undefined, expiresAt: number | undefined): Promise<this> {
    const how = { ...options, expiresAt };
    await (expiresAt === EXPIRED ? this.#backend.remove(key, how) : this.#backend.write(key, value, how));
    return this;
  }

  async #size(): Promise<number> {
    this.#check("count", "");
    if (this.#backend.count) return await this.#backend.count();
    let count = 0;
    for await (const _ of this.keys()) count++;
    return count;
  }

  async *#pages(options?: ListOptions, size = PAGE): AsyncGenerator<string[], void> {
    let page: string[] = [];
    for await (const key of this.keys(options)) {
      if (page.push(key) < Math.min(size, PAGE)) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  /** Writes if the condition holds, or removes what would be expired already; whether something happened. */
  async #write(key: string, value: V | undefined, options?: SetOptions, condition?: Condition): Promise<boolean> {
    const expiresAt = this.#expiresAt(options);
    // What is expired already is not worth a round trip with a value; servers differ on what a lifetime of 0 means.
    if (expiresAt !== EXPIRED) {
      return await this.#backend.write(key, value!, { ...options, expiresAt, condition }) !== false;
    }
    if (condition === "absent") return !await this.has(key, options);
    return await this.#backend.remove(key, { ...options, condition });
  }

  /**
   * Replaces the entry by what the step makes of it, or removes it where that is no value; again until nobody else was
   * first. The entry that was there is the answer.
   */
  async #change(
    key: string,
    options: CallOptions | undefined,
    step: (entry: Entry<V> | undefined) => Awaitable<{ value?: V | undefined; expiresAt?: number | undefined }>,
  ): Promise<Entry<V> | undefined> {
    const { create, swap } = this.#backend.supports;
    for (;;) {
      const entry = await this.entry(key, options);
      const { value, expiresAt = Infinity } = await step(entry);
      if (value === undefined && !entry) return undefined;
      const condition = entry ? swap ? { version: entry.version! } : undefined : create ? "absent" : undefined;
      const how = { ...options, ttl: undefined, expiresAt: value === undefined ? EXPIRED : expiresAt };
      if (await this.#write(key, value, how, condition)) return entry;
    }
  }

  #expiresAt(lifetime: Lifetime | undefined): number | undefined {
    if (lifetime === undefined && this.#ttl === Infinity) return undefined;
    const ttl = lifetime === undefined ? this.#ttl : lifetime.ttl;
    // What a cache gives with every write is worth a short way.
    const isShort = typeof ttl === "number" && ttl > 0 && ttl < Infinity && lifetime?.expiresAt === undefined;
    const expiresAt = isShort ? this.#now() + ttl : toExpiresAt(lifetime, this.#ttl, this.#now);
    if (expiresAt! > 0 && !this.#backend.supports.ttl) this.#need("ttl");
    return expiresAt;
  }

  // Small, so that it is inlined: what is wrong is told apart from it. A call without a key has the empty one. Whether a key
  // is well-formed is left to who writes at once, because that takes half as long as the write.
  #check(operation: string, key: string, options?: CallOptions, atHand?: unknown): void {
    if (
      this.#closed || options?.signal || typeof key !== "string" || !(atHand || key.isWellFormed()) ||
      key.length * 3 > this.#maxKeyBytes
    ) this.#refuse(operation, key, options);
  }

  #refuse(operation: string, key: string, options?: CallOptions): void {
    if (this.#closed) throw this.#error("closed", operation);
    options?.signal?.throwIfAborted();
    if (typeof key !== "string") throw new TypeError(`Cannot ${operation}: key must be a string`);
    if (!key.isWellFormed()) throw this.#error("invalid-key", operation, key, "lone surrogate");
    if (key.length * 3 > this.#maxKeyBytes && new TextEncoder().encode(key).length > this.#maxKeyBytes) {
      throw this.#error("invalid-key", operation, key, `over ${this.#maxKeyBytes} bytes`);
    }
  }

  #checkMany(operation: string, keys: Iterable<string>, options?: CallOptions): string[] {
    const all = [...keys];
    this.#check(operation, "", options);
    for (const key of all) this.#check(operation, key);
    return all;
  }

  #need(feature: keyof Backend<V>["supports"]): void {
    if (!this.#backend.supports[feature]) throw this.#error("unsupported", `use ${feature}`);
  }

  #error(code: StoreErrorCode, operation: string, key?: string, reason?: string): StoreError {
    return new StoreError(code, { store: this.#backend.name, operation, key, reason });
  }
}

function checkValue(value: unknown): void {
  if (value === undefined) throw new TypeError("Cannot write undefined");
}
