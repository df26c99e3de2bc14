/**
 * A connection to the Redis that a URL names, by node-redis, which is loaded for the first command.
 *
 * @module
 */

import { addressOf } from "../../backends/redis/server_address.ts";
import type { RedisConnection, RedisReply } from "./connection.ts";

const CONNECT_TIMEOUT = 5000;

/**
 * Connects on the first command, and anew on the first one after a break. What was on its way when the connection broke
 * fails and is not sent again.
 *
 * @throws {TypeError} If the URL names no Redis.
 */
export function dial(url: string): RedisConnection {
  const { host, port, path, username, password, database, tls } = addressOf(url);
  let opening: ReturnType<typeof open> | undefined;

  async function open() {
    const [{ createClient, RESP_TYPES }, { Buffer }] = await Promise.all([
      import("@redis/client"),
      import("node:buffer"),
    ]);
    const place = path === undefined ? { host, port } : { path };
    const client = createClient({
      RESP: 2,
      database,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      socket: {
        ...place,
        ...(tls && { tls: true }),
        connectTimeout: CONNECT_TIMEOUT,
        reconnectStrategy: false,
      } as object,
      commandOptions: { timeout: undefined } as object,
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: "disabled",
    });
    client.on("error", () => opening = undefined);
    await client.connect();
    // Integers as text keep all their digits; other text is bytes.
    const { BLOB_STRING, SIMPLE_STRING, NUMBER } = RESP_TYPES;
    const typeMapping = { [BLOB_STRING]: Buffer, [SIMPLE_STRING]: Buffer, [NUMBER]: String };
    const toArgument = (word: string | Uint8Array) =>
      typeof word === "string" ? word : Buffer.from(word.buffer, word.byteOffset, word.length);
    const send = (command: readonly (string | Uint8Array)[]) =>
      client.sendCommand(command.map(toArgument) as string[], { typeMapping });
    return { client, send };
  }

  const connected = () => {
    opening ??= open();
    opening.catch(() => opening = undefined);
    return opening;
  };

  return {
    async send(command) {
      const { send } = await connected();
      return withIntegers(await send(command));
    },
    async listen(kind, names, push, signal, lost) {
      const client = (await connected()).client.duplicate();
      client.on("error", () => lost?.());
      await client.connect();
      const end = () => client.isOpen && client.destroy();
      signal.addEventListener("abort", end, { once: true });
      try {
        for (const [index, name] of names.entries()) {
          if (kind === "subscribe") await client.subscribe(name, (text, from) => push(["message", from, text]), true);
          else await client.pSubscribe(name, (text, from) => push(["pmessage", name, from, text]), true);
          push([kind, name, index + 1]);
        }
      } catch (error) {
        end();
        throw error;
      }
      if (signal.aborted) end();
    },
    async close() {
      const { client } = await opening?.catch(() => undefined) ?? {};
      if (client?.isOpen) client.destroy();
    },
  };
}

function withIntegers(reply: unknown): RedisReply {
  if (Array.isArray(reply)) return reply.map(withIntegers);
  return typeof reply === "string" ? BigInt(reply) : reply as RedisReply;
}
