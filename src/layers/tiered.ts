/**
 * A fast store in front of a slow one.
 *
 * @module
 */

import { andThen, type Awaitable } from "../core/awaitable.ts";
import type { Backend, Entry, ReadOptions } from "../core/backend.ts";
import { clearKeys } from "../core/clear_keys.ts";
import { layer } from "../core/layer.ts";
import { type Duration, toMilliseconds } from "../core/lifetime.ts";
import { checkOptions } from "../core/options.ts";
import { NearTier } from "./tiered/near_tier.ts";

/** How {@linkcode tiered} behaves. */
export interface TieredOptions {
  /**
   * How long a copy is kept in the near tier at most, in milliseconds or as a duration: how old an answer may be when
   * others change the far tier. @default {Infinity, that is as long as the entry itself}
   */
  readonly ttl?: number | Duration | undefined;
}

/** A read that wants the deadline of the entry, to copy it, and not its version: a tier behind may answer from a copy. */
interface CopyOptions extends ReadOptions {
  readonly isForCopy?: boolean | undefined;
}

const forCopy = (options?: ReadOptions): CopyOptions => ({ ...options, details: true, isForCopy: true });
const isForDetails = (options?: CopyOptions): boolean => options?.details === true && !options.isForCopy;

/**
 * A backend that keeps copies of what is far away in a tier that is near.
 *
 * - Reads ask near, then far, and keep a copy with the deadline of the entry.
 * - Writes and removals happen far, then near. Where the outcome is unknown, a condition failed, or changes of a key
 *   overlap, the copy is dropped.
 * - What decides is far: conditions, versions, lifetimes, `has()`, counts, listings, revisions. So do streams.
 * - A failure near is a miss there; what may hang there belongs in a `deadline()`. A failure far is an error, never a
 *   miss.
 *
 * Several tiers are tiers of tiers: `tiered(a, tiered(b, c))`.
 *
 * @throws {TypeError} If an option is unknown, or there is a `ttl` and the near tier has no lifetimes.
 * @throws {RangeError} If `ttl` is not above 0.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { lru } from "@everymap/everymap/backends/lru";
 * import { tiered } from "@everymap/everymap/layers/tiered";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = [lru<number>({ maxEntries: 100 }), memory<number>({ clone: true })];
 * await new Store(far).set("ada", 1815);
 * const store = new Store(tiered(near, far));
 * assertEquals(await store.get("ada"), 1815);
 * assertEquals(await new Store(near).get("ada"), 1815);
 * ```
 */
export function tiered<V, Far extends Backend<V>>(
  near: Backend<V>,
  far: Far & Backend<V>,
  options: TieredOptions = {},
): Far {
  checkOptions("tiered", options, ["ttl"]);
  const ttl = options.ttl === undefined ? Infinity : toMilliseconds(options.ttl);
  if (!(ttl > 0)) throw new RangeError("Cannot make tiered: ttl must be above 0 ms");
  if (ttl !== Infinity && !near.supports.ttl) {
    throw new TypeError(`Cannot make tiered: ttl needs lifetimes, which ${near.name} has none of`);
  }
  const tier = new NearTier(near, ttl, far.now ?? Date.now);

  /** What is far, and a copy of it unless something else has happened to the key meanwhile. */
  async function fetch<T>(
    keys: readonly string[],
    read: () => Awaitable<T>,
    entriesOf: (answer: T) => ReadonlyMap<string, Entry<V>>,
  ): Promise<T> {
    const ticket = tier.beginRead(keys);
    let current: string[] = [];
    let answer: T;
    try {
      answer = await read();
    } finally {
      current = tier.endRead(ticket);
    }
    const entries = entriesOf(answer);
    const copies = new Map<string, Entry<V>>();
    for (const key of current) {
      const entry = entries.get(key);
      if (entry) copies.set(key, entry);
    }
    if (copies.size > 0) await tier.keep(copies);
    return answer;
  }

  /** A change of what is far, and then of the copies; without an update they are dropped. */
  async function change<T>(
    keys: readonly string[],
    changeFar: () => Awaitable<T>,
    update?: (answer: T) => ((keys: readonly string[]) => Awaitable<unknown>) | undefined,
  ): Promise<T> {
    const ticket = tier.beginChange(keys);
    let updateNear: ((keys: readonly string[]) => Awaitable<unknown>) | undefined;
    try {
      const answer = await changeFar();
      updateNear = update?.(answer);
      return answer;
    } finally {
      await tier.endChange(ticket, updateNear);
    }
  }

  const fetchOne = (key: string, options?: ReadOptions) =>
    fetch([key], () => far.read(key, forCopy(options)), (entry) => new Map(entry && [[key, entry]]));

  const outer = layer<V, V>(far, {
    read: (key, options) => {
      // A copy has a version and a deadline of its own.
      if (isForDetails(options)) return far.read(key, options);
      return andThen(tier.read(key, options), (entry) => entry ?? fetchOne(key, options));
    },
    write: (key, value, options) =>
      change([key], () => far.write(key, value, options), (answer) => {
        return answer === false ? undefined : () => tier.write(new Map([[key, value]]), options?.expiresAt);
      }),
    remove: (key, options) => change([key], () => far.remove(key, options)),
    readMany: (keys, options) => {
      if (isForDetails(options)) return far.readMany!(keys, options);
      return andThen(tier.readMany(keys, options), async (found) => {
        const missing = keys.filter((key) => !found.has(key));
        if (missing.length === 0) return found;
        const readFar = () => far.readMany!(missing, forCopy(options));
        return new Map([...found, ...await fetch(missing, readFar, (entries) => entries)]);
      });
    },
    writeMany: (entries, options) =>
      change([...entries.keys()], () => far.writeMany!(entries, options), () => (keys) => {
        return tier.write(new Map(keys.map((key) => [key, entries.get(key)!])), options?.expiresAt);
      }),
    removeMany: (keys, options) => change(keys, () => far.removeMany!(keys, options)),
    touch: (key, expiresAt, options) =>
      change([key], () => far.touch!(key, expiresAt, options), (isThere) => {
        return isThere ? () => tier.touch(key, expiresAt) : undefined;
      }),
    take: (key, options) => change([key], () => far.take!(key, options)),
    prune: async (options) => {
      const count = await far.prune!(options);
      try {
        await near.prune?.();
      } catch {
        // What is expired is absent, dropped or not.
      }
      return count;
    },
    writable: async (key, options) => {
      const writer = (await far.writable!(key, options)).getWriter();
      return new WritableStream<Uint8Array>({
        write: (chunk) => writer.write(chunk),
        close: () => change([key], () => writer.close()),
        abort: (reason) => writer.abort(reason),
      });
    },
    withFormat: (format) => tiered(near.withFormat?.(format) ?? near, far.withFormat!(format), options),
  }, ["list", "count", "readable", "revision", "changes", "versions", "watch"]);

  // These are there whatever the far tier has: derived from others they would ask the copies, or leave them behind.
  const always: Partial<Backend<V>> = {
    has: (key, options) => andThen(far.has?.(key, options) ?? far.read(key, options), (found) => !!found),
    clear: (options) => tier.clear(options, () => clearKeys(far as Backend<unknown>, options)),
    close: async () => {
      try {
        await near.close?.();
      } finally {
        await far.close?.();
      }
    },
  };
  return Object.assign(outer, always) as Backend<unknown> as Far;
}
