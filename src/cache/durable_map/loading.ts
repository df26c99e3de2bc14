/**
 * How a store is read as a whole, or only as far as it has changed.
 *
 * @module
 */

import type { Backend, CallOptions, Entry } from "../../core/backend.ts";
import { concurrently } from "../../core/concurrently.ts";

/** How many entries are read at a time. */
const PAGE = 1000;

/** What is known already: keys, and the versions of their entries. */
export interface Known {
  keys(): Iterable<string>;
  versionOf(key: string): string | undefined;
}

/** All entries of a backend. */
export async function loadAll<V>(backend: Backend<V>, options?: CallOptions): Promise<Map<string, Entry<V>>> {
  const keys: string[] = [];
  for await (const key of backend.list(options)) keys.push(key);
  return await readAll(backend, keys, options);
}

/**
 * What has become of the keys that have changed: an entry, or none. Where the backend tells the versions of all keys only
 * those are read whose version is another one; else all.
 */
export async function loadChanges<V>(
  backend: Backend<V>,
  known: Known,
  options?: CallOptions,
): Promise<Map<string, Entry<V> | undefined>> {
  const versions = await backend.versions?.(options);
  let found: ReadonlyMap<string, unknown>;
  const changes = new Map<string, Entry<V> | undefined>();
  if (versions) {
    const wanted: string[] = [];
    for (const [key, version] of versions) if (known.versionOf(key) !== version) wanted.push(key);
    const entries = await readAll(backend, wanted, options);
    // One that is gone meanwhile has no entry.
    for (const key of wanted) changes.set(key, entries.get(key));
    found = versions;
  } else {
    const entries = await loadAll(backend, options);
    for (const [key, entry] of entries) changes.set(key, entry);
    found = entries;
  }
  for (const key of known.keys()) if (!found.has(key)) changes.set(key, undefined);
  return changes;
}

async function readAll<V>(
  backend: Backend<V>,
  keys: readonly string[],
  options?: CallOptions,
): Promise<Map<string, Entry<V>>> {
  const entries = new Map<string, Entry<V>>();
  const how = { ...options, details: true };
  for (let start = 0; start < keys.length; start += PAGE) {
    const page = keys.slice(start, start + PAGE);
    if (backend.readMany) {
      for (const [key, entry] of await backend.readMany(page, how)) entries.set(key, entry);
      continue;
    }
    await concurrently(page, async (key) => {
      const entry = await backend.read(key, how);
      if (entry) entries.set(key, entry);
    }, { signal: options?.signal });
  }
  return entries;
}
