/**
 * What a stored answer is good for when it is asked for.
 *
 * @module
 */

import { type CacheControl, millisecondsOf } from "./cache_control.ts";
import { ageOf, freshnessOf, type FreshnessRules } from "./freshness.ts";
import type { StoredResponse } from "./stored_response.ts";

/** What it is good for: as it is, while a new one is fetched, or nothing without its origin's word. */
export type Usability = "fresh" | "stale" | "none";

/** What it is good for, for a request with these directives; `isStale` if somebody has said that it is. */
export function usabilityOf(
  stored: StoredResponse,
  { directives, rules, isStale, now }: {
    readonly directives: CacheControl;
    readonly rules: FreshnessRules;
    readonly isStale: boolean;
    readonly now: number;
  },
): Usability {
  const age = ageOf(stored, now);
  const { fresh, whileRevalidate, stale } = freshnessOf(stored, rules);
  if (directives.has("no-cache") || age > (millisecondsOf(directives, "max-age") ?? Infinity)) return "none";
  if (fresh - age < (millisecondsOf(directives, "min-fresh") ?? -Infinity)) return "none";
  if (!isStale && age < fresh) return "fresh";
  if (stale && directives.has("max-stale")) {
    const most = directives.get("max-stale") === true ? Infinity : millisecondsOf(directives, "max-stale")!;
    if (age < fresh + most) return "fresh";
  }
  return fresh < whileRevalidate && age < whileRevalidate ? "stale" : "none";
}
