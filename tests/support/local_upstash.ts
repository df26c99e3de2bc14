/**
 * The local Upstash for tests, on a free port of loopback.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { upstashServer } from "../../src/tools/upstash_server.ts";
import { serve } from "./serve.ts";

/** A running local Upstash; what `upstash()` takes. */
export interface LocalUpstash {
  readonly url: string;
  readonly token: string;
  stop(): Promise<void>;
}

/** Starts one in front of the Redis of this URL. */
export async function startLocalUpstash(redis: string): Promise<LocalUpstash> {
  const token = randomUUID();
  const server = upstashServer(redis, { token });
  const { endpoint, stop } = await serve(server);
  return {
    url: endpoint,
    token,
    async stop() {
      await stop();
      await server.close();
    },
  };
}
