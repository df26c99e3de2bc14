/**
 * `fetch` with a cache.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import { checkOptions } from "../core/options.ts";
import { HTTP_OPTIONS, HttpCache, type HttpCacheOptions, type HttpEntry, type HttpRegion } from "./http/http_cache.ts";
import type { StoredResponse } from "./http/stored_response.ts";
import type { Personal } from "./http/storing.ts";
import type { Variants } from "./http/variants.ts";

export type { HttpCacheOptions, HttpEntry, HttpRegion, Personal, StoredResponse, Variants };

/** What {@linkcode cachedFetch} is told. */
export interface CachedFetchOptions extends HttpCacheOptions {
  /** What asks the origin. @default {the global `fetch`} */
  readonly fetch?: ((request: Request) => Awaitable<Response>) | undefined;
  /** Keeps a worker alive until work in the background is done. @default {nothing} */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/**
 * A `fetch` that keeps answers in a region, as a shared HTTP cache does (RFC 9111, RFC 5861): for as long as their
 * `Cache-Control` or `Expires` says, one for each variant that `Vary` names, and longer where `stale-while-revalidate` or
 * `stale-if-error` allows. What is no longer fresh is asked for with its `ETag` or date, and confirmed by a 304. Requests
 * for the same at the same time are one. A request that changes a thing makes the cache forget it.
 *
 * It keeps no answer that sets a cookie, is `private`, or is for an `Authorization`, unless `keep` or (for the last) the
 * answer itself says so; no part of a thing, and nothing that a redirect led to. Each answer says in `Cache-Status` where
 * it is from. The `ttl` of the region does not count.
 *
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { Region } from "@everymap/everymap";
 * import { cachedFetch } from "@everymap/everymap/cache/cached-fetch";
 * import { assert, assertEquals } from "@std/assert";
 *
 * let calls = 0;
 * const fetch = cachedFetch(new Region({ ttl: Infinity }), {
 *   fetch: () => new Response(`answer ${++calls}`, { headers: { "cache-control": "max-age=60" } }),
 * });
 * await fetch("https://example.com/");
 * const answer = await fetch("https://example.com/");
 * assertEquals(await answer.text(), "answer 1");
 * assert(answer.headers.get("cache-status")?.startsWith("everymap; hit"));
 * ```
 */
export function cachedFetch(
  region: HttpRegion,
  options: CachedFetchOptions = {},
): (input: Request | URL | string, init?: RequestInit) => Promise<Response> {
  const { fetch, ...rest } = options;
  checkOptions("cachedFetch", options, [...HTTP_OPTIONS, "fetch", "waitUntil"]);
  const { waitUntil, ...how } = rest;
  const cache = new HttpCache(region, how);
  const ask = (request: Request) => fetch ? fetch(request) : globalThis.fetch(request);
  return async (input, init) => await cache.answer(new Request(input, init), { ask, waitUntil });
}
