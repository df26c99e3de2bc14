/**
 * Which answers a cache may keep (RFC 9111 §3).
 *
 * @module
 */

import { cacheControlOf } from "./cache_control.ts";

/** An answer that is meant for one user and that a cache keeps only when it is told to. */
export type Personal = "authorization" | "private" | "set-cookie";

/** RFC 9110 §15.1: what may be kept without being told how long. */
const CACHEABLE: readonly number[] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/** What a cache has to understand, and this one does not (RFC 9111 §3.3, §3.4). */
const NOT_UNDERSTOOD: readonly number[] = [206, 304];

/** Whether the answer to this request may be kept for others, or for those whom `keep` names. */
export function isStorable(request: Request, response: Response, keep: readonly Personal[]): boolean {
  const { headers, status } = response;
  const directives = cacheControlOf(headers);
  if (directives.has("no-store") || cacheControlOf(request.headers, true).has("no-store")) return false;
  if (status < 200 || NOT_UNDERSTOOD.includes(status) || headers.has("content-range")) return false;
  if (headers.get("content-type")?.startsWith("text/event-stream")) return false;
  if (directives.has("must-understand") && !CACHEABLE.includes(status)) return false;
  if (headers.get("vary")?.includes("*")) return false;
  // What `fetch` was led to by way of others stands under their rules, too.
  if (response.redirected) return false;
  if (directives.has("private") && !keep.includes("private")) return false;
  if (headers.has("set-cookie") && !keep.includes("set-cookie")) return false;
  if (request.headers.has("authorization") && !keep.includes("authorization")) {
    if (!["public", "s-maxage", "must-revalidate"].some((name) => directives.has(name))) return false;
  }
  return CACHEABLE.includes(status) || headers.has("expires") ||
    ["public", "private", "max-age", "s-maxage"].some((name) => directives.has(name));
}

/** Whether the answer is for one user, so that it must not go to others who asked for the same at the same time. */
export function isPersonal(request: Request, { headers }: Response): boolean {
  const directives = cacheControlOf(headers);
  return directives.has("no-store") || directives.has("private") || headers.has("set-cookie") ||
    request.headers.has("authorization");
}
