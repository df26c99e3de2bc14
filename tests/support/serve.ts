/**
 * A handler of web requests on a free port of loopback, on every runtime.
 *
 * @module
 */

import { createServer } from "node:http";
import type { Socket } from "node:net";

/** A running server. */
export interface Served {
  /** Its address, without a slash at the end. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Serves until it is stopped; then open connections end at once. */
export async function serve(handler: (request: Request) => Promise<Response>): Promise<Served> {
  const sockets = new Set<Socket>();
  const server = createServer(async (incoming, outgoing) => {
    const ended = new AbortController();
    outgoing.on("close", () => ended.abort());
    outgoing.on("error", () => ended.abort());
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk);
    } catch {
      // The client has left before it said what it wants.
      return;
    }
    const { method = "GET", url, headers } = incoming;
    const request = new Request(`http://${headers.host}${url}`, {
      method,
      headers: Object.entries(headers).map(([name, value]): [string, string] => [name, `${value}`]),
      body: method === "GET" || method === "HEAD" ? null : new Blob(chunks as BlobPart[]),
      signal: ended.signal,
    });
    const response = await handler(request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.flushHeaders();
    const reader = response.body?.getReader();
    ended.signal.addEventListener("abort", () => void reader?.cancel().catch(() => {}));
    for (let part = await reader?.read(); part && !part.done; part = await reader!.read()) outgoing.write(part.value);
    outgoing.end();
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
