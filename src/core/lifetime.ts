/**
 * How long an entry lives. A `ttl` becomes an absolute `expiresAt` once, in the outermost store, so that neither latency
 * nor retries stretch it.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** A length of time in fields that add up: `{ hours: 1, minutes: 30 }`. */
export interface Duration {
  /** 7 days each. */
  readonly weeks?: number;
  /** 24 hours each. */
  readonly days?: number;
  /** 60 minutes each. */
  readonly hours?: number;
  /** 60 seconds each. */
  readonly minutes?: number;
  /** 1,000 milliseconds each. */
  readonly seconds?: number;
  /** Milliseconds. */
  readonly milliseconds?: number;
}

/** How long an entry lives: one of the two fields, or neither. */
export interface Lifetime {
  /** Milliseconds from now, or a {@linkcode Duration}. `0` and less: expired already. `Infinity`: never expires. */
  readonly ttl?: number | Duration | undefined;
  /** Milliseconds since the epoch. `Infinity`: never expires. */
  readonly expiresAt?: number | undefined;
}

const UNITS: Readonly<Record<string, number>> = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
};

/**
 * A length of time in milliseconds.
 *
 * @throws {TypeError} If it is neither a number nor made of the fields of a {@linkcode Duration}.
 * @throws {RangeError} If it is `NaN`.
 */
export function toMilliseconds(duration: number | Duration, name = "ttl"): number {
  let total = duration;
  if (typeof total === "object") {
    const fields = Object.entries(total ?? {});
    const isKnown = fields.length > 0 && fields.every(([unit, amount]) => unit in UNITS && typeof amount === "number");
    if (isKnown) total = fields.reduce((sum, [unit, amount]) => sum + amount * UNITS[unit]!, 0);
  }
  // Not NaN.
  if (typeof total === "number" && total <= Infinity) return total;
  throw new (typeof total === "number" ? RangeError : TypeError)(`${name} must be milliseconds or a duration`);
}

/** The moment of what has expired already, whatever the clock says. */
export const EXPIRED = -Infinity;

/**
 * The moment an entry expires: `undefined` for never, {@linkcode EXPIRED} if that has passed.
 *
 * @throws {TypeError} If both fields are given, or one is no time.
 * @throws {RangeError} If a time is `NaN`.
 */
export function toExpiresAt(
  { ttl, expiresAt }: Lifetime = {},
  defaultTtl: number,
  now: Clock,
): number | undefined {
  if (ttl !== undefined && expiresAt !== undefined) throw new TypeError("Cannot use ttl and expiresAt");
  const present = now();
  const moment = expiresAt === undefined
    ? present + (ttl === undefined ? defaultTtl : toMilliseconds(ttl))
    : toMilliseconds(expiresAt, "expiresAt");
  return moment === Infinity ? undefined : moment > present ? moment : EXPIRED;
}
