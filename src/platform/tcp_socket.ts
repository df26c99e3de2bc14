/**
 * A TCP connection as Deno, Bun, Node and, with `nodejs_compat`, workerd have it: `node:net`, loaded when one is opened.
 *
 * @module
 */

/** Where to connect: a host and a port, or the path of a Unix socket. */
export type TcpAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What happens to a connection. */
export interface TcpEvents {
  /** It is there. */
  onOpen(): void;
  /** Bytes came; they stay as they are. */
  onData(bytes: Uint8Array): void;
  /** It is gone, or never came to be; once. */
  onClose(cause: unknown): void;
}

/** An open connection, or one that is being opened. */
export interface TcpSocket {
  /** Sends all of it, in one go where it fits. */
  write(parts: readonly (string | Uint8Array)[]): void;
  /** Ends it at once. */
  destroy(): void;
}

interface NetSocket {
  write(part: string | Uint8Array): boolean;
  cork(): void;
  uncork(): void;
  destroy(): unknown;
  setNoDelay(noDelay: boolean): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "connect" | "close", listener: () => void): unknown;
}

interface Net {
  connect(address: TcpAddress): NetSocket;
}

/** Starts to connect; `undefined` on a runtime without TCP. */
export function connectTcp(address: TcpAddress, events: TcpEvents): TcpSocket | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: "node:net"): Net | undefined } };
  const net = process?.getBuiltinModule?.("node:net");
  if (!net) return undefined;
  const socket = net.connect(address);
  let cause: unknown;
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    events.onClose(cause);
  };
  socket.setNoDelay(true);
  socket.on("connect", () => events.onOpen());
  socket.on("data", (bytes) => events.onData(bytes));
  socket.on("error", (error) => cause ??= error);
  socket.on("close", close);
  return {
    write: (parts) => {
      if (parts.length === 1) return void socket.write(parts[0]!);
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    },
    destroy: () => {
      socket.destroy();
      // A runtime may take its time to say so.
      close();
    },
  };
}
