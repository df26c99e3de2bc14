/**
 * A worker with cache regions in front of slow pages: each request says what it got and how often pages were made.
 *
 * @module
 */

import { memory } from "../../src/backends/memory.ts";
import { upstash } from "../../src/backends/upstash.ts";
import { Region } from "../../src/cache/region.ts";
import { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { faulty } from "../../src/testing/faulty.ts";

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

/** Where a Redis answers over HTTP. */
interface Environment {
  readonly REDIS_URL: string;
  readonly REDIS_TOKEN: string;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let clock: FakeClock | undefined;
const regions = new Map<string, Region<string>>();
const made = new Map<string, number>();

function regionOf(name: string, environment: Environment): Region<string> {
  let region = regions.get(name);
  if (region) return region;
  // Before the first request the time stands at 0; ahead of a server's own, so that nothing expires there by itself.
  const { now } = clock ??= new FakeClock(Date.now() + 3_600_000);
  const stores: Readonly<Record<string, () => Store<unknown>>> = {
    far: () => new Store<unknown>(faulty(memory<unknown>({ now }), { fault: "none", gate: () => pause(1) })),
    http: () => new Store<unknown>(upstash({ url: environment.REDIS_URL, token: environment.REDIS_TOKEN }, { now })),
  };
  region = new Region<string>({ store: stores[name]?.(), ttl: 1000, staleWhileRevalidate: 60_000, now });
  regions.set(name, region);
  return region;
}

export default {
  async fetch(request: Request, environment: Environment, context: Context): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const name = pathname.slice(1);
    const region = regionOf(name, environment);
    clock!.advance(Number(searchParams.get("later") ?? 0));
    if (searchParams.has("invalidate")) await region.invalidate();
    const create = async () => {
      await pause(20);
      made.set(name, (made.get(name) ?? 0) + 1);
      return `page ${made.get(name)}`;
    };
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    const callers = Array.from({ length: 100 }, () => region.getOrCreate("home", create, { waitUntil }));
    const pages = new Set(await Promise.all(callers));
    return Response.json({ pages: [...pages], made: made.get(name), scope: region.scope });
  },
};
