/**
 * `@upstash/redis` with its traps closed: one method of it, which sends what it is given and answers what came.
 *
 * What it would do by itself is off: reading values as JSON, collecting calls and sending them in another order, sending
 * again what may have run (with `retry: false` it still does, once), telling about the runtime. Base64 is off as well, since
 * its decoder drops byte order marks; everything that is stored is text, and JSON keeps that. Its errors, which quote
 * commands, go no further than `failures.ts`.
 *
 * @module
 */

import { type Requester, requesterOf, type Road } from "./requester.ts";

/** The road by a client of our own. */
export async function ownClient(url: string, token: string): Promise<Road> {
  // Of its builds this one reads no environment and works everywhere.
  const { Redis } = await import("@upstash/redis/cloudflare");
  const client = new Redis({
    url,
    token,
    retry: { retries: 0 },
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    responseEncoding: false,
    // Bun closes the connection without it; browsers take no more than 64 KiB with it.
    keepAlive: "Bun" in globalThis,
  });
  return roadOf(requesterOf(client)!);
}

/** The road by the requester of a client that is there. */
export function givenClient(requester: Requester): Road {
  return roadOf(ownView(requester));
}

function roadOf(requester: Requester): Road {
  return (body, { signal, repeatable }) => {
    const request = () => requester.request({ path: ["pipeline"], body, signal });
    return "Deno" in globalThis && !repeatable ? sentOnce(request) : request();
  };
}

/**
 * Deno's `fetch` sends a request again if the connection, used before, breaks before the answer: but not one with a body
 * that it cannot read twice. The client has no place to say so; it calls `fetch` before it waits for anything, so nobody
 * else meets the one that is there meanwhile.
 */
function sentOnce(request: () => Promise<unknown>): Promise<unknown> {
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => fetch(input, { ...init, body: readOnce(init?.body as string) });
  try {
    return request();
  } finally {
    globalThis.fetch = fetch;
  }
}

/** A body that cannot be read twice; of those the one that costs least. */
function readOnce(text: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

/** The same requester with options of our own. */
function ownView(requester: Requester): Requester {
  const { retry, options, headers } = requester;
  // Somebody's own requester has none of these and does as it likes.
  if (!retry || !headers) return requester;
  const { "Upstash-Encoding": _, ...rest } = headers;
  const view = Object.create(requester, {
    retry: { value: { attempts: 0, backoff: () => 0 } },
    options: { value: { ...options, responseEncoding: false } },
    headers: { value: rest },
    // What one of both has written, the other one reads.
    upstashSyncToken: {
      get: () => requester.upstashSyncToken,
      set: (token: string) => void (requester.upstashSyncToken = token),
    },
  });
  // Not the middleware that its owner may have put over it: that leads back to the options of the owner.
  const { request } = Object.getPrototypeOf(requester) as Requester;
  return { request: (what) => request.call(view, what) };
}
