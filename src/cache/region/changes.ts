/**
 * Changes of entries by hand: what is written, removed or invalidated counts more than what is being made.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { CallOptions, PrefixOptions } from "../../core/backend.ts";
import { endOf } from "./engine.ts";
import type { Envelope } from "./envelope.ts";
import type { Flight } from "./flight.ts";
import type { FullEngine } from "./full_engine.ts";
import { namesOf } from "./many.ts";
import type { Creator, GetOrCreateOptions, InvalidateOptions, RegionSetOptions } from "./options.ts";
import type { Place } from "./place.ts";
import { wishOf } from "./wish.ts";

/** `region.refresh()`. */
export async function refresh<V>(
  engine: FullEngine<V>,
  key: string,
  create: Creator<V>,
  options: GetOrCreateOptions<V> = {},
): Promise<V> {
  const { signal } = options;
  signal?.throwIfAborted();
  // What is fresh will not do either.
  const wish = wishOf(engine.options, { ...options, maxAge: -1 });
  const name = await engine.nameOf(key);
  for (;;) {
    const found = await engine.look(key, name, wish, signal);
    const flight = engine.fly(name, wish, (flight) => engine.create(flight, { key, name, create, wish, found }));
    const outcome = await flight.join(signal);
    // None where something was written or deleted before the creator could begin.
    if (outcome?.length) return outcome[0];
  }
}

/** `region.setMany()`. */
export async function setMany<V>(
  engine: FullEngine<V>,
  values: ReadonlyMap<string, V>,
  { signal, ttl, tags }: RegionSetOptions<V> = {},
): Promise<void> {
  if (values.size === 0) return;
  for (const value of values.values()) if (value === undefined) throw new TypeError("Cannot write undefined");
  const wish = wishOf(engine.options, { ttl, tags });
  const names = await namesOf(engine, values.keys());
  const isMeant = new Set(names.values());
  await change(engine, (name) => isMeant.has(name), async (place) => {
    const valid = { stamp: await place.stamp(wish.tags, signal) };
    const written = new Map<string, Envelope<V>>();
    const gone: string[] = [];
    let end = -Infinity;
    for (const [key, value] of values) {
      const entry = engine.envelope(key, value, wish.ttl, valid);
      if (!entry) gone.push(names.get(key)!);
      else {
        written.set(names.get(key)!, entry);
        end = Math.max(end, endOf(entry, wish) ?? Infinity);
      }
    }
    if (gone.length > 0) await place.remove(gone, signal);
    if (written.size > 0) await place.write(written, end === Infinity ? undefined : end, signal);
  }, signal);
  for (const key of values.keys()) engine.tell("invalidate", key);
}

/** `region.deleteMany()`. */
export async function deleteMany<V>(
  engine: FullEngine<V>,
  keys: ReadonlySet<string>,
  { signal }: CallOptions = {},
): Promise<number> {
  if (keys.size === 0) return 0;
  const names = new Set((await namesOf(engine, keys)).values());
  const count = await change(engine, (name) => names.has(name), (place) => place.remove([...names], signal), signal);
  for (const key of keys) engine.tell("invalidate", key);
  return count;
}

/** `region.clear()`. */
export async function clear<V>(engine: FullEngine<V>, { prefix = "", signal }: PrefixOptions = {}): Promise<void> {
  if (prefix !== "" && engine.options.mangle) throw new TypeError("Cannot clear by prefix: the keys are mangled");
  await change(engine, (name) => name.startsWith(prefix), (place) => place.clear(prefix, signal), signal);
  engine.report({ type: "invalidate", prefix });
}

/** `region.invalidate()`. */
export async function invalidate<V>(
  engine: FullEngine<V>,
  { mode = "hard", signal }: InvalidateOptions = {},
): Promise<void> {
  const { invalidation } = engine.options;
  const work = (place: Place<V>) => invalidation ? invalidation.invalidate(mode) : place.invalidate(mode, signal);
  await change(engine, () => true, work, signal);
  engine.report({ type: "invalidate", mode });
}

/** `region.invalidateTags()`. */
export async function invalidateTags<V>(
  engine: FullEngine<V>,
  tags: ReadonlySet<string>,
  { signal }: CallOptions = {},
): Promise<void> {
  const gone = [...tags];
  if (gone.length === 0) return;
  const isMeant = (_: string, flight?: Flight<unknown>) => flight?.tags.some((tag) => gone.includes(tag)) ?? false;
  await change(engine, isMeant, (place) => place.invalidateTags(gone, signal), signal);
  engine.report({ type: "invalidate", tags: gone });
}

/**
 * Makes a change. Whoever comes from now on waits for nothing that began before. Once more when it is done: what began
 * meanwhile may have seen what was there before; but not what has a claim, for the change would have taken that away.
 */
async function change<V, T>(
  engine: FullEngine<V>,
  isMeant: (name: string, flight?: Flight<unknown>) => boolean,
  work: (place: Place<V>) => Awaitable<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { room: { flights }, handedOver } = engine;
  const supersede = (isLate = false) => {
    for (const [name, flight] of flights) {
      if (isMeant(name, flight) && !(isLate && flight.isHeld?.())) flights.delete(name);
    }
    for (const name of handedOver.keys()) if (isMeant(name)) handedOver.delete(name);
  };
  signal?.throwIfAborted();
  supersede();
  try {
    return await engine.guard("write", undefined, false, work, signal) as T;
  } finally {
    supersede(true);
  }
}
