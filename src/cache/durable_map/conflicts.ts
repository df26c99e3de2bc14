/**
 * Writes that do not run over what somebody else has written since this map has seen the key.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Backend, Entry, WriteOptions } from "../../core/backend.ts";

/** Two writers of one key. */
export interface Conflict<V> {
  /** The key. */
  readonly key: string;
  /** What this map wants to write; `undefined`: to delete it. */
  readonly value: V | undefined;
  /** What this map showed when it was asked to; `undefined`: no such key. */
  readonly before: V | undefined;
  /** What the other one has written; `undefined`: it was deleted. */
  readonly current: V | undefined;
}

/** Says what the key shall have: `value`, `current`, something made of both, or `undefined` for no such key. */
export type Resolve<V> = (conflict: Conflict<V>) => Awaitable<V | undefined>;

/**
 * Writes, or removes where there is no value, asking for a way out while others are first; what the key has then, and whether
 * that was done here.
 */
export async function writeOrResolve<V>(
  backend: Backend<V>,
  [key, value]: readonly [key: string, value: V | undefined],
  seen: Entry<V> | undefined,
  resolve: Resolve<V>,
  options?: Omit<WriteOptions, "condition">,
): Promise<readonly [entry: Entry<V> | undefined, isOwn: boolean]> {
  const { signal } = options ?? {};
  const before = seen?.value;
  for (;;) {
    const condition = seen ? { version: seen.version! } : "absent";
    if (value === undefined) {
      if (condition !== "absent" && await backend.remove(key, { signal, condition })) return [undefined, true];
    } else {
      const answer = await backend.write(key, value, { ...options, condition });
      const version = typeof answer === "string" ? answer : undefined;
      if (answer !== false) return [{ value, version, expiresAt: options?.expiresAt }, true];
    }
    seen = await backend.read(key, { signal, details: true });
    const current = seen?.value;
    if (value === current) {
      if (value === undefined) return [undefined, false];
      // Two of one mind; it is written all the same, because it may have another lifetime.
      continue;
    }
    value = await resolve({ key, value, before, current });
    if (value === current) return [seen, false];
  }
}
