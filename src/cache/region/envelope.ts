/**
 * What a region writes into its store: a value, its age, and what it was valid under.
 *
 * @module
 */

import type { Clock } from "../../core/clock.ts";
import type { InvalidationMode } from "./events.ts";
import type { RegionEntry } from "./options.ts";

/** What names the time between two invalidations; another one means that there was one. */
export type Epoch = string | number | undefined;

/** The epochs and tags under which a creator began. */
export interface Stamp {
  /** The epoch of hard invalidations. */
  readonly h?: Epoch;
  /** The epoch of soft invalidations. */
  readonly s?: Epoch;
  /** Tags, each with its epoch. */
  readonly t?: readonly (readonly [tag: string, epoch: Epoch])[] | undefined;
}

/** What a region writes under a key. Names are short: they stand in every entry. */
export interface Envelope<V> extends Stamp {
  /** The value; none while the first one is being made. */
  readonly v?: V | undefined;
  /** When it was made. */
  readonly c: number;
  /** Until when it is fresh; none: for ever. */
  readonly f?: number | undefined;
  /** How long it took to make. */
  readonly d?: number | undefined;
  /** Who makes a new value, if somebody does. */
  readonly l?: string | undefined;
  /** Until when that is believed. */
  readonly u?: number | undefined;
}

/** What was found under a key, and whether an invalidation hit it. */
export interface Found<V> {
  readonly entry: Envelope<V>;
  readonly invalid?: InvalidationMode | undefined;
}

/**
 * How long ago something found went stale, in milliseconds: below 0 for a fresh value, `Infinity` for what must not be
 * served at all.
 */
export function overdue<V>(found: Found<V> | undefined, moment: number, maxAge = Infinity): number {
  if (!found || found.invalid === "hard" || found.entry.v === undefined) return Infinity;
  const { c, f = Infinity } = found.entry;
  if (moment - c > maxAge) return Infinity;
  return found.invalid ? Math.max(moment - f, 0) : moment - f;
}

/** An envelope without empty fields, for stores that would keep them. */
export function plain<V>(envelope: Envelope<V>): Envelope<V> {
  return Object.fromEntries(Object.entries(envelope).filter(([, part]) => part !== undefined)) as unknown as Envelope<
    V
  >;
}

/** An envelope as users see it. */
export function toEntry<V>({ entry, invalid }: Found<V>, now: Clock): RegionEntry<V> {
  const { v, c, f = Infinity } = entry;
  const moment = now();
  return { value: v!, createdAt: c, age: moment - c, freshUntil: f, isStale: invalid !== undefined || f <= moment };
}
