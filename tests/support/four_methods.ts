/**
 * Backends with nothing but the four methods that every backend must have.
 *
 * @module
 */

import type { Backend, Supports } from "../../src/core/backend.ts";

/** How the four methods behave. */
export interface FourMethods {
  /** Whether they answer with promises. */
  readonly isAsync: boolean;
  /** Whether there are versions, lifetimes and atomic creation. */
  readonly isRich: boolean;
}

/** What such a backend supports. */
export function supportsOf({ isRich }: FourMethods): Supports {
  return { list: true, order: false, ttl: isRich, create: isRich, swap: isRich, stream: false, revision: false };
}

/** Four methods over entries that several backends may share. */
export function fourMethods(
  entries: Map<string, { value: unknown; version: string; expiresAt: number | undefined }>,
  kind: FourMethods,
  now: () => number,
): Backend<unknown> {
  const { isAsync, isRich } = kind;
  const answer = <T>(make: () => T): T | Promise<T> => isAsync ? Promise.resolve().then(make) : make();
  const live = (key: string) => {
    const entry = entries.get(key);
    return entry && (entry.expiresAt ?? Infinity) > now() ? entry : undefined;
  };
  return {
    name: "four methods",
    supports: supportsOf(kind),
    now,
    read: (key) =>
      answer(() => {
        const entry = live(key);
        return entry && (isRich ? entry : { value: entry.value });
      }),
    write: (key, value, { condition, expiresAt } = {}) =>
      answer(() => {
        const old = live(key);
        if (condition === "absent" ? old : condition && old?.version !== condition.version) return false;
        const version = crypto.randomUUID();
        entries.set(key, { value, version, expiresAt });
        return isRich ? version : true;
      }),
    remove: (key, { condition } = {}) =>
      answer(() => {
        const old = live(key);
        return old !== undefined && (!condition || old.version === condition.version) && entries.delete(key);
      }),
    list: ({ prefix = "" } = {}) => {
      function* keys() {
        for (const key of entries.keys()) if (key.startsWith(prefix) && live(key)) yield key;
      }
      async function* slowly() {
        for (const key of keys()) yield await Promise.resolve(key);
      }
      return isAsync ? slowly() : keys();
    },
  };
}
