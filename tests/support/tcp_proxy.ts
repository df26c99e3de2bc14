/**
 * A proxy in front of a server that speaks over TCP; it fails as it is told.
 *
 * @module
 */

import { connect, createServer, type Socket } from "node:net";

/** What happens to what the server answers from now on. */
export type TcpFault =
  /** It goes through. */
  | "pass"
  /** The server does what it is asked, and its answer gets lost with the connection. */
  | "lose answer"
  /** Half of the answer, then the connection ends. */
  | "half"
  /** Something else in place of the answer. */
  | "garbage"
  /** Nothing comes any more, and the connection stays. */
  | "hang";

/** A running proxy. */
export interface TcpProxy {
  readonly port: number;
  /** What happens to the next answers, one after the other; then all go through. */
  faults: TcpFault[];
  /** How many connections there were. */
  connections: number;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of loopback. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const proxy = { faults: [] as TcpFault[], connections: 0 };
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((near) => {
    keep(near);
    proxy.connections++;
    const far = keep(connect(target, "127.0.0.1"));
    let isHanging = false;
    near.on("data", (chunk) => far.write(chunk));
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    far.on("data", (chunk: Uint8Array) => {
      const fault = isHanging ? "hang" : proxy.faults.shift() ?? "pass";
      if (fault === "pass") near.write(chunk);
      else if (fault === "lose answer") near.destroy();
      else if (fault === "half") near.write(chunk.subarray(0, chunk.length >> 1), () => near.destroy());
      else if (fault === "garbage") near.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      else isHanging = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return Object.assign(proxy, {
    port,
    stop: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  });
}
