/**
 * Durable maps that are as fresh as the request: one question for each, however much the handler reads.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import type { CallOptions } from "../core/backend.ts";
import { checkOptions } from "../core/options.ts";

/** What {@linkcode syncPerRequest} asks: a `DurableMap`. */
export interface Syncing {
  /** Asks the store, and fetches what has changed. */
  sync(options?: CallOptions): Promise<unknown>;
}

/** How {@linkcode syncPerRequest} behaves. */
export interface SyncPerRequestOptions {
  /** What happens to a request while a store does not answer: it sees what was known last, or fails. @default {"stale"} */
  readonly onOutage?: "stale" | "throw" | undefined;
}

/**
 * A fetch handler that syncs durable maps before each request, so that maps with `autosync: false` answer the whole request
 * from one state: `snapshot`, or `get()` without a question.
 *
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { DurableMap, memory, Store } from "@everymap/everymap";
 * import { syncPerRequest } from "@everymap/everymap/cache/sync-per-request";
 * import { assertEquals } from "@std/assert";
 *
 * const shared = memory<string>();
 * const texts = await DurableMap.open(new Store(shared), { autosync: false });
 * const fetch = syncPerRequest(() => new Response(texts.snapshot.get("hello")), texts); // or app.fetch of Hono
 * await new Store(shared).set("hello", "Hello, world"); // somebody else
 * assertEquals(await (await fetch(new Request("http://localhost/"))).text(), "Hello, world");
 * ```
 */
export function syncPerRequest<Rest extends unknown[], Answer>(
  handler: (request: Request, ...rest: Rest) => Awaitable<Answer>,
  maps: Syncing | readonly Syncing[],
  options: SyncPerRequestOptions = {},
): (request: Request, ...rest: Rest) => Promise<Answer> {
  checkOptions("syncPerRequest", options, ["onOutage"]);
  const { onOutage = "stale" } = options;
  const all = "sync" in maps ? [maps] : [...maps];
  return async (request, ...rest) => {
    const { signal } = request;
    await Promise.all(all.map((map) =>
      map.sync({ signal }).catch((error) => {
        if (onOutage === "throw" || signal.aborted) throw error;
      })
    ));
    return await handler(request, ...rest);
  };
}
