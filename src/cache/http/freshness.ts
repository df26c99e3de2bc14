/**
 * How long a stored answer may be used: fresh, or stale as RFC 5861 allows.
 *
 * @module
 */

import { cacheControlOf, millisecondsOf } from "./cache_control.ts";
import { headersOf, type StoredResponse } from "./stored_response.ts";

/** How old an answer may get, each in milliseconds of its age. */
export interface Freshness {
  /** It is fresh until this age. */
  readonly fresh: number;
  /** Until this age it may be used while a new one is fetched. */
  readonly whileRevalidate: number;
  /** Until this age it may be used if no new one can be had. */
  readonly ifError: number;
  /** Whether it may be used stale at all: a request may ask for that, too. */
  readonly stale: boolean;
}

/** Whose rules apply to an answer that leaves its lifetime open. */
export interface FreshnessRules {
  /** Whether the cache serves more than one user. */
  readonly isShared: boolean;
  /** Milliseconds for which an answer is fresh that does not say. */
  readonly defaultTtl: number;
}

/** How old the answer may get (RFC 9111 §4.2.1, RFC 5861). */
export function freshnessOf(stored: StoredResponse, { isShared, defaultTtl }: FreshnessRules): Freshness {
  const headers = headersOf(stored);
  const directives = cacheControlOf(headers);
  if (directives.has("no-cache")) return { fresh: 0, whileRevalidate: 0, ifError: 0, stale: false };
  const fresh = (isShared ? millisecondsOf(directives, "s-maxage") : undefined) ??
    millisecondsOf(directives, "max-age") ?? untilExpiry(headers, stored) ?? defaultTtl;
  const stale = !directives.has("must-revalidate") && !(isShared && directives.has("proxy-revalidate"));
  // RFC 9111 §5.2.2.10 lets `s-maxage` alone forbid stale answers. Who names a window beside it wants one, as all the
  // large networks understand it.
  const window = (name: string) => fresh + (stale ? millisecondsOf(directives, name) ?? 0 : 0);
  return {
    fresh,
    whileRevalidate: window("stale-while-revalidate"),
    ifError: window("stale-if-error"),
    stale: stale && !(isShared && directives.has("s-maxage")),
  };
}

/** Milliseconds since the answer was made or confirmed at its origin (RFC 9111 §4.2.3). */
export function ageOf(stored: StoredResponse, now: number): number {
  const headers = headersOf(stored);
  const { requestedAt, receivedAt } = stored;
  const apparent = Math.max(0, receivedAt - (timeOf(headers.get("date")) ?? receivedAt));
  const told = /^\d+$/.test(headers.get("age") ?? "") ? Number(headers.get("age")) * 1000 : 0;
  return Math.max(apparent, told + receivedAt - requestedAt) + Math.max(0, now - receivedAt);
}

/** The moment of an HTTP date in one of its three forms (RFC 9110 §5.6.7), or `undefined` if it is none. */
export function timeOf(date: string | null): number | undefined {
  // Engines take much more for a date, such as "0"; and the form of asctime for one of this place.
  if (!/^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? .*\d\d:\d\d:\d\d/.test(date ?? "")) {
    return undefined;
  }
  const time = Date.parse(/GMT$/.test(date!) ? date! : `${date} GMT`);
  return Number.isNaN(time) ? undefined : time;
}

function untilExpiry(headers: Headers, { receivedAt }: StoredResponse): number | undefined {
  const expires = headers.get("expires");
  if (expires === null) return undefined;
  // What is no date, above all "0", has expired.
  const time = timeOf(expires);
  return time === undefined ? 0 : Math.max(0, time - (timeOf(headers.get("date")) ?? receivedAt));
}
