/**
 * A Cloudflare Worker: rates from a slow service, made once for all isolates in a Redis over HTTP, and files from a bucket.
 *
 * ```sh
 * npx wrangler deploy examples/worker/worker.ts
 * ```
 *
 * @module
 */

import { bytes, Region, Store } from "@everymap/everymap";
import { s3 } from "@everymap/everymap/backends/s3";
import { upstash } from "@everymap/everymap/backends/upstash";

/** Variables and secrets of the worker. */
export interface Env {
  readonly UPSTASH_REDIS_REST_URL: string;
  readonly UPSTASH_REDIS_REST_TOKEN: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly ASSETS_BUCKET: string;
  readonly ASSETS_ENDPOINT: string;
  readonly RATES_URL: string;
}

/** What a worker is given beside the request. */
interface Context {
  waitUntil(work: Promise<unknown>): void;
}

type Rates = Readonly<Record<string, number>>;

// For each request anew, which costs next to nothing: a worker must not wait for what another request has begun. That one
// request at a time asks the service, in all isolates, is seen to in Redis.
function open(env: Env) {
  const rates = new Region<Rates>({
    name: "rates",
    store: new Store(upstash(env, { prefix: "worker:" })),
    ttl: { minutes: 1 },
    staleWhileRevalidate: { hours: 1 }, // an answer at once, and a refresh behind it
    staleIfError: { days: 1 }, // for when the service is down
    onStoreError: "bypass", // for when Redis is
  });
  const { ASSETS_BUCKET: bucket, ASSETS_ENDPOINT: endpoint } = env;
  const assets = new Store(s3({ bucket, endpoint, credentials: { ...env } }), { codec: bytes() });
  return { rates, assets };
}

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const { rates, assets } = open(env);
    const [, place, name = ""] = /^\/(\w+)\/(.+)$/.exec(new URL(request.url).pathname) ?? [];
    if (place === "rates") {
      const create = async ({ signal }: { signal: AbortSignal }): Promise<Rates> => {
        const answer = await fetch(`${env.RATES_URL}/${name}`, { signal });
        if (!answer.ok) throw new Error(`The service of rates answered ${answer.status}`);
        return await answer.json();
      };
      return Response.json(
        await rates.getOrCreate(name, create, { waitUntil: (work) => context.waitUntil(work) }),
      );
    }
    if (place === "assets") {
      const found = await assets.entry(name);
      if (found) {
        const { contentType = "application/octet-stream", cacheControl = "max-age=60" } = found.metadata ?? {};
        return new Response(found.value as BodyInit, {
          headers: { "content-type": contentType, "cache-control": cacheControl },
        });
      }
    }
    return new Response("Not found", { status: 404 });
  },
};
