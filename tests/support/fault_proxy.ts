/**
 * A proxy in front of an HTTP server that fails as it is told, and remembers what it was asked.
 *
 * @module
 */

import { createServer, type IncomingMessage, request as send, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What happens to one request. */
export type Fault =
  /** It goes through. */
  | "pass"
  /** The connection ends before the server hears of it. */
  | "cut"
  /** The server does it, and the answer gets lost. */
  | "lose answer"
  /** The answer breaks off in the middle of its body. */
  | "half"
  /** There is no answer. */
  | "hang"
  /** Somebody else answers. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

/** A request as it came. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

/** A running proxy. */
export interface FaultProxy {
  readonly endpoint: string;
  /** All requests so far. */
  readonly asked: Asked[];
  /** What happens to the next requests, one after the other; then all go through. */
  faults: Fault[];
  /** Which requests the faults are for. @default {all} */
  concerns: (asked: Asked) => boolean;
  /** Begins anew. */
  reset(...faults: Fault[]): void;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of loopback. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const all = () => true;
  const proxy: Omit<FaultProxy, "endpoint" | "stop"> = {
    asked: [],
    faults: [],
    concerns: all,
    reset(...faults) {
      this.asked.length = 0;
      this.faults = faults;
      this.concerns = all;
    },
  };
  const server = createServer((incoming, outgoing) => {
    const asked = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers };
    proxy.asked.push(asked);
    const fault = (proxy.concerns(asked) ? proxy.faults.shift() : undefined) ?? "pass";
    const chunks: Uint8Array[] = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("error", () => {});
    incoming.on("end", () => {
      if (fault === "hang") return;
      if (fault === "cut") return void incoming.socket.destroy();
      if (typeof fault === "object") {
        outgoing.writeHead(fault.status, fault.headers ?? {});
        return void outgoing.end(fault.body ?? "");
      }
      const { method, url: path, headers } = incoming;
      const forward = send({ hostname, port, method, path, headers, agent: false }, (answer) => {
        pass(fault, answer, incoming, outgoing);
      });
      forward.on("error", () => incoming.socket.destroy());
      for (const chunk of chunks) forward.write(chunk);
      forward.end();
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: own } = server.address() as { port: number };
  return Object.assign(proxy, {
    endpoint: `http://127.0.0.1:${own}`,
    stop: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  });
}

function pass(fault: Fault, answer: IncomingMessage, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const chunks: Uint8Array[] = [];
  answer.on("data", (chunk) => chunks.push(chunk));
  answer.on("error", () => incoming.socket.destroy());
  answer.on("end", () => {
    if (fault === "lose answer") return void incoming.socket.destroy();
    const { connection: _, ...headers } = answer.headers;
    outgoing.writeHead(answer.statusCode ?? 500, headers);
    if (fault !== "half") {
      for (const chunk of chunks) outgoing.write(chunk);
      return void outgoing.end();
    }
    const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    outgoing.write(whole.subarray(0, whole.length >> 1), () => incoming.socket.destroy());
  });
}
