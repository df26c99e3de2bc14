/**
 * What memoized functions and methods have in common: which region, which key, which lifetime.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import type { Duration } from "../core/lifetime.ts";
import { checkOptions } from "../core/options.ts";
import { callKey } from "./call_key.ts";
import { newName, refuseNameless, takeName } from "./call_names.ts";
import { type CreateContext, type FreshnessOptions, type GetOrCreateOptions, Region } from "./region.ts";

/** The region of results: always the same, or chosen per call; `undefined`: that call does without. */
export type RegionChoice<Args extends unknown[], Value, This = unknown> =
  | Region<Value>
  | Region<unknown>
  | ((this: This, ...args: Args) => Region<Value> | Region<unknown> | undefined);

/** How results are kept, whatever the function. */
export interface ResultOptions<Value> extends Omit<FreshnessOptions<Value>, "ttl"> {
  /** How long a result stays fresh: milliseconds, a duration, or what tells it of a result and its key. @default {the region's} */
  readonly ttl?: number | Duration | ((value: Value, key: string) => Awaitable<number | Duration>) | undefined;
  /** What keys begin with; functions that are given one name share entries. @default {the function's own} */
  readonly name?: string | undefined;
}

/** How the results of a function or method are kept. */
export interface MemoizeOptions<Args extends unknown[], Value, This = unknown> extends ResultOptions<Value> {
  /**
   * The region that keeps them. Where arguments are without number it should be over a store that lets go, such as `lru()`.
   *
   * @default {one in memory, with this `ttl`}
   */
  readonly region?: RegionChoice<Args, Value, This> | undefined;
  /** What of the arguments counts: a value, or an array of several. @default {all of them} */
  readonly key?: ((this: This, ...args: Args) => unknown) | undefined;
  /**
   * Which instances share the entries of a method: all (`"shared"`), or those with the same text.
   *
   * @default {none: each has its own, as long as this process knows it}
   */
  readonly scope?: "shared" | ((instance: This) => string) | undefined;
  /** What results can be invalidated by, see `region.invalidateTags()`. @default {[]} */
  readonly tags?: readonly string[] | ((this: This, ...args: Args) => readonly string[]) | undefined;
  /** What frees the caller early, such as a signal among the arguments. @default {nothing} */
  readonly signal?: ((this: This, ...args: Args) => AbortSignal | undefined) | undefined;
}

/** How a function is called where its options leave that open. */
export interface CallDefaults<This> {
  /** What messages call its maker. */
  readonly maker: string;
  /** Its name; empty if it has none. */
  readonly nameOf: (self: This) => string;
  /** The id of its instance; `undefined` if it has none. */
  readonly scopeOf: (self: This) => string | undefined;
}

const PASSED_ON = ["staleWhileRevalidate", "staleIfError", "mode", "shouldCache", "onStoreError", "waitUntil"] as const;
const OPTIONS: readonly string[] = ["region", "ttl", "name", "key", "scope", "tags", "signal", ...PASSED_ON];

/** Of how many arguments a function remembers the keys, and how long they may be. */
const REMEMBERED = { keys: 2000, length: 100 };

/** A memoized function without its face. */
export class MemoizedCall<Args extends unknown[], Value, This> {
  /** The function. */
  readonly original: (this: This, ...args: Args) => Awaitable<Value>;
  readonly #options: MemoizeOptions<Args, Value, This>;
  readonly #defaults: CallDefaults<This>;
  readonly #region: Region<unknown> | undefined;
  readonly #how: GetOrCreateOptions<Value>;
  readonly #isAlwaysSo: boolean;
  // A key that is made anew has to be hashed anew, which is most of what a hit in memory costs.
  readonly #keys = new Map<string, string>();
  readonly #remembersKeys: boolean;
  #madeName: string | undefined;

