/**
 * A worker that runs one trial per request, by its number, and answers with what went wrong.
 *
 * @module
 */

import { trials } from "./worker_subjects.ts";

export default {
  async fetch(request: Request): Promise<Response> {
    const trial = trials[Number(new URL(request.url).pathname.slice(1))];
    try {
      await trial!.run();
      return new Response("kept");
    } catch (error) {
      return new Response(`broken: ${error instanceof Error ? error.stack ?? error.message : error}`);
    }
  },
};
