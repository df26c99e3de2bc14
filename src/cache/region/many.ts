/**
 * Many values at once: one read, one creator for what is missing, and each key made by one creator whoever else asks.
 *
 * @module
 */

import { type Engine, LEFT_OUT, NOTHING, type Outcome } from "./engine.ts";
import { type Found, overdue } from "./envelope.ts";
import type { Flight } from "./flight.ts";
import { ManyCreation } from "./many_creation.ts";
import type { GetOrCreateOptions, ManyCreator } from "./options.ts";
import { wishOf } from "./wish.ts";

/** `region.getOrCreateMany()`. */
export async function getOrCreateMany<V>(
  engine: Engine<V>,
  keys: readonly string[],
  create: ManyCreator<V>,
  options: GetOrCreateOptions<V>,
): Promise<Map<string, V>> {
  const { signal } = options;
  signal?.throwIfAborted();
  const wish = wishOf(engine.options, options);
  const names = await engine.namesOf(keys);
  const values = new Map<string, V>();
  const look = async (open: readonly string[]): Promise<readonly string[]> => {
    const all = await engine.readMany(open, names, wish, signal);
    const missing = new ManyCreation(engine, create, wish, false);
    const stale = new ManyCreation(engine, create, wish, true);
    const flights: [key: string, flight: Flight<Outcome<V>>][] = [];
    for (const key of open) {
      const name = names.get(key)!;
      const found: Found<V> | undefined = all.get(key);
      const over = overdue(found, engine.now(), wish.maxAge);
      const running = engine.flightOf(name);
      if (over < 0 || over < wish.staleWhileRevalidate) {
        engine.tell(over < 0 ? "hit" : "stale", key);
        values.set(key, found!.entry.v!);
        if (over >= 0 && !engine.isBeingMade(name, found!)) stale.add(key, name, found);
      } else {
        engine.tell(running ? "wait" : "miss", key);
        flights.push([key, running ?? missing.add(key, name, found)]);
      }
    }
    stale.start();
    missing.start();
    const unmade = await Promise.all(flights.map(async ([key, flight]) => {
      const value = await flight.join(signal);
      if (value !== NOTHING && value !== LEFT_OUT) values.set(key, value);
      return value === NOTHING ? [key] : [];
    }));
    return unmade.flat();
  };
  for (let open = keys; open.length > 0;) open = await look(open);
  const ordered = new Map<string, V>();
  for (const key of keys) if (values.has(key)) ordered.set(key, values.get(key)!);
  return ordered;
}
