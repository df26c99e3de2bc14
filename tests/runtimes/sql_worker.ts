/**
 * A worker that judges a table of D1 by one law per request.
 *
 * @module
 */

import { type D1Like, sql } from "../../src/backends/sql.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** What a table can do. */
export const SUPPORTS = { list: true, order: true, ttl: true, create: true, swap: true, stream: false, revision: true };

let tables = 0;

export default {
  async fetch(request: Request, { DB }: { readonly DB: D1Like }): Promise<Response> {
    const title = await request.text();
    const law = storeLawsFor(SUPPORTS).find((law) => law.title === title);
    if (!law) return new Response("no such law");
    try {
      await law.run({
        refusesKey: (key) => key.includes("\0"),
        make: ({ now }) => {
          const table = `t${tables++}`;
          return { open: () => sql(DB, { table, create: true, revision: true, now }) };
        },
      });
      return new Response("kept");
    } catch (error) {
      return new Response(`${error instanceof Error ? error.stack ?? error : error}`);
    }
  },
};
