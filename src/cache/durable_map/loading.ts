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

/** How far a reload has to go back. */
export interface LoadOptions extends CallOptions {
  /** The revision at which everything was known. */
  readonly since: string | undefined;
  /** Keys that are to be read whatever the backend tells. */
  readonly suspects: ReadonlySet<string>;
}

/**
 * What has become of the keys that have changed: an entry, or none. Where the backend tells which keys have changed, or the
 * versions of all, only those are read that are not what is known; else all.
 */
export async function loadChanges<V>(
  backend: Backend<V>,
  known: Known,
  { since, suspects, ...options }: LoadOptions,
): Promise<Map<string, Entry<V> | undefined>> {
  const changed = since === undefined ? undefined : await backend.changes?.(since, options);
  if (changed) return await loadThese(backend, new Set([...changed, ...suspects]), options);
  const versions = await backend.versions?.(options);
  let found: ReadonlyMap<string, unknown>;
  let changes: Map<string, Entry<V> | undefined>;
  if (versions) {
    const wanted = new Set<string>();
    for (const [key, version] of versions) if (known.versionOf(key) !== version) wanted.add(key);
    changes = await loadThese(backend, wanted, options);
    found = versions;
  } else found = changes = await loadAll(backend, options);
  for (const key of known.keys()) if (!found.has(key)) changes.set(key, undefined);
  return changes;
}

/** What has become of these keys: an entry, or none. */
export async function loadThese<V>(
  backend: Backend<V>,
  keys: ReadonlySet<string>,
  options?: CallOptions,
): Promise<Map<string, Entry<V> | undefined>> {
  const changes = new Map<string, Entry<V> | undefined>();
  for (const key of keys) changes.set(key, undefined);
  for (const [key, entry] of await readAll(backend, [...keys], options)) changes.set(key, entry);
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
