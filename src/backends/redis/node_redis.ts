/**
 * Connections by node-redis (`@redis/client`), which is loaded for the first one.
 *
 * Of the clients that run on Deno, Bun and Node it spends the least time on many commands at once: 2 µs each, where
 * ioredis spends 7. Its queue for bad times, its reconnecting and its deadlines are off: they would send commands twice or
 * late, and `client_wire.ts` knows which may be.
 *
 * @module
 */

import type { Connect } from "./connection.ts";
import type { ServerAddress } from "./server_address.ts";

/** How to connect to the server. */
export function nodeRedis(address: ServerAddress, connectTimeout: number): Connect {
  const { host, port, path, username, password, database, tls } = address;
  const place = path === undefined ? { host, port } : { path };
  return async (lost, signal) => {
    const { createClient } = await import("@redis/client");
    const client = createClient({
      RESP: 2,
      database,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      socket: { ...tls, ...place, ...(tls && { tls: true }), connectTimeout, reconnectStrategy: false } as object,
      commandOptions: { timeout: undefined } as object,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: "disabled",
    });
    let isOpen = false;
    // It has a listener in any case: without one an error of the socket would end the process.
    client.on("error", () => {
      if (isOpen) lost();
      isOpen = false;
    });
    const tooLate = new Promise<never>((_, reject) => {
      // Destroyed in the middle of its greeting, it would not say so.
      signal.addEventListener("abort", () => {
        client.destroy();
        reject(signal.reason);
      });
    });
    await Promise.race([client.connect(), tooLate]);
    isOpen = true;
    return {
      run: (command) => client.sendCommand(command as string[]),
      close: () => {
        isOpen = false;
        client.destroy();
      },
    };
  };
}
