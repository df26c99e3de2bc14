/**
 * A worker that judges S3 by one law per request.
 *
 * @module
 */

import { s3 } from "../../src/backends/s3.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** What a request tells: the law, the gateway, and where in the bucket there is room. */
export interface S3Trial {
  readonly title: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly prefix: string;
}

/** What a bucket can do. */
export const SUPPORTS = { list: true, order: true, ttl: true, create: true, swap: true, stream: true, revision: false };

export default {
  async fetch(request: Request): Promise<Response> {
    const { title, prefix, ...gateway } = await request.json() as S3Trial;
    const law = storeLawsFor(SUPPORTS).find((law) => law.title === title);
    if (!law) return new Response("no such law");
    try {
      await law.run({
        refusesKey: (key) => key === "" || key.includes("\0") || /(^|\/)\.\.?(\/|$)/.test(key),
        make: ({ now }) => ({ open: () => s3({ bucket: "bucket", prefix, ...gateway, conditionalWrites: true, now }) }),
      });
      return new Response("kept");
    } catch (error) {
      return new Response(`${error instanceof Error ? error.stack ?? error : error}`);
    }
  },
};
