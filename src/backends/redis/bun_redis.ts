/**
 * Connections by the client that Bun brings. It spends half the time of node-redis on one command after the other, and is
 * there without loading anything. It does not say why it cannot connect; `otherwise` does.
 *
 * @module
 */

import type { Connect } from "./connection.ts";
import type { ServerAddress } from "./server_address.ts";

interface BunClient {
  onclose: (() => void) | null;
  connect(): Promise<unknown>;
  send(name: string, args: string[]): Promise<unknown>;
  close(): void;
}

type BunClientClass = new (url: string, options: Readonly<Record<string, unknown>>) => BunClient;

/** How to connect to the server; on another runtime, and where this does not work, it is done `otherwise`. */
export function bunRedis(address: ServerAddress, connectionTimeout: number, otherwise: Connect): Connect {
  const { RedisClient } = (globalThis as { Bun?: { RedisClient?: BunClientClass } }).Bun ?? {};
  if (!RedisClient) return otherwise;
  const url = urlOf(address);
  // As with node-redis: it must not wait, resend or reconnect by itself.
  const alone = { autoReconnect: false, enableOfflineQueue: false, maxRetries: 0, idleTimeout: 0, connectionTimeout };
  return async (lost, signal) => {
    const client = new RedisClient(url, { ...alone, ...(address.tls && { tls: address.tls }) });
    let isOpen = false;
    client.onclose = () => {
      if (isOpen) lost();
      isOpen = false;
    };
    const giveUp = () => client.close();
    signal.addEventListener("abort", giveUp);
    try {
      await client.connect();
      // Of the URL of a socket it takes no database.
      if (address.database !== 0) await client.send("SELECT", [`${address.database}`]);
    } catch (error) {
      client.close();
      if (signal.aborted) throw error;
      return await otherwise(lost, signal);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
    isOpen = true;
    return {
      // Not taken apart by a pattern, which goes through an iterator.
      run: (command) => client.send(command[0]!, command.slice(1)),
      close: () => {
        isOpen = false;
        client.close();
      },
    };
  };
}

function urlOf({ host = "", port, path, username = "", password = "", tls }: ServerAddress): string {
  const user = username || password ? `${encodeURIComponent(username)}:${encodeURIComponent(password)}@` : "";
  if (path !== undefined) return `redis+unix://${user}${encodeURI(path)}`;
  return `${tls ? "rediss" : "redis"}://${user}${host.includes(":") ? `[${host}]` : host}:${port}`;
}
