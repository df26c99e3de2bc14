/**
 * A codec over a backend: values above, what the backend keeps below.
 *
 * @module
 */

import { andThen, type Awaitable, isPending } from "./awaitable.ts";
import type { Backend, Entry, ReadOptions, WriteOptions } from "./backend.ts";
import type { Codec, Decoding } from "./codec.ts";
import { layer } from "./layer.ts";
import { checkOptions } from "./options.ts";
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
export function encoded<V, Raw>(
  backend: Backend<Raw>,
  codec: Codec<V, Raw>,
  decoding: Decoding<V, Raw> = {},
): Backend<V> {
  checkOptions("Store", decoding, ["codec", "olderCodecs", "onDecodeError"]);
  const { olderCodecs = [], onDecodeError = "throw" } = decoding;
  if (onDecodeError !== "throw" && onDecodeError !== "miss") {
    throw new TypeError('Cannot make Store: onDecodeError must be "throw" or "miss"');
  }
  const inner = backend.withFormat?.(codec) ?? backend;
  const codecs = [codec, ...olderCodecs];
  const { streams } = codec;
  const turns = new Turns();

  // Apart from decode(), whose every call would pay for this closure.
  const refused = (key: string, raw: Raw, at: number, reason: unknown): Awaitable<V | typeof MISS> => {
    if (at + 1 < codecs.length) return decode(key, raw, at + 1, reason);
    // An outage is never a miss, nor is a key that is not in the ring.
    if (reason instanceof StoreError && reason.code !== "corrupt") throw reason;
    if (onDecodeError === "miss") return MISS;
    if (reason instanceof StoreError) throw reason;
    const what = { store: inner.name, operation: "read", key, reason: `not ${codec.name}`, cause: reason };
    throw new StoreError("corrupt", what);
  };
  const decode = (key: string, raw: Raw, at = 0, first?: unknown): Awaitable<V | typeof MISS> => {
    try {
      const value = codecs[at]!.decode(raw, key);
      return isPending(value) ? value.then(undefined, (cause) => refused(key, raw, at, first ?? cause)) : value;
    } catch (cause) {
      return refused(key, raw, at, first ?? cause);
    }
  };
  const decodeEntry = (key: string, entry: Entry<Raw> | undefined): Awaitable<Entry<V> | undefined> =>
    entry && andThen(decode(key, entry.value), (value) => withValue(entry, value));
  const read = (key: string, options?: ReadOptions) =>
    andThen(inner.read(key, options), (entry) => decodeEntry(key, entry));

  /** Writes over what counts as absent because nobody can read it. */
  const writeOver = async (key: string, raw: Raw, options: WriteOptions): Promise<string | boolean> => {
    const entry = await inner.read(key, { details: true, signal: options.signal });
    if (await decodeEntry(key, entry)) return false;
    const { version } = entry ?? {};
    const condition = entry ? inner.supports.swap && version !== undefined ? { version } : undefined : "absent";
    return await inner.write(key, raw, { ...options, condition });
  };
  const write = (key: string, raw: Raw, options?: WriteOptions): Awaitable<string | boolean> => {
    const written = inner.write(key, raw, options);
    if (onDecodeError === "throw" || options?.condition !== "absent") return written;
    return andThen(written, (answer) => answer === false ? writeOver(key, raw, options) : answer);
  };

  // Whether something is there without being readable makes a difference where that is a miss.
  const hasToo = onDecodeError === "throw" ? ["has"] as const : [];
  const outer = layer<V, Raw>(inner, {
    codec: undefined,
    encoded: undefined,
    read,
    write: (key, value, options) => {
      const raw = codec.encode(value, key);
      // A large value may take longer to encode than the small one that is written after it.
      if (!isPending(raw) && !turns.has(key)) return write(key, raw, options);
      const encoding = Promise.resolve(raw);
      // While it waits for its turn, nobody else is there to hear that it failed.
      encoding.catch(() => {});
      return turns.run(key, async () => write(key, await encoding, options));
    },
    readMany: async (keys, options) => {
      if (inner.readValues && !options?.details) {
        const raws = await inner.readValues(keys, options);
        const found = new Map<string, Entry<V>>();
        for (let at = 0; at < keys.length; at++) {
          const decoded = raws[at] === undefined ? MISS : decode(keys[at]!, raws[at]!);
          const value = isPending(decoded) ? await decoded : decoded;
          if (value !== MISS) found.set(keys[at]!, { value });
        }
        return found;
      }
      // In its place, because another Map would cost more than decoding short values.
      const entries: Map<string, Entry<unknown>> = await inner.readMany!(keys, options);
      for (const [key, entry] of entries) {
        const decoded = decodeEntry(key, entry as Entry<Raw>);
        // As would a promise for each.
        const value = isPending(decoded) ? await decoded : decoded;
        if (value) entries.set(key, value);
        else entries.delete(key);
      }
      return entries as Map<string, Entry<V>>;
    },
    take: async (key, options) => {
      const entry = await inner.take!(key, options);
      try {
        return await decodeEntry(key, entry);
      } catch (error) {
        // It was not taken, only looked at.
        const condition = inner.supports.create ? "absent" : undefined;
        await inner.write(key, entry!.value, { expiresAt: entry!.expiresAt, condition });
        throw error;
      }
    },
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
  }, [
    "remove",
    "list",
    "removeMany",
    "count",
    "clear",
    "touch",
    "prune",
    "revision",
    "changes",
    "versions",
    "watch",
    "close",
    ...hasToo,
  ]);

  return Object.assign(outer, {
    // Also where the place has no such call: a value that is refused leaves the others unwritten.
    writeMany: async (entries: ReadonlyMap<string, V>, options?: WriteOptions) => {
      const raws = new Map<string, Raw>();
      for (const [key, value] of entries) {
        const raw = codec.encode(value, key);
        raws.set(key, isPending(raw) ? await raw : raw);
      }
      if (inner.writeMany) await inner.writeMany(raws, options);
      else for (const [key, raw] of raws) await inner.write(key, raw, options);
    },
  });
}

/** What a decoder answers in place of a value that counts as absent. */
const MISS = Symbol();

/** The entry with another value; most have nothing else, and copying what is not there takes longer than decoding. */
function withValue<V>(entry: Entry<unknown>, value: V | typeof MISS): Entry<V> | undefined {
  if (value === MISS) return undefined;
  const { version, expiresAt, createdAt, metadata } = entry;
  const isBare = version === undefined && expiresAt === undefined && createdAt === undefined && metadata === undefined;
  return isBare ? { value } : { ...entry, value };
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
