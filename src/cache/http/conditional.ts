/**
 * Conditional requests: a stored answer that is confirmed instead of sent again (RFC 9110 §13, RFC 9111 §4.3).
 *
 * @module
 */

import { timeOf } from "./freshness.ts";
import { headersOf, type Moments, type StoredResponse, toStored } from "./stored_response.ts";

/** What a 304 does not change: what describes the content, and what is for one client. */
const KEPT = ["content-encoding", "content-length", "content-range", "content-type", "set-cookie"];
/** What a 304 tells (RFC 9110 §15.4.5). */
const IN_CONFIRMATION = [
  "age",
  "cache-control",
  "cache-status",
  "content-location",
  "date",
  "etag",
  "expires",
  "last-modified",
  "set-cookie",
  "vary",
];

/** The request as it goes to the origin: without its own conditions, and with those of what is stored. */
export function toRevalidation(request: Request, stored: StoredResponse | undefined, signal: AbortSignal): Request {
  const asked = new Request(request, { signal });
  // Afterwards, because Bun takes empty headers for none given.
  const { headers } = asked;
  headers.delete("if-none-match");
  headers.delete("if-modified-since");
  if (stored) {
    const known = headersOf(stored);
    const etag = known.get("etag");
    const modified = known.get("last-modified");
    if (etag !== null) headers.set("if-none-match", etag);
    if (modified !== null) headers.set("if-modified-since", modified);
  }
  return asked;
}

/** Whether it can be confirmed. */
export function hasValidator(stored: StoredResponse): boolean {
  const headers = headersOf(stored);
  return headers.has("etag") || headers.has("last-modified");
}

/** What is stored, with the fields of the 304 that confirms it (RFC 9111 §3.2). */
export function confirmed(stored: StoredResponse, response: Response, moments: Moments): StoredResponse {
  const headers = headersOf(stored);
  // Its age is that of the answer before.
  headers.delete("age");
  for (const [name, value] of toStored(response, stored.body, moments).headers) {
    if (!KEPT.includes(name)) headers.set(name, value);
  }
  return { ...stored, ...moments, headers: [...headers] };
}

/** The 304 for a client that has this answer already, or `undefined` if it has not. */
export function notModified(request: Request, response: Response): Response | undefined {
  if (response.status !== 200) return undefined;
  const wanted = request.headers.get("if-none-match");
  const etag = response.headers.get("etag");
  if (wanted !== null) {
    if (etag === null || !(wanted.trim() === "*" || tagsIn(wanted).includes(weak(etag)))) return undefined;
  } else {
    const since = timeOf(request.headers.get("if-modified-since"));
    const modified = timeOf(response.headers.get("last-modified"));
    if (since === undefined || modified === undefined || modified > since) return undefined;
  }
  const headers = new Headers();
  for (const [name, value] of response.headers) if (IN_CONFIRMATION.includes(name)) headers.append(name, value);
  return new Response(null, { status: 304, headers });
}

function tagsIn(field: string): string[] {
  return [...field.matchAll(/(?:W\/)?"[^"]*"/g)].map(([tag]) => weak(tag));
}

// RFC 9110 §13.1.2 compares weakly.
function weak(tag: string): string {
  return tag.replace(/^W\//, "");
}
