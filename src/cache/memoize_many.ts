/**
 * Functions of many arguments of one kind that remember each result.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import type { CallOptions } from "../core/backend.ts";
import { MemoizedCall } from "./memoized_call.ts";
import type { FreshnessOptions, GetOrCreateOptions, Region } from "./region.ts";

/** How the results of a function of many are kept. */
export interface MemoizeManyOptions<Arg, Value> extends FreshnessOptions<Value> {
  /** The region that keeps them. @default {one in memory, with this `ttl`} */
  readonly region?: Region<Value> | Region<unknown> | undefined;
  /** What keys begin with; functions that are given one name share entries. @default {the function's own} */
  readonly name?: string | undefined;
  /** What of an argument counts: a value, or an array of several. @default {all of it} */
  readonly key?: ((arg: Arg) => unknown) | undefined;
  /** What results can be invalidated by, see `region.invalidateTags()`. @default {[]} */
  readonly tags?: readonly string[] | undefined;
}

/** The results of a function of many: by argument, without those it has none for, or one for each argument in order. */
export type ManyResults<Arg, Value> = ReadonlyMap<Arg, Value> | readonly (Value | undefined)[];

/** A function of many that remembers each result, and what can be done with them. */
export interface MemoizedMany<Arg, Value> {
  /** The results in the order of the arguments, without those that there are none for. */
  (args: Iterable<Arg>, options?: CallOptions): Promise<Map<Arg, Value>>;
  /** Forgets the results for these arguments; how many there were. */
  invalidate(args: Iterable<Arg>, options?: CallOptions): Promise<number>;
  /** Calls the function for all of these arguments, and keeps the new results. */
  refresh(args: Iterable<Arg>, options?: CallOptions): Promise<Map<Arg, Value>>;
  /** The fresh results there are; never calls the function. */
  peek(args: Iterable<Arg>, options?: CallOptions): Promise<Map<Arg, Value>>;
  /** Keeps values as the results for their arguments. */
  set(entries: Iterable<readonly [arg: Arg, value: Value]>, options?: CallOptions): Promise<void>;
  /** The key of an argument in the region. */
  keyFor(arg: Arg): string;
  /** The function. */
  readonly original: ManyFunction<Arg, Value>;
}

/** A function that finds the results for many arguments at once. */
export type ManyFunction<Arg, Value> = (
  args: Arg[],
  context: { readonly signal: AbortSignal },
) => Awaitable<ManyResults<Arg, Value>>;

/**
 * The function with a memory for each of its arguments: it is called for those alone that are missing, once for all of
 * them, and each is asked for once however many calls want it. What it has no result for is asked for again.
 *
 * @throws {TypeError} If an option is unknown, there is neither a region nor a `ttl`, or the name will not do.
 *
 * @example
 * ```ts
 * import { memoizeMany } from "@everymap/everymap/cache/memoize-many";
 * import { assertEquals } from "@std/assert";
 *
 * const asked: string[][] = [];
 * const lengths = memoizeMany((words: string[]) => {
 *   asked.push(words);
 *   return words.map((word) => word.length);
 * }, { ttl: { minutes: 5 } });
 *
 * assertEquals([...await lengths(["one", "three"])], [["one", 3], ["three", 5]]);
 * assertEquals([...await lengths(["three", "eleven"])], [["three", 5], ["eleven", 6]]);
 * assertEquals(asked, [["one", "three"], ["eleven"]]);
 * ```
 */
export function memoizeMany<Arg, Value>(
  fn: ManyFunction<Arg, Value>,
  options: MemoizeManyOptions<Arg, Value> = {},
): MemoizedMany<Arg, Value> {
  const call = new MemoizedCall<[Arg], Value, undefined>(fn as never, options as never, {
    maker: "memoizeMany",
    nameOf: () => fn.name,
    scopeOf: () => undefined,
  });
  call.checkName();
  const region = (): Region<Value> => call.regionOf(undefined, [] as never)!;
  const keyFor = (arg: Arg) => call.keyOf(undefined, [arg], region());
  const how = (options?: CallOptions): GetOrCreateOptions<Value> => ({ ...steady, ...options });
  const steady = { ...call.howOf(undefined, [] as never), ttl: options.ttl };

  /** The arguments, the key of each, and what to ask for under which key. */
  const read = (args: Iterable<Arg>) => {
    const all = [...args];
    const keys = all.map(keyFor);
    return { all, keys, wanted: new Map(keys.map((key, at) => [key, all[at]!])) };
  };
  const inOrder = ({ all, keys }: ReturnType<typeof read>, values: ReadonlyMap<string, Value>) => {
    const results = new Map<Arg, Value>();
    for (const [at, arg] of all.entries()) {
      const value = values.get(keys[at]!);
      if (value !== undefined) results.set(arg, value);
    }
    return results;
  };
  const ask = async (keys: readonly string[], wanted: ReadonlyMap<string, Arg>, signal: AbortSignal) => {
    const args = keys.map((key) => wanted.get(key)!);
    const results = await fn(args, { signal });
    const values = new Map<string, Value>();
    if (results instanceof Map) { for (const [arg, value] of results) values.set(keyFor(arg), value); }
    else {
      const list = results as readonly (Value | undefined)[];
      if (list.length !== args.length) {
        throw new TypeError(
          `Cannot tell which is which: ${
            fn.name || "a function"
          } has ${list.length} results for ${args.length} arguments`,
        );
      }
      for (const [at, value] of list.entries()) if (value !== undefined) values.set(keys[at]!, value);
    }
    return values;
  };

  const memoized = async (args: Iterable<Arg>, options?: CallOptions): Promise<Map<Arg, Value>> => {
    const call = read(args);
    const { wanted } = call;
    const create = (keys: readonly string[], { signal }: { readonly signal: AbortSignal }) => ask(keys, wanted, signal);
    return inOrder(call, await region().getOrCreateMany(wanted.keys(), create, how(options)));
  };
  const face: Omit<MemoizedMany<Arg, Value>, never> = {
    original: fn,
    keyFor,
    invalidate: async (args, options) => await region().deleteMany(read(args).wanted.keys(), options),
    peek: async (args, options) => {
      const call = read(args);
      return inOrder(call, await region().getMany(call.wanted.keys(), options));
    },
    set: async (entries, options) => {
      const values = Array.from(entries, ([arg, value]) => [keyFor(arg), value] as const);
      const { ttl, tags } = steady;
      await region().setMany(values, { ttl, tags, ...options });
    },
    refresh: async (args, options) => {
      const call = read(args);
      const keys = [...call.wanted.keys()];
      const values = new Map<string, Value>();
      let asked: Promise<Map<string, Value>> | undefined;
      const create = (key: string) => async ({ signal }: { readonly signal: AbortSignal }): Promise<Value> =>
        (await (asked ??= ask(keys, call.wanted, signal))).get(key)!;
      await Promise.all(keys.map(async (key) => {
        const value = await region().refresh(key, create(key), how(options));
        if (value === undefined) await region().delete(key, options);
        else values.set(key, value);
      }));
      return inOrder(call, values);
    },
  };
  for (const property of ["name", "length"] as const) {
    Object.defineProperty(memoized, property, { value: fn[property], configurable: true });
  }
  return Object.assign(memoized, face);
}
