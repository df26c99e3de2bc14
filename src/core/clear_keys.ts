/**
 * Clearing a backend, whether or not it has a fast path for it.
 *
 * @module
 */

import type { Backend, PrefixOptions } from "./backend.ts";
import { concurrently } from "./concurrently.ts";

/** Removes all keys of a backend that start with the prefix. */
export async function clearKeys(backend: Backend<unknown>, options: PrefixOptions = {}): Promise<void> {
  if (backend.clear) return await backend.clear(options);
  const { signal } = options;
  const keys: string[] = [];
  for await (const key of backend.list(options)) keys.push(key);
  if (keys.length === 0) return;
  if (backend.removeMany) await backend.removeMany(keys, { signal });
  else await concurrently(keys, (key) => backend.remove(key, { signal }), { signal });
}
