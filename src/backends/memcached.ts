/**
 * Entries in memcached, on one server or on several that share the keys.
 *
 * @module
 */

import type { ByteBackend } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { checkOptions } from "../core/options.ts";
import { readQuery } from "../core/url_query.ts";
import type { TcpAddress } from "../platform/tcp_socket.ts";
import type { Login } from "./memcached/connection.ts";
import { MemcachedBackend } from "./memcached/memcached_backend.ts";
import { Ring } from "./memcached/ring.ts";
import { Server } from "./memcached/server.ts";

const PORT = 11211;

/** How {@linkcode memcached} behaves. */
export interface MemcachedOptions {
  /** How long a command may take, and how long connecting may, in milliseconds. @default {1000} */
  readonly timeout?: number | undefined;
  /**
   * Prefixes that `clear({ prefix })` can drop, each by a generation that is part of its keys: every call on such a key asks
   * for it, in one more small command at the same time. With `""` among them `clear()` drops what this store wrote; without,
   * it empties the servers. All who use the entries must declare the same. @default {[]}
   */
  readonly clearable?: readonly string[] | undefined;
  /** Name for servers that want a login. @default {none} */
  readonly username?: string | undefined;
  /** Password for servers that want a login. @default {none} */
  readonly password?: string | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/**
 * A backend on one or several memcached servers of version 1.6 or later, named as `host`, `host:port`, `[::1]:port` or the
 * path of a socket. They are not spoken to before the first call. It needs Deno, Bun or Node, or workerd with `nodejs_compat`.
 *
 * A memcached forgets: entries go when it is full and when it ends. It cannot list them, so `keys` and `size` are refused.
 * Several servers share the keys by consistent hashing; while one is down its keys are an error, not a miss.
 *
 * @throws {TypeError} If an option is unknown, or a server has no legal name.
 *
 * @example
 * ```ts ignore
 * import { Store } from "@everymap/everymap";
 * import { memcached } from "@everymap/everymap/backends/memcached";
 *
 * const sessions = new Store<{ user: string }>(memcached(["10.0.0.1", "10.0.0.2:11212"]));
 * await sessions.set("4f1a", { user: "ada" }, { ttl: { hours: 1 } });
 * await sessions.close();
 * ```
 */
export function memcached(servers: string | readonly string[], options: MemcachedOptions = {}): ByteBackend {
  checkOptions("memcached", options, ["timeout", "clearable", "username", "password", "now"]);
  const { timeout = 1000, clearable = [], username, password, now = Date.now } = options;
  if (!(timeout > 0 && timeout <= 0x7fff_ffff)) {
    throw new RangeError("Cannot make memcached: timeout must be more than 0 milliseconds");
  }
  if (!Array.isArray(clearable) || clearable.some((prefix) => typeof prefix !== "string")) {
    throw new TypeError("Cannot make memcached: clearable must be a list of prefixes");
  }
  const login = toLogin(username, password);
  const names = [...new Set(typeof servers === "string" ? [servers] : servers)];
  if (names.length === 0) throw new TypeError("Cannot make memcached: there is no server");
  const all = names.map((name) => {
    const address = toAddress(name);
    return new Server("path" in address ? address.path : `${address.host}:${address.port}`, address, {
      timeout,
      login,
    });
  });
  const name = `memcached(${all.map((server) => server.name).join(", ")})`;
  return new MemcachedBackend({
    name,
    servers: all,
    ring: new Ring(all),
    clearable: [...new Set(clearable)].sort(),
    now,
  });
}

/**
 * The backend that a URL names: `memcached://user:password@host:11211?timeout=500`, and for several servers
 * `memcached:host1,host2:11212`. `clearable` may be one prefix.
 *
 * @throws {TypeError} If a parameter is unknown or the URL names no server.
 */
export function memcachedFromUrl(url: URL): ByteBackend {
  const { clearable, ...options } = readQuery(url, { timeout: "integer", clearable: "text" });
  const [username, password] = [decode(url.username), decode(url.password)];
  const list = url.host ? decode(url.host) : decode(url.pathname);
  if (url.hash || url.host && !/^\/?$/.test(url.pathname) || list === "") {
    throw new TypeError("Cannot make memcached from its URL: write memcached://host:port or memcached:host1,host2");
  }
  return memcached(list.split(","), {
    ...options,
    ...(clearable !== undefined && { clearable: [clearable as string] }),
    ...((url.username || url.password) && { username, password }),
  });
}

function toLogin(username: string | undefined, password: string | undefined): Login | undefined {
  if (username === undefined && password === undefined) return undefined;
  const isWord = (text: unknown) => typeof text === "string" && /^[^\s]+$/.test(text);
  if (!isWord(username) || !isWord(password)) {
    throw new TypeError("Cannot make memcached: username and password must both be words without spaces");
  }
  return { username: username!, password: password! };
}

function toAddress(server: string): TcpAddress {
  if (typeof server === "string" && /^\/[^\0]+$/.test(server)) return { path: server };
  const parts = typeof server === "string"
    ? /^(?:\[(?<ipv6>[0-9a-f:.]+)\]|(?<name>[^\s:/@,[\]]+))(?::(?<port>\d{1,5}))?$/i.exec(server)?.groups
    : undefined;
  const host = parts?.["ipv6"] ?? parts?.["name"];
  const port = Number(parts?.["port"] ?? PORT);
  if (host === undefined || port > 65_535 || port < 1) {
    // It may hold a password.
    throw new TypeError("Cannot make memcached: a server is host, host:port, [ipv6]:port or the path of a socket");
  }
  return { host, port };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError("Cannot make memcached from its URL: it is not well escaped");
  }
}
