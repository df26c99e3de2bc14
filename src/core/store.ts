/**
 * The async `Map`: one class over any backend.
 *
 * @module
 */

import { abortable, type Awaitable, isPending } from "./awaitable.ts";
import type { Backend, ByteBackend, CallOptions, Entry, ListOptions, PrefixOptions, WriteOptions } from "./backend.ts";
import type { Clock } from "./clock.ts";
import type { Codec } from "./codec.ts";
import { concurrently } from "./concurrently.ts";
import { encoded } from "./encoded.ts";
import { type Duration, EXPIRED, type Lifetime, toExpiresAt, toMilliseconds } from "./lifetime.ts";
import { MapBackend } from "./map_backend.ts";
import { checkOptions } from "./options.ts";
import { StoreError, type StoreErrorCode } from "./store_error.ts";
import { Turns } from "./turns.ts";

/** What a {@linkcode Store} is told once. */
export interface StoreOptions {
  /** Lifetime of entries that are written without one: milliseconds, or a {@linkcode Duration}. @default {Infinity} */
  readonly ttl?: number | Duration | undefined;
  /** The clock that turns a `ttl` into a moment. @default {the backend's} */
  readonly now?: Clock | undefined;
}

/** A codec beside {@linkcode StoreOptions}. */
export interface CodecOption<V> {
  /** How values become bytes. @default {the backend's} */
  readonly codec?: Codec<V, Uint8Array>;
}

/** What a writing call takes: a lifetime, a signal. */
export interface SetOptions extends Lifetime, CallOptions {}

