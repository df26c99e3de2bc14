/**
 * A proxy in front of a TCP server that counts what goes through, and fails as it is told.
 *
 * @module
 */

import { connect, createServer, type Socket } from "node:net";

/** What happens to what comes next. */
export type TcpFault =
  /** It goes through. */
  | "pass"
  /** The server does what it is asked, and its answer gets lost with the connection. */
  | "lose answer"
  /** Half of the answer, then the connection ends. */
  | "half"
  /** Something else in place of the answer. */
  | "garbage"
  /** Nothing is answered, and the connection stays; what is sent does not arrive either once it hangs. */
  | "hang"
  /** Connections end as soon as they are made. */
  | "refuse";

/** A running proxy. */
export interface TcpProxy {
  readonly port: number;
  readonly address: string;
  /** What happens to the next answers, one after the other. */
  faults: TcpFault[];
  /** What happens after that. */
  fault: TcpFault;
  /** How long answers that go through take more, in milliseconds. */
  delay: number;
  /** What clients sent, write by write. */
  readonly sent: string[];
  /** How many connections there were. */
  connections: number;
  /** Ends all connections. */
  cut(): void;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of loopback, to another one. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((near) => {
    proxy.connections++;
    track(near);
    if (proxy.fault === "refuse") return void near.destroy();
    const far = track(connect(target, "127.0.0.1"));
    let isHanging = false;
    near.on("data", (bytes: Uint8Array) => {
      if (proxy.fault === "hang") return;
      proxy.sent.push(new TextDecoder("latin1").decode(bytes));
      far.write(bytes);
    });
    far.on("data", (bytes: Uint8Array) => {
      const next = isHanging ? "hang" : proxy.faults.shift();
      const fault = next ?? proxy.fault;
      if (fault === "pass" && proxy.delay > 0) setTimeout(() => near.write(bytes), proxy.delay);
      else if (fault === "pass") near.write(bytes);
      else if (fault === "lose answer") near.destroy();
      else if (fault === "half") near.write(bytes.subarray(0, bytes.length >> 1), () => near.destroy());
      else if (fault === "garbage") near.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      // One of the queue stays with its connection.
      else if (next) isHanging = true;
    });
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: TcpProxy = {
    port,
    address: `127.0.0.1:${port}`,
    faults: [],
    fault: "pass",
    delay: 0,
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
