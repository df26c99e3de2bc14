/**
 * Messages of channels as server-sent events.
 *
 * @module
 */

import { textOf } from "./answers.ts";
import type { RedisConnection } from "./connection.ts";

/** A response that goes on until the reader or the request ends it: an event for each message, its parts behind commas. */
export async function eventStream(
  listen: NonNullable<RedisConnection["listen"]>,
  kind: "subscribe" | "psubscribe",
  names: readonly string[],
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const ended = new AbortController();
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: () => ended.abort(),
  });
  signal.addEventListener("abort", () => ended.abort(), { once: true });
  if (signal.aborted) ended.abort();
  await listen(
    kind,
    names,
    (message) => {
      if (ended.signal.aborted) return;
      // A line break would end the event.
      const lines = message.map(textOf).join().split(/\r\n|\r|\n/);
      controller.enqueue(encoder.encode(lines.map((line) => `data: ${line}\n`).join("") + "\n"));
    },
    ended.signal,
    () => {
      if (ended.signal.aborted) return;
      ended.abort();
      controller.close();
    },
  );
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache", ...headers },
  });
}
