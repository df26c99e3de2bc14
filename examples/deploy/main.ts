/**
 * Pages on Deno Deploy: rendered by Vento, with a menu that lives longer than a page, behind a cache for HTTP.
 *
 * ```sh
 * deno run --allow-net --allow-env --allow-read examples/deploy/main.ts
 * ```
 *
 * @module
 */

import { lru, memoize, Region, Store } from "@everymap/everymap";
import { cachedHandler } from "@everymap/everymap/cache/cached-handler";
import { cachedTag } from "@everymap/everymap/cache/vento";
import vento from "ventojs";

// Memory of this instance; with `upstash(Deno.env.toObject())` in its place all instances share it.
const store = new Store(lru({ maxEntries: 10_000 }));
const regions = {
  parts: new Region<string>({ store, name: "parts", ttl: { hours: 1 } }),
  data: new Region({ store, name: "data", ttl: { minutes: 5 }, staleIfError: { days: 1 } }),
  answers: new Region({ store, name: "answers", ttl: Infinity }),
};

/** How often something was done, for those who wonder whether it is cached. */
export const counts = { menus: 0, pages: 0, towns: 0 };

const loadTown = memoize(async function loadTown(name: string) {
  counts.towns++;
  // In real life a question to a database.
  return await Promise.resolve(name === "nowhere" ? null : { name, inhabitants: name.length * 1000 });
}, { region: regions.data });

const templates = vento({ autoescape: true });
templates.use(cachedTag({ regions: { parts: regions.parts } }));
const PAGE = `<!doctype html><title>{{ town.name }}</title>
{{ cached "menu" }}<nav>menu {{ menu() }}</nav>{{ /cached }}
<p>{{ town.name }} has {{ town.inhabitants }} inhabitants.</p>
`;

/** Answers requests for `/<town>`. */
export const handler: (request: Request) => Promise<Response> = cachedHandler(regions.answers, async (request) => {
  const town = await loadTown(decodeURIComponent(new URL(request.url).pathname.slice(1)));
  if (!town) return new Response("There is no such town", { status: 404, headers: { "cache-control": "max-age=60" } });
  counts.pages++;
  const { content } = await templates.runString(PAGE, { town, menu: () => ++counts.menus });
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "max-age=60, stale-while-revalidate=600, stale-if-error=86400",
    etag: `"${town.inhabitants}"`,
  };
  return new Response(content, { headers });
});

if (import.meta.main) Deno.serve({ port: Number(Deno.env.get("PORT") ?? 8000) }, handler);
