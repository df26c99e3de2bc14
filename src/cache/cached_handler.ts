/**
 * HTTP handlers with a cache in front of them.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import { HTTP_OPTIONS, HttpCache, type HttpCacheOptions, type HttpEntry, type HttpRegion } from "./http/http_cache.ts";
import { checkOptions } from "../core/options.ts";
import type { StoredResponse } from "./http/stored_response.ts";
import type { Personal } from "./http/storing.ts";
import type { Variants } from "./http/variants.ts";

export type { HttpCacheOptions, HttpEntry, HttpRegion, Personal, StoredResponse, Variants };

/** What {@linkcode cachedHandler} is told; `Rest` is what a handler is given beside the request. */
export interface CachedHandlerOptions<Rest extends unknown[]> extends HttpCacheOptions {
  /** Keeps a worker alive until work in the background is done: `(work, env, context) => context.waitUntil(work)`. @default {nothing} */
  readonly waitUntil?: ((work: Promise<unknown>, ...rest: Rest) => void) | undefined;
}

/**
 * A handler with a cache in front of it, which keeps its answers as `cachedFetch()` keeps those of others. Conditional
 * requests of clients are answered from the cache, too.
 *
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { Region } from "@everymap/everymap";
 * import { cachedHandler } from "@everymap/everymap/cache/cached-handler";
 * import { assertEquals } from "@std/assert";
 *
 * let calls = 0;
 * const handler = cachedHandler(new Region({ ttl: Infinity }), () => {
 *   const headers = { "cache-control": "max-age=60, stale-while-revalidate=600", etag: '"1"' };
 *   return new Response(`page ${++calls}`, { headers });
 * }); // Deno.serve(handler), or export default { fetch: handler }
 *
 * await handler(new Request("https://example.com/"));
 * const again = new Request("https://example.com/", { headers: { "if-none-match": '"1"' } });
 * assertEquals((await handler(again)).status, 304);
 * assertEquals(calls, 1);
 * ```
 */
export function cachedHandler<Rest extends unknown[]>(
  region: HttpRegion,
  handler: (request: Request, ...rest: Rest) => Awaitable<Response>,
  options: CachedHandlerOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  checkOptions("cachedHandler", options, [...HTTP_OPTIONS, "waitUntil"]);
  const { waitUntil, ...how } = options;
  const cache = new HttpCache(region, how);
  return async (request, ...rest) =>
    await cache.answer(request, {
      ask: (request) => handler(request, ...rest),
      waitUntil: waitUntil && ((work) => waitUntil(work, ...rest)),
    });
}
