/**
 * Backends that tests build on.
 *
 * @module
 */

import type { Backend } from "../../src/core/backend.ts";

/** The four methods alone, answered with promises: what the smallest backend has. */
export function fourMethods<V>(inner: Backend<V>): Backend<V> {
  return {
    name: inner.name,
    supports: { ...inner.supports, revision: false },
    now: inner.now,
    read: async (key, options) => await inner.read(key, options),
    write: async (key, value, options) => await inner.write(key, value, options),
    remove: async (key, options) => await inner.remove(key, options),
    list: async function* (options) {
      yield* inner.list(options);
    },
  };
}

/** A backend with batches, and the names of the methods that were called. */
export function counted<V>(inner: Backend<V>): { backend: Backend<V>; calls: string[] } {
  const calls: string[] = [];
  const note = <T>(name: string, answer: T): T => {
    calls.push(name);
    return answer;
  };
  const backend: Backend<V> = {
    name: inner.name,
    supports: inner.supports,
    now: inner.now,
    read: (key, options) => note("read", inner.read(key, options)),
    write: (key, value, options) => note("write", inner.write(key, value, options)),
    remove: (key, options) => note("remove", inner.remove(key, options)),
    list: (options) => note("list", inner.list(options)),
    count: (options) => note("count", inner.count!(options)),
    clear: (options) => note("clear", inner.clear!(options)),
    has: async (key, options) => note("has", await inner.read(key, options) !== undefined),
    readMany: async (keys, options) => {
      calls.push("readMany");
      const found = new Map();
      for (const key of keys) {
        const entry = await inner.read(key, options);
        if (entry) found.set(key, entry);
      }
      return found;
    },
    writeMany: async (entries, options) => {
      calls.push("writeMany");
      for (const [key, value] of entries) await inner.write(key, value, options);
    },
    removeMany: async (keys, options) => {
      calls.push("removeMany");
      let count = 0;
      for (const key of keys) if (await inner.remove(key, options)) count++;
      return count;
    },
  };
  return { backend, calls };
}