/** A backend that keeps values as they are. */
export type ValueBackend<V> = Backend<V> & { readonly codec?: never };

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
  readonly #turns = new Turns();
  // The backend while it answers at once; nothing after closing, so that the short way needs no check of its own.
  #atHand: Backend<V> | undefined;
  #closed = false;

  /**
   * A store of values over a backend of bytes and a codec, or over a backend that keeps the values themselves.
   *
   * @throws {TypeError} If an option is unknown, or a backend of bytes has no codec.
   */
  constructor(backend: ValueBackend<V> | Map<string, V>, options?: StoreOptions & { readonly codec?: never });
  constructor(backend: ByteBackend, options?: StoreOptions & CodecOption<V>);
  constructor(backend: Backend<Uint8Array>, options: StoreOptions & Required<CodecOption<V>>);
  constructor(backend: Backend<unknown> | Map<string, unknown>, options: StoreOptions & CodecOption<V> = {}) {
    checkOptions("Store", options, ["codec", "ttl", "now"]);
    const inner = backend instanceof Map ? new MapBackend(backend, { now: options.now }) : backend;
    const codec = options.codec ?? (inner as Partial<ByteBackend>).codec;
    this.#backend = (codec ? encoded(inner as Backend<Uint8Array>, codec) : inner) as Backend<V>;
    this.#now = options.now ?? inner.now ?? Date.now;
    this.#ttl = options.ttl === undefined ? Infinity : toMilliseconds(options.ttl);
    if (this.#backend.readSync && this.#backend.writeSync) this.#atHand = this.#backend;
  }

  /** The store as a backend of values again, for layers and tiers; it knows no default lifetime. */
  get backend(): Backend<V> {
    return this.#backend;
  }

  /** The value, or `undefined` if the key is absent. */
  async get(key: string, options?: CallOptions): Promise<V | undefined> {
    if (this.#atHand !== undefined && options === undefined) {
      const value = this.#atHand.readSync!(key);
      if (value !== undefined) return value;
    }
    this.#checkKey("read", key, options);
    const entry = this.#backend.read(key, options);
    return (isPending(entry) ? await abortable(entry, options?.signal) : entry)?.value;
  }

  /**
   * The value.
   *
   * @throws {StoreError} `not-found` if the key is absent.
   */
  async getOrThrow(key: string, options?: CallOptions): Promise<V> {
    const value = await this.get(key, options);
    if (value === undefined) throw this.#error("not-found", "read", key);
    return value;
  }

  /** The value with all that is known about it, or `undefined` if the key is absent. */
  async entry(key: string, options?: CallOptions): Promise<Entry<V> | undefined> {
    this.#checkKey("read", key, options);
    return await abortable(this.#backend.read(key, { ...options, details: true }), options?.signal);
  }

  /** Whether the key is there; does not count as a use of it. */
  async has(key: string, options?: CallOptions): Promise<boolean> {
    this.#checkKey("read", key, options);
    if (this.#backend.has) return await abortable(this.#backend.has(key, options), options?.signal);
    return (await abortable(this.#backend.read(key, options), options?.signal)) !== undefined;
  }

  /** Writes the value; resolves to the store. */
  async set(key: string, value: V, options?: SetOptions): Promise<this> {
    this.#checkKey("write", key, options);
    this.#checkValue(value);
    const expiresAt = this.#expiresAt(options, key);
    if (this.#atHand !== undefined && expiresAt !== EXPIRED) {
      this.#atHand.writeSync!(key, value, expiresAt);
      return this;
    }
    const write = this.#write(key, value, options);
    if (isPending(write)) await abortable(write, options?.signal);
    return this;
  }

  /** Writes the value only if the key is absent; atomic where `supports.create`. */
  async add(key: string, value: V, options?: SetOptions): Promise<boolean> {
    this.#checkKey("write", key, options);
    this.#checkValue(value);
    if (!this.#backend.supports.create && await this.has(key, options)) return false;
    const condition = this.#backend.supports.create ? "absent" : undefined;
    return await abortable(this.#write(key, value, options, condition), options?.signal) !== false;
  }

  /**
   * Writes the value only if the entry still has this version.
   *
   * @throws {StoreError} `unsupported` without `supports.swap`.
   */
  async replace(key: string, value: V, options: SetOptions & { readonly version: string }): Promise<boolean> {
    this.#checkKey("write", key, options);
    this.#checkValue(value);
    this.#need("swap", "replace", key);
    const { version } = options;
    if (typeof version !== "string") throw new TypeError("Cannot replace without a version");
    return await abortable(this.#write(key, value, options, { version }), options.signal) !== false;
  }

  /**
   * Reads, computes and writes back; resolves to the new value. Whatever changes the entry meanwhile makes it start
   * again, so the function may run more than once. Where the store lacks `supports.create` or `supports.swap` only
   * updates through this object are kept apart. An entry keeps its lifetime unless a new one is given; a function that
   * answers `undefined` deletes it.
   */
  async update(
    key: string,
    compute: (value: V | undefined, key: string) => Awaitable<V | undefined>,
    options?: SetOptions,
  ): Promise<V | undefined> {
    this.#checkKey("write", key, options);
    return await this.#turns.run(key, async () => {
      const { create, swap } = this.#backend.supports;
      for (let attempt = 0;; attempt++) {
        options?.signal?.throwIfAborted();
        const entry = await this.entry(key, options);
        const value = await compute(entry?.value, key);
        const version = swap ? entry?.version : undefined;
        const unchanged = version === undefined ? undefined : { version };
        if (value === undefined) {
          if (!entry) return undefined;
          const remove = this.#backend.remove(key, { signal: options?.signal, condition: unchanged });
          if (await abortable(remove, options?.signal) || !unchanged) return undefined;
        } else {
          const condition = entry ? unchanged : create ? "absent" : undefined;
          const keep = entry?.expiresAt !== undefined && options?.ttl === undefined && options?.expiresAt === undefined;
          const lifetime = keep ? { signal: options?.signal, expiresAt: entry.expiresAt } : options;
          if (await abortable(this.#write(key, value, lifetime, condition), options?.signal) !== false) return value;
        }
        // Somebody else was first: step aside for a moment that differs from theirs.
        if (attempt > 2) await new Promise((wake) => setTimeout(wake, Math.random() * Math.min(2 ** attempt, 50)));
      }
    });
  }

  /** The value, which is written first if the key is absent. */
  async getOrInsert(key: string, value: V, options?: SetOptions): Promise<V> {
    return await this.getOrInsertComputed(key, () => value, options);
  }

  /**
   * The value, which is computed and written first if the key is absent. If somebody else writes one meanwhile, theirs
   * stays and is the answer. Concurrent callers each compute: a `Region` has one creator.
   */
  async getOrInsertComputed(key: string, compute: (key: string) => Awaitable<V>, options?: SetOptions): Promise<V> {
    let value = await this.get(key, options);
    if (value !== undefined) return value;
    const computed = await compute(key);
    while (!await this.add(key, computed, options)) {
      value = await this.get(key, options);
      if (value !== undefined) return value;
    }
    return computed;
  }

  /** Removes the key; whether it was there. */
  async delete(key: string, options?: CallOptions): Promise<boolean> {
    this.#checkKey("remove", key, options);
    return await abortable(this.#backend.remove(key, options), options?.signal);
  }

  /** Reads and removes the key; of several callers one gets the value. */
  async take(key: string, options?: CallOptions): Promise<V | undefined> {
    this.#checkKey("remove", key, options);
    const { signal } = options ?? {};
    if (this.#backend.take) return (await abortable(this.#backend.take(key, options), signal))?.value;
    for (;;) {
      const entry = await this.entry(key, options);
      if (!entry) return undefined;
      const version = this.#backend.supports.swap ? entry.version : undefined;
      const condition = version === undefined ? undefined : { version };
      if (await abortable(this.#backend.remove(key, { signal, condition }), signal)) return entry.value;
      if (!condition) return undefined;
    }
  }

  /**
   * Gives a live entry a new lifetime: milliseconds or a {@linkcode Duration} from now, `Infinity` for ever; whether there
   * was one.
   */
  async touch(key: string, ttl: number | Duration, options?: CallOptions): Promise<boolean> {
    this.#checkKey("touch", key, options);
    const expiresAt = this.#expiresAt({ ttl }, key);
    const { signal } = options ?? {};
    if (expiresAt === EXPIRED) return await this.delete(key, options);
    if (this.#backend.touch) return await abortable(this.#backend.touch(key, expiresAt, options), signal);
    for (;;) {
      const entry = await this.entry(key, options);
      if (!entry) return false;
      const version = this.#backend.supports.swap ? entry.version : undefined;
      const condition = version === undefined ? undefined : { version };
      const write = this.#backend.write(key, entry.value, { signal, expiresAt, condition });
      if (await abortable(write, signal) !== false) return true;
    }
  }

  /** The values of these keys in the order asked for, misses left out; one round trip where the backend can. */
  async getMany(keys: Iterable<string>, options?: CallOptions): Promise<Map<string, V>> {
    const wanted = this.#checkMany("read", keys, options);
    const found = new Map<string, Entry<V>>();
    if (this.#backend.readMany) {
      if (wanted.length === 0) return new Map();
      const entries = await abortable(this.#backend.readMany(wanted, options), options?.signal);
      for (const [key, entry] of entries) found.set(key, entry);
    } else {
      await concurrently(wanted, async (key) => {
        const entry = await abortable(this.#backend.read(key, options), options?.signal);
        if (entry) found.set(key, entry);
      }, options);
    }
    const values = new Map<string, V>();
    for (const key of wanted) {
      const entry = found.get(key);
      if (entry) values.set(key, entry.value);
    }
    return values;
  }

  /** Writes these entries, the last one of equal keys; one round trip where the backend can. Resolves to the store. */
  async setMany(entries: Iterable<readonly [string, V]>, options?: SetOptions): Promise<this> {
    const values = new Map<string, V>();
    for (const [key, value] of entries) {
      this.#checkValue(value);
      values.set(key, value);
    }
    const keys = this.#checkMany("write", values.keys(), options);
    const expiresAt = this.#expiresAt(options);
    const { signal } = options ?? {};
    if (keys.length === 0) return this;
    if (expiresAt === EXPIRED) await this.deleteMany(keys, options);
    else if (this.#backend.writeMany) {
      await abortable(this.#backend.writeMany(values, { ...options, expiresAt }), signal);
    } else {
      await concurrently(values, async ([key, value]) => {
        await abortable(this.#backend.write(key, value, { ...options, expiresAt }), signal);
      }, options);
    }
    return this;
  }

  /** Removes these keys; how many were there. One round trip where the backend can. */
  async deleteMany(keys: Iterable<string>, options?: CallOptions): Promise<number> {
    const wanted = this.#checkMany("remove", keys, options);
    if (wanted.length === 0) return 0;
    if (this.#backend.removeMany) return await abortable(this.#backend.removeMany(wanted, options), options?.signal);
    let count = 0;
    await concurrently(wanted, async (key) => {
      if (await abortable(this.#backend.remove(key, options), options?.signal)) count++;
    }, options);
    return count;
  }

  /** Removes every key, or every key that starts with the prefix. */
  async clear(options?: PrefixOptions): Promise<void> {
    this.#check("clear", options);
    if (this.#backend.clear) return await abortable(this.#backend.clear(options), options?.signal);
    let page: string[] = [];
    for await (const key of this.keys(options)) {
      if (page.push(key) === PAGE) {
        await this.deleteMany(page, options);
        page = [];
      }
    }
    await this.deleteMany(page, options);
  }

  /** How many keys there are; a backend without a count of its own lists them all. */
  get size(): Promise<number> {
    return this.#size();
  }

  /** The keys, lazily, in the backend's own order. */
  async *keys(options?: ListOptions): AsyncGenerator<string, void> {
    this.#check("list", options);
    this.#need("list", "list");
    if (options?.after !== undefined) this.#need("order", "list");
    const limit = options?.limit ?? Infinity;
    if (!(limit >= 0)) throw new RangeError("Cannot list: limit must be 0 or more");
    if (limit === 0) return;
    const listing = this.#backend.list(options);
    const iterator = Symbol.asyncIterator in listing ? listing[Symbol.asyncIterator]() : listing[Symbol.iterator]();
    try {
      for (let left = limit; left > 0; left--) {
        const next = iterator.next();
        const step = isPending(next) ? await abortable(next, options?.signal) : next;
        if (step.done) return;
        yield step.value;
        options?.signal?.throwIfAborted();
      }
    } finally {
      await iterator.return?.();
    }
  }

  /** The values, lazily, in the order of the keys. */
  async *values(options?: ListOptions): AsyncGenerator<V, void> {
    for await (const [, value] of this.entries(options)) yield value;
  }

  /** Keys and values, lazily, read a page at a time. */
  async *entries(options?: ListOptions): AsyncGenerator<[string, V], void> {
    let left = options?.limit ?? Infinity;
    let page: string[] = [];
    // Entries that vanish between the listing and the reading do not count towards the limit.
    for await (const key of this.keys({ ...options, limit: left > 0 ? Infinity : left })) {
      if (page.push(key) < Math.min(left, PAGE)) continue;
      for (const entry of await this.getMany(page, options)) {
        yield entry;
        if (--left <= 0) return;
      }
      page = [];
    }
    yield* await this.getMany(page, options);
  }

  /** Calls back for each entry, one after the other. */
  async forEach(callback: (value: V, key: string, store: this) => unknown, options?: ListOptions): Promise<void> {
    for await (const [key, value] of this.entries(options)) await callback(value, key, this);
  }

  /** Drops expired entries that still take room; how many. */
  async prune(options?: CallOptions): Promise<number> {
    this.#check("prune", options);
    return await abortable(this.#backend.prune?.(options) ?? 0, options?.signal);
  }

  /**
   * The bytes of a value as a stream, or `undefined` if the key is absent. They are what the backend keeps, after those
   * codecs that turn bytes into bytes: a gzipped text comes as text.
   *
   * @throws {StoreError} `unsupported` without `supports.stream`.
   */
  async readable(key: string, options?: CallOptions): Promise<ReadableStream<Uint8Array> | undefined> {
    this.#checkKey("read", key, options);
    this.#need("stream", "read", key);
    return await abortable(this.#backend.readable!(key, options), options?.signal);
  }

  /**
   * A stream that takes the bytes of a value; the entry appears, whole, when it is closed.
   *
   * @throws {StoreError} `unsupported` without `supports.stream`.
   */
  async writable(key: string, options?: SetOptions): Promise<WritableStream<Uint8Array>> {
    this.#checkKey("write", key, options);
    this.#need("stream", "write", key);
    const expiresAt = this.#expiresAt(options, key);
    return await abortable(this.#backend.writable!(key, { ...options, expiresAt }), options?.signal);
  }

  /**
   * A token that changes exactly when an entry is written or removed; expiry does not change it.
   *
   * @throws {StoreError} `unsupported` without `supports.revision`.
   */
  async revision(options?: CallOptions): Promise<string> {
    this.#check("read", options);
    this.#need("revision", "read");
    return await abortable(this.#backend.revision!(options), options?.signal);
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
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #size(): Promise<number> {
    this.#check("count");
    if (this.#backend.count) return await this.#backend.count();
    let count = 0;
    for await (const _ of this.keys()) count++;
    return count;
  }

  #write(
    key: string,
    value: V,
    options?: SetOptions,
    condition?: WriteOptions["condition"],
  ): Awaitable<string | boolean> {
    if (options === undefined && condition === undefined && this.#ttl === Infinity) {
      return this.#backend.write(key, value);
    }
    const expiresAt = this.#expiresAt(options, key);
    if (expiresAt === EXPIRED) return this.#writeExpired(key, condition, options?.signal);
    return this.#backend.write(key, value, { ...options, expiresAt, condition });
  }

  // What is expired already is not worth a round trip with a value; servers differ on what a lifetime of 0 means.
  #writeExpired(
    key: string,
    condition: WriteOptions["condition"],
    signal: AbortSignal | undefined,
  ): Awaitable<boolean> {
    if (condition === "absent") return this.has(key, { signal }).then((found) => !found);
    const removed = this.#backend.remove(key, { signal, condition });
    return condition ? removed : isPending(removed) ? removed.then(() => true) : true;
  }

  #expiresAt(lifetime: Lifetime | undefined, key?: string): number | undefined {
    if (lifetime === undefined && this.#ttl === Infinity) return undefined;
    const expiresAt = toExpiresAt(lifetime, this.#ttl, this.#now);
    if (expiresAt !== undefined) this.#need("ttl", "write", key);
    return expiresAt;
  }

  #check(operation: string, options?: CallOptions): void {
    if (this.#closed) throw this.#error("closed", operation);
    options?.signal?.throwIfAborted();
  }

  #checkKey(operation: string, key: string, options?: CallOptions): void {
    this.#check(operation, options);
    if (typeof key !== "string") throw new TypeError(`Cannot ${operation}: a key must be a string`);
    const { maxKeyBytes = Infinity } = this.#backend;
    const reason = !key.isWellFormed()
      ? "the key has a lone surrogate"
      : key.length * 3 > maxKeyBytes && new TextEncoder().encode(key).length > maxKeyBytes
      ? `the key is longer than ${maxKeyBytes} bytes`
      : undefined;
    if (reason) throw this.#error("invalid-key", operation, key, reason);
  }

  #checkMany(operation: string, keys: Iterable<string>, options?: CallOptions): string[] {
    this.#check(operation, options);
    const unique = [...new Set(keys)];
    for (const key of unique) this.#checkKey(operation, key);
    return unique;
  }

  #checkValue(value: V): void {
    if (value === undefined) throw new TypeError("Cannot write undefined: it means that a key is absent");
  }

  #need(feature: keyof Backend<V>["supports"], operation: string, key?: string): void {
    if (!this.#backend.supports[feature]) throw this.#error("unsupported", operation, key, `no ${feature} here`);
  }

  #error(code: StoreErrorCode, operation: string, key?: string, reason?: string): StoreError {
    return new StoreError(code, { store: this.#backend.name, operation, key, reason });
  }
}
