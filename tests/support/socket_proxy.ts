/**
 * A proxy in front of a TCP server that counts what goes through, and fails as it is told.
 *
 * @module
 */

import { connect, createServer, type Socket } from "node:net";

/** What happens to what comes next. */
export type SocketFault =
  /** It goes through. */
  | "pass"
  /** What the server answers gets lost, and the connection ends. */
  | "lose answer"
  /** Nothing goes through, in either direction. */
  | "hang"
  /** Connections end as soon as they are made. */
  | "refuse";

/** A running proxy. */
export interface SocketProxy {
  readonly port: number;
  readonly address: string;
  fault: SocketFault;
  /** What clients sent, write by write. */
  readonly sent: string[];
  /** How many connections there were. */
  connections: number;
  /** Ends all connections. */
  cut(): void;
  stop(): Promise<void>;
}

/** Starts a proxy to a port of loopback. */
export async function startSocketProxy(target: number): Promise<SocketProxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    proxy.connections++;
    track(client);
    if (proxy.fault === "refuse") return void client.destroy();
    const upstream = connect(target, "127.0.0.1");
    track(upstream);
    client.on("data", (bytes) => {
      if (proxy.fault === "hang") return;
      proxy.sent.push(new TextDecoder("latin1").decode(bytes));
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (proxy.fault === "hang") return;
      if (proxy.fault === "lose answer") return void client.destroy();
      client.write(bytes);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: SocketProxy = {
    port,
    address: `127.0.0.1:${port}`,
    fault: "pass",
    sent: [],
    connections: 0,
    cut,
    stop: () =>
      new Promise<void>((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
  return proxy;
}
