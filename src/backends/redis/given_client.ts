/**
 * A client that the program has already, by the one method that it sends any command with.
 *
 * @module
 */

import type { Connect } from "./connection.ts";
import type { Command } from "./wire.ts";

/** A client of node-redis: `createClient()`. */
export interface NodeRedisLike {
  /** Sends a command. */
  sendCommand(command: string[]): Promise<unknown>;
}

/** A client of ioredis: `new Redis()`. */
export interface IoredisLike {
  /** Sends a command. */
  call(name: string, ...args: string[]): Promise<unknown>;
}

/** A client of Bun: `new RedisClient()`. */
export interface BunRedisLike {
  /** Sends a command. */
  send(name: string, args: string[]): Promise<unknown>;
}

/**
 * A client of one of these kinds. It must answer strings as text, and it is not closed with the store. How it reconnects,
 * and whether it sends again what was lost, as ioredis does unless told otherwise, is its own affair.
 */
export type RedisClientLike = NodeRedisLike | IoredisLike | BunRedisLike;

/** The client as a connection that is there already, or `undefined` if it is none. */
export function givenClient(client: RedisClientLike): Connect | undefined {
  const send = sender(client);
  const run = (command: Command) => {
    try {
      return send!(command);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return send && (() => Promise.resolve({ run, close: () => {} }));
}

function sender(client: Partial<NodeRedisLike & IoredisLike & BunRedisLike>) {
  // ioredis has a sendCommand() too, which takes something else.
  if (typeof client?.call === "function") {
    // A call passes only so many arguments; it takes them as a list, too.
    return ([name = "", ...args]: Command) => client.call!(name, ...(args.length > 9999 ? [args as never] : args));
  }
  if (typeof client?.sendCommand === "function") return (command: Command) => client.sendCommand!([...command]);
  if (typeof client?.send === "function") return ([name = "", ...args]: Command) => client.send!(name, args);
  return undefined;
}
