/**
 * Time as every store sees it: milliseconds since the epoch, from a function that a test may replace.
 *
 * @module
 */

/** A clock: milliseconds since the epoch. `Date.now` is one. */
export type Clock = () => number;

/** Whether a moment has come; no moment never comes. */
export function isPast(expiresAt: number | undefined, now: Clock): boolean {
  return expiresAt !== undefined && expiresAt <= now();
}

/** How many calls may see the same moment, at most: a loop that never lets a timer run must not stop the clock. */
const CALLS_PER_LOOK = 64;

// In workerd a timer belongs to a request and may be lost with it; and its `Date.now()` is cheap.
const isWorkerd = globalThis.navigator?.userAgent === "Cloudflare-Workers";

let moment = 0;
let callsLeft = 0;
let timer: unknown;

function look(): number {
  callsLeft = CALLS_PER_LOOK;
  timer ||= setTimeout(() => timer = callsLeft = 0, 1);
  return moment = Date.now();
}

/**
 * A clock for hot paths, about 1 ms coarse: it looks at `Date.now()` once per millisecond or 64 calls, because a look
 * costs more than finding an entry in memory. While one task blocks the event loop its time may stand still, as it does on
 * Cloudflare Workers.
 */
export const coarseNow: Clock = isWorkerd ? Date.now : () => callsLeft-- > 0 ? moment : look();
