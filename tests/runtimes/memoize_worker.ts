/**
 * A worker that does what its path says with memoized functions, methods and answers.
 *
 * @module
 */

import { cached, memoOf } from "../../src/cache/cached.ts";
import { cachedFetch } from "../../src/cache/cached_fetch.ts";
import { cachedHandler } from "../../src/cache/cached_handler.ts";
import { callKey } from "../../src/cache/call_key.ts";
import { memoize } from "../../src/cache/memoize.ts";
import { memoizeMany } from "../../src/cache/memoize_many.ts";
import { Region } from "../../src/cache/region.ts";

interface Env {
  readonly SERVICE: string;
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

// Made while the worker starts, when nothing may throw dice or ask the network.
const region = new Region({ ttl: 60_000 });
let calls = 0;
const anonymous = memoize((n: number) => n + ++calls, { region });
const ask = memoize(async function ask(path: string, { SERVICE }: Env) {
  return await (await fetch(SERVICE + path)).text();
}, { region, key: (path) => path });
const squares = memoizeMany((numbers: number[]) => numbers.map((n) => n * n), { region, name: "squares" });
class Users {
  calls = 0;
  @cached({ region })
  async load(id: string): Promise<string> {
    return await Promise.resolve(`${id} ${++this.calls}`);
  }
}
const answers = new Region({ ttl: Infinity });
const get = cachedFetch(answers);
let pages = 0;
/** Work that goes on behind answers. */
const behind: Promise<unknown>[] = [];
const page = cachedHandler(answers, (_request: Request, _env: Env, _context: Context) => {
  const headers = { "cache-control": "max-age=0, stale-while-revalidate=60", etag: `"${++pages}"` };
  return new Response(`page ${pages}`, { headers });
}, {
  waitUntil: (work, _env, context) => {
    context.waitUntil(work);
    behind.push(work);
  },
});

const trials: Readonly<Record<string, (env: Env) => Promise<unknown>>> = {
  "/anonymous": async () => [await anonymous(1), await anonymous(1), await anonymous(2)],
  "/many": async () => [...await squares([1, 2]), ...await squares([2, 3])],
  "/method": async () => {
    const [ada, bob] = [new Users(), new Users()];
    await Promise.all([ada.load("x"), ada.load("x")]);
    await memoOf(ada.load).invalidate("x");
    return [await ada.load("x"), await bob.load("x")];
  },
  "/key": async () => await Promise.resolve(callKey([{ b: 1n, a: new Set([new Uint8Array([1])]) }, -0])),
  "/stampede": async (env) => await Promise.all([ask("/slow", env), ask("/slow", env)]),
  "/behind": async () => await Promise.all(behind),
  "/fetch": async ({ SERVICE }) => {
    const texts: (string | null)[] = [];
    for (let times = 0; times < 2; times++) {
      const answer = await get(`${SERVICE}/gzip`);
      texts.push(await answer.text(), answer.headers.get("content-encoding"), answer.headers.get("x-number"));
    }
    return texts;
  },
};

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/page") return await page(request, env, context);
    try {
      return Response.json(await trials[pathname]!(env));
    } catch (error) {
      return Response.json(error instanceof Error ? error.stack : `${error}`);
    }
  },
};
