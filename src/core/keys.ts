/**
 * Listings of either kind, with or without promises.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";
import type { Keys } from "./backend.ts";

/** One pass over a listing, whose steps may be there already. */
export interface KeySteps {
  next(): Awaitable<IteratorResult<string, unknown>>;
  return?(): Awaitable<unknown>;
}

/** Starts a pass over a listing. */
export function stepsOf(keys: Keys): KeySteps {
  return Symbol.asyncIterator in keys ? keys[Symbol.asyncIterator]() : keys[Symbol.iterator]();
}

/** A listing of the same kind with other keys. */
export function mapKeys(keys: Keys, change: (key: string) => string): Keys {
  return Symbol.asyncIterator in keys ? mapAsync(keys, change) : mapSync(keys, change);
}

function* mapSync(keys: Iterable<string>, change: (key: string) => string): Iterable<string> {
  for (const key of keys) yield change(key);
}

async function* mapAsync(keys: AsyncIterable<string>, change: (key: string) => string): AsyncIterable<string> {
  for await (const key of keys) yield change(key);
}