  constructor(
    original: (this: This, ...args: Args) => Awaitable<Value>,
    options: MemoizeOptions<Args, Value, This>,
    defaults: CallDefaults<This>,
  ) {
    const { region, ttl, name, key, scope, tags, signal } = options;
    const { maker } = defaults;
    checkOptions(maker, options, OPTIONS);
    if (name?.includes("(")) throw new TypeError(`Cannot make ${maker}: its name must not have "(" in it`);
    if (region === undefined && ttl === undefined) {
      throw new TypeError(`Cannot make ${maker}: it needs a region, or a ttl for one of its own`);
    }
    this.original = original;
    this.#options = options;
    this.#defaults = defaults;
    // With a function for its ttl every result says its own.
    if (region === undefined) this.#region = new Region({ ttl: typeof ttl === "function" ? Infinity : ttl! });
    else if (typeof region === "object") this.#region = region as Region<unknown>;
    const how: Record<string, unknown> = {};
    for (const option of PASSED_ON) if (options[option] !== undefined) how[option] = options[option];
    if (ttl !== undefined && typeof ttl !== "function") how["ttl"] = ttl;
    if (typeof tags === "object") how["tags"] = tags;
    this.#how = how;
    this.#remembersKeys = this.#region !== undefined && key === undefined && scope === undefined;
    this.#isAlwaysSo = signal === undefined && typeof tags !== "function";
  }

  /** Refuses at once what would be refused at the first call. */
  checkName(): void {
    if (this.#region?.isConfigured) this.#takeName(this.#ownName(undefined as This), this.#region);
  }

  /** The region of a call. */
  regionOf(self: This, args: Args): Region<Value> | undefined {
    const { region } = this.#options;
    return (typeof region === "function" ? region.apply(self, args) : this.#region) as Region<Value> | undefined;
  }

  /** The key of a call. */
  keyOf(self: This, args: Args, region: Region<Value> | undefined): string {
    const [first] = args;
    const isShort = args.length === 1 && typeof first === "string" && first.length <= REMEMBERED.length;
    if (!isShort || !this.#remembersKeys || this.#defaults.scopeOf(self) !== undefined) {
      return this.#makeKey(self, args, region);
    }
    let key = this.#keys.get(first);
    if (key === undefined) {
      key = this.#makeKey(self, args, region);
      if (this.#keys.size >= REMEMBERED.keys) this.#keys.clear();
      this.#keys.set(first, key);
    }
    return key;
  }

  #makeKey(self: This, args: Args, region: Region<Value> | undefined): string {
    const { key, scope } = this.#options;
    let parts: unknown[] = args;
    if (key) {
      const part = key.apply(self, args);
      parts = Array.isArray(part) ? part : [part];
    }
    const text = callKey(parts);
    const id = scope === undefined ? this.#defaults.scopeOf(self) : undefined;
    // No argument's text begins with "@".
    if (id !== undefined) return `${this.#ownName(self)}(@${id},${text})`;
    const name = this.#nameOf(self, region as Region<unknown> | undefined);
    return scope === undefined || scope === "shared"
      ? `${name}(${text})`
      : `${name}(@${JSON.stringify(scope(self))},${text})`;
  }

  /** What the region is told for a call. */
  howOf(self: This, args: Args): GetOrCreateOptions<Value> {
    if (this.#isAlwaysSo) return this.#how;
    const { tags, signal } = this.#options;
    const how = { ...this.#how, signal: signal?.apply(self, args) };
    return typeof tags === "function" ? { ...how, tags: tags.apply(self, args) } : how;
  }

  /** Calls the function for a region. */
  create(self: This, args: Args, context: CreateContext<Value>): Awaitable<Value> {
    const value = this.original.apply(self, args);
    return typeof this.#options.ttl === "function" ? this.#withTtl(value, context) : value;
  }

  /** The lifetime of a value that did not come from the function. */
  async ttlOf(value: Value, key: string): Promise<number | Duration | undefined> {
    const { ttl } = this.#options;
    return typeof ttl === "function" ? await ttl(value, key) : ttl;
  }

  async #withTtl(result: Awaitable<Value>, { key, setTtl }: CreateContext<Value>): Promise<Value> {
    const value = await result;
    const ttl = value === undefined ? undefined : await this.ttlOf(value, key);
    if (ttl !== undefined) setTtl(ttl);
    return value;
  }

  #nameOf(self: This, region: Region<unknown> | undefined): string {
    if (this.#options.name !== undefined) return this.#options.name;
    const name = this.#ownName(self);
    this.#takeName(name, region);
    return name || (this.#madeName ??= newName());
  }

  #takeName(name: string, region: Region<unknown> | undefined): void {
    if (this.#options.name !== undefined) return;
    if (name === "") refuseNameless(region);
    else if (region) takeName(region, name, this.original);
  }

  // A key's first bracket ends its name.
  #ownName(self: This): string {
    const name = this.#options.name ?? this.#defaults.nameOf(self);
    return name.includes("(") ? "" : name;
  }
}
