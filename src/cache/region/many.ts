/**
 * Many values at once: one read, one creator for what is missing, and each key made by one creator whoever else asks.
 *
 * @module
 */

import type { Outcome } from "./engine.ts";
import { type Found, overdue } from "./envelope.ts";
import type { Flight } from "./flight.ts";
import type { FullEngine } from "./full_engine.ts";
import { ManyCreation } from "./many_creation.ts";
import type { GetOrCreateOptions, ManyCreator, RegionReadOptions } from "./options.ts";
import { type Wish, wishOf } from "./wish.ts";

/** `region.getMany()`. */
export async function getMany<V>(
  engine: FullEngine<V>,
  keys: readonly string[],
  options: RegionReadOptions,
): Promise<Map<string, V>> {
  const { signal } = options;
  signal?.throwIfAborted();
  const wish = wishOf(engine.options, options);
  const values = new Map<string, V>();
  if (keys.length === 0) return values;
  const there = await readMany(engine, keys, await namesOf(engine, keys), wish, signal);
  for (const key of keys) {
    const found = engine.served(key, there.get(key), wish, options.stale);
    if (found) values.set(key, found.entry.v!);
  }
  return values;
}

/** `region.getOrCreateMany()`. */
export async function getOrCreateMany<V>(
  engine: FullEngine<V>,
  keys: readonly string[],
  create: ManyCreator<V>,
  options: GetOrCreateOptions<V>,
): Promise<Map<string, V>> {
  const { signal } = options;
  signal?.throwIfAborted();
  const wish = wishOf(engine.options, options);
  const names = await namesOf(engine, keys);
  const values = new Map<string, V>();
  const look = async (open: readonly string[]): Promise<readonly string[]> => {
    const tokens = open.map((key) => engine.flightOf(names.get(key)!)?.token);
    const all = await readMany(engine, open, names, wish, signal);
    const missing = new ManyCreation(engine, create, wish, false);
    const stale = new ManyCreation(engine, create, wish, true);
    const flights: [key: string, flight: Flight<Outcome<V>>][] = [];
    for (const [index, key] of open.entries()) {
      const name = names.get(key)!;
      const found: Found<V> | undefined = all.get(key);
      const over = overdue(found, engine.now(), wish.maxAge);
      const running = engine.flightOf(name, tokens[index], found);
      if (over < 0 || over < wish.staleWhileRevalidate) {
        engine.tell(over < 0 ? "hit" : "stale", key);
        values.set(key, found!.entry.v!);
        const making = { key, name, wish, found, isBackground: true };
        if (over >= 0 && !engine.isBeingMade(making)) stale.add(making);
      } else {
        engine.tell(running ? "wait" : "miss", key);
        flights.push([key, running ?? missing.add({ key, name, wish, found })]);
      }
    }
    stale.start();
    missing.start();
    const unmade: string[] = [];
    const outcomes = await Promise.allSettled(flights.map(async ([key, flight]) => {
      const outcome = await flight.join(signal);
      if (!outcome) unmade.push(key);
      else if (outcome.length) values.set(key, outcome[0]);
    }));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    return unmade;
  };
  for (let open = keys; open.length > 0;) open = await look(open);
  const ordered = new Map<string, V>();
  for (const key of keys) if (values.has(key)) ordered.set(key, values.get(key)!);
  return ordered;
}

/** What keys are called in the store. */
export async function namesOf<V>(engine: FullEngine<V>, keys: Iterable<string>): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const key of keys) names.set(key, await engine.nameOf(key));
  return names;
}

/** What there is of these keys, fresh or not. */
async function readMany<V>(
  engine: FullEngine<V>,
  keys: readonly string[],
  names: ReadonlyMap<string, string>,
  { bypass }: Wish<V>,
  signal: AbortSignal | undefined,
): Promise<Map<string, Found<V>>> {
  const wanted = [...new Set(keys.map((key) => names.get(key)!))];
  const there = await engine.guard("read", undefined, bypass, (place) => place.readMany(wanted, signal), signal);
  const all = new Map<string, Found<V>>();
  for (const key of keys) {
    const found = await engine.judged(key, there?.get(names.get(key)!));
    if (found) all.set(key, found);
  }
  return all;
}
