/**
 * Entries in Redis over HTTP: Upstash, or whatever speaks its REST API. For places without TCP; with the same options the
 * entries are those of `redis()`.
 *
 * @module
 */

import type { ByteBackend } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { checkOptions } from "../core/options.ts";
import { redisBackend } from "./redis/redis_backend.ts";
import { SHAPE_OPTIONS, shapeOf, type ShapeOptions } from "./redis/shape_options.ts";
import { HttpWire } from "./upstash/http_wire.ts";
import type { Road, UpstashClientLike } from "./upstash/requester.ts";
import { givenRoad, ownRoad } from "./upstash/road.ts";

export type { ShapeOptions } from "./redis/shape_options.ts";
export type { UpstashClientLike } from "./upstash/requester.ts";

/** Where a database is, and what lets one in. */
export interface UpstashDatabase {
  /** Its address, with `https:` or `http:`. */
  readonly url: string;
  /** The token of its REST API. */
  readonly token: string;
}

/** An environment that names a database. */
export interface UpstashEnvironment {
  /** Its address. */
  readonly UPSTASH_REDIS_REST_URL?: string | undefined;
  /** The token of its REST API. */
  readonly UPSTASH_REDIS_REST_TOKEN?: string | undefined;
}

/** How {@linkcode upstash} behaves. */
export interface UpstashOptions extends ShapeOptions {
  /** How long a call may take, in milliseconds. @default {5000} */
  readonly timeout?: number | undefined;
  /** The clock that turns a lifetime into a moment; Redis judges by its own. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/**
 * A backend in a Redis of Upstash, by `@upstash/redis`, which is loaded with the first call; or over a client of that
 * package that is there already, of which only address, token and headers are used.
 *
 * Calls of one turn of the event loop are one request, and their order is kept. A read whose answer got lost is asked for
 * again, once; a write never is. An entry is a key under the prefix, or a field of a hash; its value is the text of the codec.
 *
 * @throws {TypeError} If an option is unknown or malformed, or there is no address or token.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { upstash } from "@everymap/everymap/backends/upstash";
 *
 * const database = { url: "https://us1-merry-cat-32748.upstash.io", token: "token" }; // or an environment
 * const users = new Store<{ name: string }>(upstash(database, { prefix: "users:" }));
 * // await users.set("ada", { name: "Ada" }, { ttl: { hours: 1 } });
 * await users.close();
 * ```
 */
export function upstash(
  database: UpstashDatabase | UpstashEnvironment | UpstashClientLike,
  options: UpstashOptions = {},
): ByteBackend {
  checkOptions("upstash", options, [...SHAPE_OPTIONS, "timeout", "now"]);
  const { revision = false, timeout = 5000, now = Date.now } = options;
  const shape = shapeOf("upstash", options);
  if (!(timeout > 0 && timeout <= 0x7fff_ffff)) {
    throw new RangeError("Cannot make upstash: timeout must be above 0 milliseconds");
  }
  const { road, host } = roadTo(database);
  return redisBackend(new HttpWire(host ? `upstash(${host})` : "upstash", road, timeout), shape, { revision, now });
}

/**
 * The backend that a URL names: `upstash://:token@host?hash=settings&revision=true&timeout=2000`; over `https:`, or with
 * `upstash+http:` for a server nearby. Without a token it is the one in the environment of the process, and without a host
 * the address is as well.
 *
 * @throws {TypeError} If a parameter is unknown, or there is no address or token.
 */
export function upstashFromUrl(url: URL): ByteBackend {
  const refuse = (reason: string) => new TypeError(`Cannot make upstash from its URL: ${reason}`);
  const options: Record<string, unknown> = {};
  for (const [name, value] of url.searchParams) {
    if (name in options) throw refuse(`${name} is there twice`);
    if (name === "hash") options[name] = value;
    else if (name === "timeout" && /^\d+$/.test(value)) options[name] = Number(value);
    else if (name === "revision" && /^(true|false)$/.test(value)) options[name] = value === "true";
    else throw refuse(`"${name}" is not a parameter, or its value is none`);
  }
  if (url.username && url.username !== "default") throw refuse("it has no users; write upstash://:token@host");
  if (url.hash) throw refuse("a fragment has no place in it");
  const { host, pathname, password } = url;
  const scheme = url.protocol === "upstash+http:" ? "http" : "https";
  let token: string | undefined;
  try {
    if (password) token = decodeURIComponent(password);
  } catch {
    throw refuse("its token is not well escaped");
  }
  const environment = (globalThis as { process?: { env?: UpstashEnvironment } }).process?.env;
  return upstash({
    UPSTASH_REDIS_REST_URL: host ? `${scheme}://${host}${pathname}` : environment?.UPSTASH_REDIS_REST_URL,
    UPSTASH_REDIS_REST_TOKEN: token ?? environment?.UPSTASH_REDIS_REST_TOKEN,
  }, options);
}

function roadTo(
  database: Partial<UpstashDatabase & UpstashEnvironment & UpstashClientLike>,
): { readonly road: Road; readonly host: string } {
  const refuse = (reason: string) => new TypeError(`Cannot make upstash: ${reason}`);
  if (typeof database?.pipeline === "function") {
    const given = givenRoad(database as UpstashClientLike);
    if (!given) throw refuse("the client must be one of @upstash/redis");
    return given;
  }
  const { url = database?.UPSTASH_REDIS_REST_URL, token = database?.UPSTASH_REDIS_REST_TOKEN } = database ?? {};
  const address = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  if (!address || !/^https?:$/.test(address.protocol) || address.username || address.password || address.search) {
    throw refuse("it needs the https: address of a database, without credentials or a query");
  }
  // What is none would be quoted by the error of a header.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) throw refuse("it needs a token");
  return { road: ownRoad(address.href.replace(/[#/]+$/, ""), token), host: address.host };
}
