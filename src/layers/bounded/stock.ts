/**
 * What is in a backend already when a limit is put over it.
 *
 * @module
 */

import type { Backend, Entry } from "../../core/backend.ts";
import { concurrently } from "../../core/concurrently.ts";
import { StoreError } from "../../core/store_error.ts";

/** What is known of an entry that was there. */
export interface Found {
  /** What it takes of `maxBytes`. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt?: number | undefined;
}

/** How stock is taken. */
export interface StockOptions<V> {
  /** Whether a key need not be looked at. */
  readonly isKnown: (key: string) => boolean;
  /** What a value takes of `maxBytes`. */
  readonly sizeOf: (value: V, key: string) => number;
}

const PAGE = 100;
const DETAILS = { details: true } as const;
const UNREADABLE: Found = { size: 0 };

/**
 * Collects what is there, in the order of the listing. A key that somebody takes out of `found` meanwhile stays out; one
 * whose entry cannot be read, now or later, is there all the same.
 */
export async function takeStock<V>(
  inner: Backend<V>,
  found: Map<string, Found>,
  { isKnown, sizeOf }: StockOptions<V>,
): Promise<void> {
  // What has expired takes room without being listed; where that cannot be helped it is no reason to have no limit.
  await (async () => await inner.prune?.())().catch(() => {});
  for await (const key of inner.list()) if (!isKnown(key)) found.set(key, UNREADABLE);
  const keys = [...found.keys()];
  for (let at = 0; at < keys.length; at += PAGE) {
    const page = keys.slice(at, at + PAGE);
    const entries = await readPage(inner, page);
    for (const key of page) {
      const entry = entries.get(key);
      if (entry === undefined) found.delete(key);
      else if (entry !== "unreadable" && found.has(key)) {
        const { value, expiresAt, createdAt } = entry;
        found.set(key, { size: sizeOf(value, key), expiresAt, createdAt });
      }
    }
  }
}

/** The keys from the oldest entry to the newest, those of unknown age first. */
export function byAge(found: ReadonlyMap<string, Found>): [string, Found][] {
  const timeOf = ({ createdAt }: Found) => createdAt ?? -Number.MAX_VALUE;
  return [...found].sort(([, a], [, b]) => timeOf(a) - timeOf(b));
}

async function readPage<V>(
  inner: Backend<V>,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Entry<V> | "unreadable">> {
  if (inner.readMany) {
    try {
      return await inner.readMany(keys, DETAILS);
    } catch (error) {
      if (!isLasting(error)) throw error;
      // One of them is the reason; the others can be read.
    }
  }
  const entries = new Map<string, Entry<V> | "unreadable">();
  await concurrently(keys, async (key) => {
    try {
      const entry = await inner.read(key, DETAILS);
      if (entry) entries.set(key, entry);
    } catch (error) {
      if (!isLasting(error)) throw error;
      entries.set(key, "unreadable");
    }
  });
  return entries;
}

function isLasting(error: unknown): boolean {
  return error instanceof StoreError && !error.retryable;
}
