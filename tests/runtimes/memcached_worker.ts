/**
 * A worker that judges memcached by one law per request.
 *
 * @module
 */

import { memcached } from "../../src/backends/memcached.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** What memcached can do. */
export const SUPPORTS = {
  list: false,
  order: false,
  ttl: true,
  create: true,
  swap: true,
  stream: false,
  revision: false,
};

export default {
  async fetch(request: Request): Promise<Response> {
    const { title, address } = await request.json() as { readonly title: string; readonly address: string };
    const law = storeLawsFor(SUPPORTS).find((law) => law.title === title);
    if (!law) return new Response("no such law");
    try {
      await law.run({
        make: async ({ now }) => {
          const broom = memcached(address);
          await broom.clear!();
          await broom.close!();
          return { open: () => memcached(address, { now }) };
        },
      });
      return new Response("kept");
    } catch (error) {
      return new Response(`${error instanceof Error ? error.stack ?? error : error}`);
    }
  },
};
