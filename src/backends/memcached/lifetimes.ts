/**
 * Lifetimes as memcached counts them, in seconds; the moment itself, to the millisecond, stands in the frame of the value.
 *
 * @module
 */

/** Up to here a lifetime counts from now, beyond it is a moment (https://docs.memcached.org/protocols/basic/). */
const LONGEST_RELATIVE = 2_592_000;
/** The server keeps 31 bits; what is beyond the year 2038 it is told to keep for ever, and the frame ends it. */
const LAST_MOMENT = 0x7fff_ffff;
/** Flags below are those of other programs; this is the year 2001. */
const FIRST_MOMENT = 1_000_000_000;
const LAST_FLAGS = 0xffff_ffff;

/** The tokens of a write: when the server may forget the entry, never before its time, and that moment once more as flags. */
export function lifetimeTokens(expiresAt: number | undefined, now: number): string {
  if (expiresAt === undefined) return "";
  // The server's clock is up to a second off.
  const left = Math.ceil((expiresAt - now) / 1000) + 1;
  const moment = Math.ceil(expiresAt / 1000);
  const seconds = left <= LONGEST_RELATIVE ? left : moment + 1 <= LAST_MOMENT ? moment + 1 : 0;
  return ` T${seconds} F${Math.min(moment, LAST_FLAGS)}`;
}

/** Whether an entry with these flags lives, or `undefined` if its frame has to be looked at. */
export function isLiveByFlags(flags: number, now: number): boolean | undefined {
  if (flags < FIRST_MOMENT) return flags === 0 ? true : undefined;
  if (flags === LAST_FLAGS) return undefined;
  if (now >= flags * 1000) return false;
  return now < (flags - 1) * 1000 ? true : undefined;
}
