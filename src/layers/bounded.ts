/**
 * A limit over any store that can list its keys.
 *
 * @module
 */

import { andThen } from "../core/awaitable.ts";
import type { Backend, ByteBackend } from "../core/backend.ts";
import type { EvictionPolicy } from "../core/eviction_index.ts";
import { checkLimits, type EvictionLimits, type EvictionReason, toMeasure } from "../core/eviction_options.ts";
import { layer } from "../core/layer.ts";
import { StoreError } from "../core/store_error.ts";
import { Room } from "./bounded/room.ts";

export type { EvictionLimits, EvictionPolicy, EvictionReason };

/** How {@linkcode bounded} behaves. */
export interface BoundedOptions<V> extends EvictionLimits<V> {
  /** How the entry to go is chosen. @default {"lru"} */
  readonly policy?: EvictionPolicy | undefined;
  /** Called after an entry was removed to make room; what it throws is dropped. */
  readonly onEvict?: ((key: string, reason: EvictionReason) => void) | undefined;
}

/**
 * A backend that holds a limited number of entries, over one that does not: after a write the entries not used for the
 * longest time are removed from it. Reads, writes and new lifetimes are uses; `has()` and listings are not.
 *
 * With the first write the limit holds for what was there before as well, after a restart for instance. That counts as
 * older, the first written as the oldest; where the inner backend does not know when that was, the order is that of its
 * listing. It costs a `prune()`, a listing and one read of every value, 100 at a time.
 *
 * The limit holds for what is written through this one object. An entry that could not be removed is tried again with the
 * next write, which does not fail for it.
 *
 * @throws {TypeError} If an option is unknown, or the inner backend cannot list its keys.
 * @throws {RangeError} If a limit is not a whole number from 1 on.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { bounded } from "@everymap/everymap/layers/bounded";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new Store(bounded(memory<number>(), { maxEntries: 2 }));
 * for (const key of ["a", "b", "c"]) await store.set(key, 1);
 * assertEquals(await Array.fromAsync(store.keys()), ["b", "c"]);
 * ```
 */
export function bounded(inner: ByteBackend, options: BoundedOptions<Uint8Array>): ByteBackend;
/** The same over a backend of values. */
export function bounded<V>(inner: Backend<V>, options: BoundedOptions<V>): Backend<V>;
export function bounded<V>(inner: Backend<V>, options: BoundedOptions<V>): Backend<V> {
  checkLimits("bounded", options, ["policy"]);
  const { policy = "lru", maxBytes = Infinity } = options;
  if (policy !== "lru" && policy !== "sieve") throw new TypeError('Cannot make bounded: policy is "lru" or "sieve"');
  if (!inner.supports.list) throw new TypeError(`Cannot make bounded: ${inner.name} cannot list its keys`);
  const sizeOf = toMeasure(inner.name, options) ?? (() => 0);
  const room = new Room(inner, options, policy, sizeOf, options.onEvict);

  const outer = layer<V, V>(inner, {
    read: (key, options) => room.ask(key, () => inner.read(key, options), (entry) => entry.value),
    write: async (key, value, options) => {
      const size = sizeOf(value, key);
      const answer = await room.change([key], () => inner.write(key, value, options));
      if (answer === false) return false;
      room.keep(key, size, options?.expiresAt);
      await room.make();
      return answer;
    },
    remove: async (key, options) => {
      const mark = room.mark();
      const isGone = await inner.remove(key, options);
      if (isGone || !options?.condition) room.forget(key, mark);
      return isGone;
    },
    readMany: (keys, options) => {
      const mark = room.mark();
      return andThen(inner.readMany!(keys, options), (found) => {
        for (const key of keys) {
          const entry = found.get(key);
          if (entry) room.use(key, entry.value);
          else room.forget(key, mark);
        }
        return found;
      });
    },
    writeMany: async (entries, options) => {
      const sizes = new Map<string, number>();
      for (const [key, value] of entries) sizes.set(key, sizeOf(value, key));
      await room.change([...entries.keys()], () => inner.writeMany!(entries, options));
      for (const [key, size] of sizes) room.keep(key, size, options?.expiresAt);
      await room.make();
    },
    removeMany: async (keys, options) => {
      const mark = room.mark();
      const count = await inner.removeMany!(keys, options);
      for (const key of keys) room.forget(key, mark);
      return count;
    },
    prune: async (options) => {
      const count = await inner.prune!(options);
      room.forgetExpired();
      return count;
    },
    clear: async (options) => {
      const mark = room.mark();
      await inner.clear!(options);
      room.forgetAll(options?.prefix ?? "", mark);
    },
    touch: async (key, expiresAt, options) => {
      const mark = room.mark();
      const isThere = await room.change([key], () => inner.touch!(key, expiresAt, options));
      if (isThere) room.prolong(key, expiresAt);
      else room.forget(key, mark);
      return isThere;
    },
    take: async (key, options) => {
      const mark = room.mark();
      const entry = await inner.take!(key, options);
      room.forget(key, mark);
      return entry;
    },
    readable: (key, options) => room.ask(key, () => inner.readable!(key, options)),
    writable: async (key, options) => {
      const writer = (await inner.writable!(key, options)).getWriter();
      let size = 0;
      return new WritableStream<Uint8Array>({
        write: async (chunk) => {
          size += chunk.byteLength;
          if (size <= maxBytes) return await writer.write(chunk);
          const reason = `it takes more than ${maxBytes} bytes`;
          const error = new StoreError("too-large", { store: inner.name, operation: "write", key, reason });
          await writer.abort(error);
          throw error;
        },
        close: async () => {
          await room.change([key], () => writer.close());
          room.keep(key, maxBytes === Infinity ? 0 : size, options?.expiresAt);
          await room.make();
        },
        abort: (reason) => writer.abort(reason),
      });
    },
    withFormat: (format) => bounded(inner.withFormat!(format), options),
  }, ["list", "count", "revision", "changes", "versions", "watch", "close"]);
  // Derived from a read it would be a use.
  const has: Backend<V>["has"] = (key, options) => {
    return andThen(inner.has?.(key, options) ?? inner.read(key, options), (found) => !!found);
  };
  return Object.assign(outer, { has });
}
