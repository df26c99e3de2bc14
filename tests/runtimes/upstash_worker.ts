/**
 * A worker that judges a store in Redis over HTTP by one law per request.
 *
 * @module
 */

import { upstash } from "../../src/backends/upstash.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** What a request tells: the law, the database, where in it there is room, and how to let its time pass. */
export interface UpstashTrial {
  readonly title: string;
  readonly database: { readonly url: string; readonly token: string };
  readonly place: { readonly prefix?: string; readonly hash?: string; readonly revision: boolean };
  readonly ahead: number;
  readonly expire: string;
}

/** What a store in Redis can do. */
export function supportsOf(revision: boolean) {
  return { list: true, order: false, ttl: true, create: true, swap: true, stream: false, revision };
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { title, database, place, ahead, expire } = await request.json() as UpstashTrial;
    const law = storeLawsFor(supportsOf(place.revision)).find((law) => law.title === title);
    if (!law) return new Response("no such law");
    try {
      await law.run({
        versionsTellContents: true,
        make: (clock) => {
          clock.advance(ahead);
          return {
            open: () => upstash(database, { ...place, now: clock.now }),
            advance: async (milliseconds) => {
              clock.advance(milliseconds);
              const body = JSON.stringify(["EVAL", expire, 0, clock.now()]);
              const url = `${database.url}?_token=${database.token}`;
              await (await fetch(url, { method: "POST", body })).text();
            },
          };
        },
      });
      return new Response("kept");
    } catch (error) {
      return new Response(`${error instanceof Error ? error.stack ?? error : error}`);
    }
  },
};
