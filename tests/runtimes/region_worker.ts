/**
 * A worker with a cache region in front of slow pages: each request says what it got, how old it is, and how often pages
 * were made.
 *
 * @module
 */

import { Region } from "../../src/cache/region.ts";
import { memory } from "../../src/backends/memory.ts";
import { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { faulty } from "../../src/testing/faulty.ts";

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

const clock = new FakeClock(1_000_000);
const options = { ttl: 1000, staleWhileRevalidate: 60_000, now: clock.now } as const;
const near = new Region<string>(options);
// As over a network: the ways that are loaded later, too.
const far = new Region<string>({
  ...options,
  store: new Store<unknown>(faulty(memory<unknown>({ now: clock.now }), { fault: "none", gate: () => pause(1) })),
});
const made = { near: 0, far: 0 };

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export default {
  async fetch(request: Request, _: unknown, context: Context): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const name = pathname.slice(1) as "near" | "far";
    const region = { near, far }[name];
    clock.advance(Number(searchParams.get("later") ?? 0));
    if (searchParams.has("invalidate")) await region.invalidate();
    const create = async () => {
      await pause(20);
      return `page ${++made[name]}`;
    };
    const callers = Array.from(
      { length: 100 },
      () => region.getOrCreate("home", create, { waitUntil: (work) => context.waitUntil(work) }),
    );
    const pages = new Set(await Promise.all(callers));
    return Response.json({ pages: [...pages], made: made[name], scope: region.scope });
  },
};
