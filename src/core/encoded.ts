/**
 * A codec over a backend: values above, what the backend keeps below.
 *
 * @module
 */

import { andThen, type Awaitable, isPending } from "./awaitable.ts";
import type { Backend, Entry, WriteOptions } from "./backend.ts";
import type { Codec } from "./codec.ts";
import { layer } from "./layer.ts";
import { StoreError } from "./store_error.ts";
import { Turns } from "./turns.ts";

/**
 * A backend of values over a backend of encoded values.
 *
 * @example A tier of values over a tier of bytes
 * ```ts
 * import { encoded, json, lru, memory, Store, tiered } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * const far = memory<Uint8Array>();
 * const store = new Store(tiered(lru({ maxEntries: 10 }), encoded(far, json())));
 * await store.set("ada", { born: 1815 });
 * assertEquals(await store.get("ada"), { born: 1815 });
 * ```
 */
export function encoded<V, Raw>(backend: Backend<Raw>, codec: Codec<V, Raw>): Backend<V> {
  const inner = backend.withFormat?.(codec) ?? backend;
  const { streams } = codec;
  const turns = new Turns();

  const corrupt = (key: string, cause: unknown): never => {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError("corrupt", { store: inner.name, operation: "read", key, reason: `not ${codec.name}`, cause });
  };
  const decode = (key: string, entry: Entry<Raw>): Awaitable<Entry<V>> => {
    try {
      const value = codec.decode(entry.value);
      if (!isPending(value)) return { ...entry, value };
      return value.then((value) => ({ ...entry, value }), (cause) => corrupt(key, cause));
    } catch (cause) {
      return corrupt(key, cause);
    }
  };
  const decodeMaybe = (key: string) => (entry: Entry<Raw> | undefined) => entry && decode(key, entry);

  const outer = layer<V, Raw>(inner, {
    codec: undefined,
    encoded: undefined,
    read: (key, options) => andThen(inner.read(key, options), decodeMaybe(key)),
    write: (key, value, options) => {
      const raw = codec.encode(value);
      // A large value may take longer to encode than the small one that is written after it.
      if (!isPending(raw) && !turns.has(key)) return inner.write(key, raw, options);
      const encoding = Promise.resolve(raw);
      // While it waits for its turn, nobody else is there to hear that it failed.
      encoding.catch(() => {});
      return turns.run(key, async () => inner.write(key, await encoding, options));
    },
    readMany: async (keys, options) => {
      const values = new Map<string, Entry<V>>();
      for (const [key, entry] of await inner.readMany!(keys, options)) values.set(key, await decode(key, entry));
      return values;
    },
    take: (key, options) => andThen(inner.take!(key, options), decodeMaybe(key)),
    readable: async (key, options) => {
      const stream = await inner.readable!(key, options);
      return streams ? stream?.pipeThrough(streams.decode()) : stream;
    },
    writable: async (key, options) => {
      // First, because it may refuse.
      const encoding = streams?.encode();
      const stream = await inner.writable!(key, options);
      return encoding ? through(encoding, stream) : stream;
    },
  }, ["remove", "list", "removeMany", "has", "count", "clear", "touch", "prune", "revision", "close"]);

  return Object.assign(outer, {
    // Also where the place has no such call: a value that is refused leaves the others unwritten.
    writeMany: async (entries: ReadonlyMap<string, V>, options?: WriteOptions) => {
      const raws = new Map<string, Raw>();
      for (const [key, value] of entries) raws.set(key, await codec.encode(value));
      if (inner.writeMany) await inner.writeMany(raws, options);
      else for (const [key, raw] of raws) await inner.write(key, raw, options);
    },
  });
}

/** A stream that ends when the last byte has gone through the transform and arrived: `pipeTo` alone ends before that. */
function through(transform: TransformStream<Uint8Array, Uint8Array>, end: WritableStream<Uint8Array>) {
  const arrived = transform.readable.pipeTo(end);
  arrived.catch(() => {});
  const writer = transform.writable.getWriter();
  return new WritableStream<Uint8Array>({
    write: (chunk) => writer.write(chunk),
    close: () => writer.close().then(() => arrived),
    // The reason reaches the far end as an abort, so that nothing is written.
    abort: (reason) => writer.abort(reason),
  });
}
