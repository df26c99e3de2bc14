/**
 * Stores that durable maps follow in tests: every call counted, some with gates, without versions, or with a watch.
 *
 * @module
 */

import type { Backend, WatchListener } from "../../src/core/backend.ts";
import { type Around, intercept } from "../../src/core/intercept.ts";
import { layer } from "../../src/core/layer.ts";

/** How often which method was called; a call of many keys counts its keys under `keys`. */
export class Calls {
  #counts = new Map<string, number>();

  /** The counts since the last time they were taken. */
  take(): Record<string, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    return Object.fromEntries(counts);
  }

  /** Counts one. */
  add(name: string, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }
}

/** A backend that answers with promises, as a distant one does, and counts its calls. */
export function distant<V>(inner: Backend<V>, calls: Calls = new Calls()): Backend<V> {
  const around: Around = async (call, run) => {
    calls.add(call.method);
    if (call.keys) calls.add("keys", call.keys.length);
    return await run();
  };
  const list: Backend<V>["list"] = async function* (options) {
    calls.add("list");
    yield* inner.list(options);
  };
  return intercept(inner, around, { list });
}

/** The same backend, which cannot tell the versions of all keys. */
export function withoutVersions<V>(inner: Backend<V>): Backend<V> {
  return layer<V, V>(inner, {}, [
    "read",
    "write",
    "remove",
    "list",
    "readMany",
    "writeMany",
    "removeMany",
    "clear",
    "touch",
    "take",
    "revision",
    "watch",
  ]);
}

/** A watch that the test is the wire of. */
export class Wire {
  readonly #listeners = new Set<WatchListener>();
  /** What goes wrong when a watch is opened. */
  failure: unknown;

  /** How many are listening. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Tells everybody. */
  tell(isWatching = true): void {
    for (const listener of this.#listeners) listener(isWatching);
  }

  /** The backend with this watch; it tells of changes by itself unless it is `silent`. */
  watched<V>(inner: Backend<V>, isSilent = false): Backend<V> {
    const around: Around = async (call, run) => {
      const answer = await run();
      if (!isSilent && /^(write|remove|touch|take|clear)/.test(call.method)) this.tell();
      return answer;
    };
    return Object.assign(intercept(inner, around, { list: (options) => inner.list(options) }), {
      watch: (listener: WatchListener) => {
        if (this.failure !== undefined) throw this.failure;
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
    });
  }
}
