/**
 * An answer over HTTP as a value that every store keeps.
 *
 * @module
 */

/** An answer with what has to be known to use it again. Plain, so that every codec keeps it. */
export interface StoredResponse {
  /** Its status. */
  readonly status: number;
  /** Its reason phrase. */
  readonly statusText: string;
  /** Its fields, without those that concern one connection. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Its content. */
  readonly body: Uint8Array;
  /** Address it came from, if it came from `fetch`. */
  readonly url: string;
  /** When it was asked for, in milliseconds since the epoch. */
  readonly requestedAt: number;
  /** When it began to arrive, in milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** RFC 9110 §7.6.1, and what has to do with one way of proxies. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Answers that have no content. */
const EMPTY: readonly number[] = [204, 205, 304];

/** When an answer was asked for and when it began to arrive. */
export interface Moments {
  readonly requestedAt: number;
  readonly receivedAt: number;
}

/** The answer and its content as a value. */
export function toStored(response: Response, body: Uint8Array, { requestedAt, receivedAt }: Moments): StoredResponse {
  const headers = new Headers(response.headers);
  for (const name of headers.get("connection")?.split(",") ?? []) {
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(name.trim())) headers.delete(name.trim());
  }
  for (const name of HOP_BY_HOP) headers.delete(name);
  if (response.url !== "") {
    // `fetch` has taken the content coding off, but left its name.
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  const { status, statusText, url } = response;
  return { status, statusText, headers: [...headers], body, url, requestedAt, receivedAt };
}

/** The value as an answer again, with more or other fields. */
export function toResponse(stored: StoredResponse, fields: Readonly<Record<string, string>> = {}): Response {
  const headers = headersOf(stored);
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  const { status, statusText, url } = stored;
  // A copy, because a store in memory hands out what it keeps.
  const body = EMPTY.includes(status) ? null : stored.body.slice();
  const response = new Response(body, { status, statusText, headers });
  return url === "" ? response : Object.defineProperty(response, "url", { value: url });
}

/** The fields of a stored answer. */
export function headersOf(stored: StoredResponse): Headers {
  return new Headers(stored.headers.map(([name, value]): [string, string] => [name, value]));
}
