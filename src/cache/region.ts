/**
 * A cache region: values that are made once, kept fresh, and gone when they must be.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import type { CallOptions, PrefixOptions } from "../core/backend.ts";
import { checkOptions } from "../core/options.ts";
import { StoreError } from "../core/store_error.ts";
import { Engine } from "./region/engine.ts";
import type { InvalidationMode, RegionCounters, RegionEvent } from "./region/events.ts";
import type { Calls } from "./region/calls.ts";
import type {
  BackgroundRefresh,
  BreakerOptions,
  CreateContext,
  CreateManyContext,
  Creator,
  FreshnessOptions,
  GetOrCreateOptions,
  InvalidateOptions,
  InvalidationStrategy,
  Mangle,
  ManyCreator,
  OnStoreError,
  RegionEntry,
  RegionLeaseOptions,
  RegionMode,
  RegionOptions,
  RegionReadOptions,
  RegionSetOptions,
  Ttl,
} from "./region/options.ts";

export type {
  BackgroundRefresh,
  BreakerOptions,
  CreateContext,
  CreateManyContext,
  Creator,
  FreshnessOptions,
  GetOrCreateOptions,
  InvalidateOptions,
  InvalidationMode,
  InvalidationStrategy,
  Mangle,
  ManyCreator,
  OnStoreError,
  RegionCounters,
  RegionEntry,
  RegionEvent,
  RegionLeaseOptions,
  RegionMode,
  RegionOptions,
  RegionReadOptions,
  RegionSetOptions,
  Ttl,
};

/** What the options of a region are called. */
const OPTIONS: readonly string[] = [
  "store",
  "name",
  "ttl",
  "staleWhileRevalidate",
  "staleIfError",
  "mode",
  "jitter",
  "refreshAhead",
  "earlyRefresh",
  "shouldCache",
  "lease",
  "onStoreError",
  "breaker",
  "mangle",
  "invalidation",
  "waitUntil",
  "background",
  "onEvent",
  "now",
  "random",
];

/**
 * A cache region over a store: {@linkcode getOrCreate} makes a value once however many ask for it, keeps it fresh for its
 * `ttl`, and after that as the web does it (`staleWhileRevalidate`, `staleIfError`, RFC 5861).
 *
 * One creator runs per key in a process, and one among all processes where the store is shared and supports `create`
 * ({@linkcode scope} says which). What is deleted, written or invalidated while a creator runs stays so: the late value
 * goes to those who wait for it, and not into the store. An explicit write or deletion that fails always rejects.
 *
 * A region may be made before its store is known, and configured later; until then its calls reject. Keys are strings.
 *
 * @example
 * ```ts
 * import { Region } from "@everymap/everymap/cache/region";
 * import { assertEquals } from "@std/assert";
 *
 * const pages = new Region<string>({ ttl: { minutes: 5 }, staleWhileRevalidate: { hours: 1 } });
 * let calls = 0;
 * const render = () => `page ${++calls}`;
 * const answers = await Promise.all([pages.getOrCreate("home", render), pages.getOrCreate("home", render)]);
 * assertEquals(answers, ["page 1", "page 1"]);
 *
 * await pages.invalidate();
 * assertEquals(await pages.getOrCreate("home", render), "page 2");
 * ```
 */
export class Region<V = unknown> implements AsyncDisposable {
  readonly #first: RegionOptions<V>;
  #configured: Engine<V> | undefined;
  #others: Promise<Calls<V>> | undefined;
  #isClosed = false;

  /**
   * A region; configured if there is a `ttl`, else the options wait for {@linkcode configure}.
   *
   * @throws {TypeError} If an option is unknown.
   */
  constructor(options: RegionOptions<V> = {}) {
    checkOptions("Region", options, OPTIONS);
    this.#first = options;
    if (options.ttl !== undefined) this.#configured = new Engine(options);
  }

