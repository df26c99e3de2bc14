/**
 * The directives of a `Cache-Control` field (RFC 9111 §5.2).
 *
 * @module
 */

/** Directives by their name in lower case; those without an argument are `true`. */
export type CacheControl = ReadonlyMap<string, string | true>;

/** A name, and perhaps an argument that is a token or a quoted string. */
const DIRECTIVE = /([^\s,=;"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g;

/** RFC 9111 §1.2.2: what is more is as good as this. */
const LONGEST = 2 ** 31;

/**
 * The directives of a request or an answer; of equal ones the first counts. A request that says only `Pragma: no-cache`
 * has said `no-cache` (§5.4).
 */
export function cacheControlOf(headers: Headers, isRequest = false): CacheControl {
  const directives = new Map<string, string | true>();
  const field = headers.get("cache-control");
  for (const [, name = "", quoted, token] of (field ?? "").matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted?.replace(/\\(.)/g, "$1") ?? token ?? true);
  }
  if (isRequest && field === null && /\bno-cache\b/i.test(headers.get("pragma") ?? "")) {
    directives.set("no-cache", true);
  }
  return directives;
}

/** The milliseconds of a directive that is a number of seconds; `0` if it is none, `undefined` if it is not there. */
export function millisecondsOf(directives: CacheControl, name: string): number | undefined {
  const seconds = directives.get(name);
  if (seconds === undefined) return undefined;
  return typeof seconds === "string" && /^\d+$/.test(seconds) ? Math.min(Number(seconds), LONGEST) * 1000 : 0;
}
