/**
 * A worker whose requests share one store, and leave a write behind that nobody waits for.
 *
 * @module
 */

import { upstash } from "../../src/backends/upstash.ts";
import { Store } from "../../src/core/store.ts";

let store: Store<unknown> | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    const { url = "", token = "", index = "" } = Object.fromEntries(new URL(request.url).searchParams);
    store ??= new Store(upstash({ url, token }, { prefix: "shared:" }));
    try {
      await store.set(`key${index}`, `value${index}`);
      await store.set("count", Number(index));
      // The same key again, so that the next request has to wait for it.
      store.set("count", Number(index) + 1).catch(() => {});
      return new Response(`${await store.get(`key${index}`)}`);
    } catch (error) {
      return new Response(`${error}`);
    }
  },
};
