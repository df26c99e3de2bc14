/**
 * A connection to the Redis that a URL names.
 *
 * @module
 */

import type { RedisConnection, RedisReply } from "./connection.ts";

/**
 * Connects on the first command, and anew after a break. What was on its way when the connection broke is not sent again.
 */
export function dial(url: string): RedisConnection {
  const loading = import("ioredis").then(({ Redis }) => {
    const redis = new Redis(url, {
      lazyConnect: true,
      stringNumbers: true,
      maxRetriesPerRequest: 1,
      autoResendUnfulfilledCommands: false,
    });
    // Who sends a command hears of it.
    redis.on("error", () => {});
    return redis;
  });
  return {
    async send([name, ...words]) {
      const redis = await loading;
      return withIntegers(await redis.callBuffer(`${name}`, ...words as (string | Buffer)[]));
    },
    async listen(kind, names, push, signal) {
      const redis = (await loading).duplicate();
      redis.on("error", () => {});
      signal.addEventListener("abort", () => redis.disconnect(), { once: true });
      redis.on("messageBuffer", (channel: Uint8Array, text: Uint8Array) => push(["message", channel, text]));
      redis.on(
        "pmessageBuffer",
        (pattern: Uint8Array, channel: Uint8Array, text: Uint8Array) => push(["pmessage", pattern, channel, text]),
      );
      for (const [index, name] of names.entries()) {
        await redis[kind](name);
        push([kind, name, index + 1]);
      }
      if (signal.aborted) redis.disconnect();
    },
    close: async () => (await loading).disconnect(),
  };
}

// Text is bytes, so what comes as text is an integer.
function withIntegers(reply: unknown): RedisReply {
  if (Array.isArray(reply)) return reply.map(withIntegers);
  return typeof reply === "string" ? BigInt(reply) : reply as RedisReply;
}