  /**
   * Says what the region was not told when it was made, above all its store and `ttl`; resolves calls from now on.
   *
   * @throws {TypeError} If it is configured already and `replace` is not true, or an option is missing or unknown.
   */
  configure(options: RegionOptions<V> & { readonly replace?: boolean }): this {
    const { replace = false, ...rest } = options;
    checkOptions("Region", rest, OPTIONS);
    this.#checkFree(replace);
    const all = { ...this.#first, ...rest };
    if (all.ttl === undefined) throw new TypeError("Cannot configure Region: ttl is missing");
    this.#configured = new Engine(all);
    this.#others = undefined;
    return this;
  }

  /**
   * Configures the region from settings whose keys start with the prefix, by a function that knows how to read them:
   * `regionSettings` of `@everymap/everymap/open/region-settings`.
   *
   * @throws {TypeError} If it is configured already and `replace` is not true, or a setting means nothing.
   */
  async configureFrom(
    settings: Readonly<Record<string, unknown>>,
    prefix: string,
    read: (settings: Readonly<Record<string, unknown>>, prefix: string) => Promise<RegionOptions>,
    options: { readonly replace?: boolean } = {},
  ): Promise<this> {
    this.#checkFree(options.replace);
    return this.configure({ ...await read(settings, prefix) as RegionOptions<V>, ...options });
  }

  /** Whether the region has been configured. */
  get isConfigured(): boolean {
    return this.#configured !== undefined;
  }

  /** The region's name; `"region"` if it was given none. */
  get name(): string {
    return (this.#configured ?? this.#first).name ?? "region";
  }

  /**
   * How far the promise of one creator per key reaches: `"shared"` among all processes that use the store, `"process"`
   * where the store is of this process, cannot `create`, or leases are off.
   */
  get scope(): "process" | "shared" {
    return this.#engine.scope;
  }

  /** How often each kind of event happened. */
  get counters(): RegionCounters {
    return { ...this.#engine.counters };
  }

  /** The value, or `undefined` if there is no fresh one. */
  async get(key: string, options?: RegionReadOptions): Promise<V | undefined> {
    const value = options === undefined ? this.#engine.hit(key) : undefined;
    return value !== undefined ? value : (await (await this.#fit).find(key, options))?.entry.v;
  }

  /** The value and its age, or `undefined` if there is no fresh one. */
  async getEntry(key: string, options?: RegionReadOptions): Promise<RegionEntry<V> | undefined> {
    return (await this.#calls).getEntry(key, options);
  }

  /** Whether there is a fresh value. */
  async has(key: string, options?: RegionReadOptions): Promise<boolean> {
    return await (await this.#fit).find(key, options) !== undefined;
  }

  /** The fresh values of these keys in the order asked for, misses left out; one round trip where the store can. */
  async getMany(keys: Iterable<string>, options?: RegionReadOptions): Promise<Map<string, V>> {
    const wanted = [...keys];
    return (await this.#calls).getMany(wanted, options);
  }

  /**
   * The value; made by `create` if there is none, by one creator whoever else asks, and stored. A value that is stale and
   * may still be served is the answer at once, while one refresh runs in the background.
   *
   * A caller's `signal` frees that caller; the creator's aborts when the last one has left. If the creator fails, all who
   * wait get its error, or the old value within `staleIfError`. A creator must not wait for its own key.
   */
  async getOrCreate<T extends V = V>(key: string, create: Creator<T>, options?: GetOrCreateOptions<T>): Promise<T> {
    const isPlain = options?.signal === undefined && options?.maxAge === undefined;
    const value = isPlain ? this.#engine.hit(key) : undefined;
    if (value !== undefined) return value as T;
    const engine = await this.#fit;
    return await engine.getOrCreate(key, create as unknown as Creator<V>, options as GetOrCreateOptions<V>) as T;
  }

  /**
   * The values of these keys in the order asked for; those that are missing are made together, by one call of `create`,
   * and each by one creator whoever else asks. Keys that it leaves out are left out, and not stored.
   */
  async getOrCreateMany<T extends V = V>(
    keys: Iterable<string>,
    create: ManyCreator<T>,
    options?: GetOrCreateOptions<T>,
  ): Promise<Map<string, T>> {
    const wanted = [...keys];
    return (await this.#calls as unknown as Calls<T>).getOrCreateMany(wanted, create, options);
  }

  /** A new value made by `create` whatever there is, and stored. */
  async refresh<T extends V = V>(key: string, create: Creator<T>, options?: GetOrCreateOptions<T>): Promise<T> {
    return (await this.#calls as unknown as Calls<T>).refresh(key, create, options);
  }

  /** Writes a value; a creator that runs does not write over it. Resolves to the region. */
  set(key: string, value: V, options?: RegionSetOptions<V>): Promise<this> {
    return this.setMany([[key, value]], options);
  }

  /** Writes these values, the last one of equal keys; one round trip where the store can. Resolves to the region. */
  async setMany(entries: Iterable<readonly [string, V]>, options?: RegionSetOptions<V>): Promise<this> {
    const values = [...entries];
    await (await this.#calls).setMany(values, options);
    return this;
  }

  /** Removes the value; whether there was one. A creator that runs does not bring it back. */
  async delete(key: string, options?: CallOptions): Promise<boolean> {
    return await this.deleteMany([key], options) > 0;
  }

  /** Removes these values; how many there were. One round trip where the store can. */
  async deleteMany(keys: Iterable<string>, options?: CallOptions): Promise<number> {
    const wanted = [...keys];
    return (await this.#calls).deleteMany(wanted, options);
  }

  /** Removes all values, or those whose keys start with the prefix. */
  async clear(options?: PrefixOptions): Promise<void> {
    await (await this.#calls).clear(options);
  }

  /**
   * Invalidates all values there are, in all processes that share the store. `"hard"`: they are gone. `"soft"`: they are
   * stale, and served as such within `staleWhileRevalidate`. What is being made just now is not stored.
   */
  async invalidate(options?: InvalidateOptions): Promise<void> {
    await (await this.#calls).invalidate(options);
  }

  /**
   * Invalidates the values that were written with one of these tags, in all processes that share the store, which keeps a
   * small entry for each tag that was ever invalidated.
   */
  async invalidateTags(tags: Iterable<string>, options?: CallOptions): Promise<void> {
    const gone = [...tags];
    await (await this.#calls).invalidateTags(gone, options);
  }

  /** Lets go of the store; what it holds stays. Calls after it reject with `closed`; closing again does nothing. */
  async close(): Promise<void> {
    const store = this.#configured?.options.store;
    this.#configured = this.#others = undefined;
    this.#isClosed = true;
    await store?.close();
  }

  /** {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkFree(replace = false): void {
    if (this.#configured && !replace) throw new TypeError("Cannot configure Region: it is configured already");
  }

  get #engine(): Engine<V> {
    if (this.#configured) return this.#configured;
    if (this.#isClosed) throw new StoreError("closed", { store: this.name, operation: "use" });
    throw new TypeError(`Cannot use Region "${this.name}": it is not configured`);
  }

  /** What reads and creates. */
  get #fit(): Awaitable<Engine<V>> {
    return this.#engine.isPlain ? this.#engine : this.#calls.then(({ engine }) => engine);
  }

  // What not every region needs is loaded when it is.
  get #calls(): Promise<Calls<V>> {
    const engine = this.#engine;
    return this.#others ??= import("./region/calls.ts").then(({ Calls }) => new Calls(engine));
  }
}
