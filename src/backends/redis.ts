/**
 * Entries in a Redis server, over TCP or a unix socket.
 *
 * @module
 */

import type { ByteBackend } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { checkOptions } from "../core/options.ts";
import { ClientWire } from "./redis/client_wire.ts";
import { givenClient, type RedisClientLike } from "./redis/given_client.ts";
import type { Connect } from "./redis/connection.ts";
import { redisBackend } from "./redis/redis_backend.ts";
import { ADDRESS_PARAMETERS, addressOf, nameOf, type ServerAddress } from "./redis/server_address.ts";
import { SHAPE_OPTIONS, shapeOf, type ShapeOptions } from "./redis/shape_options.ts";

export type { BunRedisLike, IoredisLike, NodeRedisLike, RedisClientLike } from "./redis/given_client.ts";
export type { ShapeOptions } from "./redis/shape_options.ts";

/** How {@linkcode redis} behaves. */
export interface RedisOptions extends ShapeOptions {
  /** How long a call may take, in milliseconds, also while there is no connection. @default {5000} */
  readonly timeout?: number | undefined;
  /** The user, in place of the one in the URL. @default {the server's default user} */
  readonly username?: string | undefined;
  /** The password, in place of the one in the URL. @default {none} */
  readonly password?: string | undefined;
  /** Options of `node:tls` for `rediss:`, such as `ca`. @default {{}} */
  readonly tls?: Readonly<Record<string, unknown>> | undefined;
  /** The clock that turns a lifetime into a moment; Redis judges by its own. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/**
 * A backend in a Redis server, 6.2 or later: `redis://user:password@host:6379/0`, `rediss:` for TLS,
 * `redis+unix:///run/redis.sock?db=0`; or over a client of node-redis, ioredis or Bun, which stays yours to close. It
 * connects with the first call and needs Deno, Bun or Node.
 *
 * An entry is a key under the prefix, or a field of a hash; its value is the text of the codec, readable in `redis-cli`.
 * A version is a digest of the value and its lifetime, so equal ones have the same version, whoever wrote them.
 *
 * @throws {TypeError} If an option is unknown or the URL is none.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { redis } from "@everymap/everymap/backends/redis";
 *
 * const users = new Store<{ name: string }>(redis("redis://localhost:6379/0", { prefix: "users:" }));
 * // await users.set("ada", { name: "Ada" }, { ttl: { hours: 1 } });
 * await users.close();
 * ```
 */
export function redis(place: string | URL | RedisClientLike, options: RedisOptions = {}): ByteBackend {
  checkOptions("redis", options, [...SHAPE_OPTIONS, "timeout", "username", "password", "tls", "now"]);
  const { revision = false, timeout = 5000, username, password, tls, now = Date.now } = options;
  const shape = shapeOf("redis", options);
  if (!(timeout > 0 && timeout <= 0x7fff_ffff)) {
    throw new RangeError("Cannot make redis: timeout must be above 0 milliseconds");
  }
  const make = (name: string, connect: Connect) =>
    redisBackend(new ClientWire(name, connect, timeout), shape, { revision, now });
  if (typeof place !== "string" && !(place instanceof URL)) {
    const connect = givenClient(place);
    if (!connect) throw new TypeError("Cannot make redis: it must be a URL, or a client that can send any command");
    if (username ?? password ?? tls) throw new TypeError("Cannot make redis: the client is connected by its owner");
    return make("redis", connect);
  }
  const address = addressOf(place);
  if (tls && !address.tls) throw new TypeError("Cannot make redis: tls is for rediss: URLs");
  const how = {
    ...address,
    username: username ?? address.username,
    password: password ?? address.password,
    ...(address.tls && { tls: { ...address.tls, ...tls } }),
  };
  return make(nameOf(address), ownClient(how, timeout));
}

/** A client of our own, loaded for the first connection. */
function ownClient(address: ServerAddress, timeout: number): Connect {
  return async (lost, signal) => {
    const { nodeRedis } = await import("./redis/node_redis.ts");
    const { bunRedis } = await import("./redis/bun_redis.ts");
    return await bunRedis(address, timeout, nodeRedis(address, timeout))(lost, signal);
  };
}

/**
 * The backend that a URL names: `redis://host/0?hash=settings&revision=true&timeout=2000`.
 * What stands in front of the parameters may be said by `host port db username password` among them.
 *
 * @throws {TypeError} If a parameter is unknown or the URL names no server.
 */
export function redisFromUrl(url: URL): ByteBackend {
  const rest = new URL(url);
  const options: Record<string, unknown> = {};
  for (const [name, value] of url.searchParams) {
    if (ADDRESS_PARAMETERS.includes(name)) continue;
    if (name in options) throw new TypeError(`Cannot make redis from its URL: ${name} is there twice`);
    if (name === "hash") options[name] = value;
    else if (name === "timeout" && /^\d+$/.test(value)) options[name] = Number(value);
    else if (name === "revision" && /^(true|false)$/.test(value)) options[name] = value === "true";
    else throw new TypeError(`Cannot make redis from its URL: "${name}" is not a parameter, or its value is none`);
    rest.searchParams.delete(name);
  }
  return redis(rest, options);
}
