/**
 * A part of a store: the keys behind a prefix.
 *
 * @module
 */

import { andThen } from "../core/awaitable.ts";
import type { Backend, ByteBackend, Entry, PrefixOptions } from "../core/backend.ts";
import { mapKeys } from "../core/keys.ts";
import { layer } from "../core/layer.ts";

/**
 * A backend that sees only the keys that start with a prefix, and sees them without it. `clear`, counts and listings stay
 * within it. Where there is a `revision`, it is that of the whole store, so it also changes with keys elsewhere, and so a
 * `watch` is told of them.
 *
 * @throws {TypeError} If the prefix is not a string, or has a lone surrogate.
 * @throws {RangeError} If the prefix alone is longer than a key may be.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { prefixed } from "@everymap/everymap/layers/prefixed";
 * import { assertEquals } from "@std/assert";
 *
 * const backend = memory<number>();
 * const users = new Store(prefixed(backend, "users:"));
 * await users.set("ada", 1815);
 * assertEquals(await Array.fromAsync(users.keys()), ["ada"]);
 * assertEquals(await Array.fromAsync(new Store(backend).keys()), ["users:ada"]);
 * ```
 */
export function prefixed(inner: ByteBackend, prefix: string): ByteBackend;
/** The same over a backend of values. */
export function prefixed<V>(inner: Backend<V>, prefix: string): Backend<V>;
export function prefixed<V>(inner: Backend<V>, prefix: string): Backend<V> {
  if (typeof prefix !== "string" || !prefix.isWellFormed()) {
    throw new TypeError("Cannot make prefixed: the prefix must be a string without lone surrogates");
  }
  const { maxKeyBytes = Infinity } = inner;
  const left = maxKeyBytes === Infinity ? Infinity : maxKeyBytes - new TextEncoder().encode(prefix).length;
  if (left < 0) throw new RangeError(`Cannot make prefixed: the prefix is longer than ${maxKeyBytes} bytes`);

  const within = <O extends PrefixOptions>(options?: O): O =>
    ({ ...options, prefix: prefix + (options?.prefix ?? "") }) as O;
  const strip = (key: string) => key.slice(prefix.length);
  return layer<V, V>(inner, {
    maxKeyBytes: left,
    read: (key, options) => inner.read(prefix + key, options),
    write: (key, value, options) => inner.write(prefix + key, value, options),
    remove: (key, options) => inner.remove(prefix + key, options),
    list: (options) => {
      const after = options?.after === undefined ? undefined : prefix + options.after;
      return mapKeys(inner.list(within({ ...options, after })), strip);
    },
    readSync: (key) => inner.readSync!(prefix + key),
    writeSync: (key, value, expiresAt) => inner.writeSync!(prefix + key, value, expiresAt),
    readMany: (keys, options) =>
      andThen(inner.readMany!(keys.map((key) => prefix + key), options), (found) => {
        const entries = new Map<string, Entry<V>>();
        for (const [key, entry] of found) entries.set(strip(key), entry);
        return entries;
      }),
    writeMany: (entries, options) => {
      const values = new Map<string, V>();
      for (const [key, value] of entries) values.set(prefix + key, value);
      return inner.writeMany!(values, options);
    },
    removeMany: (keys, options) => inner.removeMany!(keys.map((key) => prefix + key), options),
    has: (key, options) => inner.has!(prefix + key, options),
    count: (options) => inner.count!(within(options)),
    changes: (since, options) =>
      andThen(inner.changes!(since, options), (keys) => keys?.filter((key) => key.startsWith(prefix)).map(strip)),
    versions: (options) =>
      andThen(inner.versions!(within(options)), (found) => {
        const versions = new Map<string, string>();
        for (const [key, version] of found) versions.set(strip(key), version);
        return versions;
      }),
    clear: (options) => inner.clear!(within(options)),
    touch: (key, expiresAt, options) => inner.touch!(prefix + key, expiresAt, options),
    take: (key, options) => inner.take!(prefix + key, options),
    readable: (key, options) => inner.readable!(prefix + key, options),
    writable: (key, options) => inner.writable!(prefix + key, options),
    withFormat: (format) => prefixed(inner.withFormat!(format), prefix),
  }, ["prune", "revision", "watch", "close"]);
}
