/**
 * Entries in ZooKeeper, one node per key, with notice of every change.
 *
 * @module
 */

import type { ByteBackend } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { checkOptions } from "../core/options.ts";
import { readQuery } from "../core/url_query.ts";
import type { ZookeeperAcl, ZookeeperClient } from "./zookeeper/client.ts";
import { Mirror } from "./zookeeper/mirror.ts";
import { Nodes } from "./zookeeper/nodes.ts";
import { Portions } from "./zookeeper/portions.ts";
import { Session } from "./zookeeper/session.ts";
import { ZookeeperBackend } from "./zookeeper/zookeeper_backend.ts";

export type { ZookeeperAcl, ZookeeperClient };
export type { ZookeeperCallback, ZookeeperStat, ZookeeperTransaction, ZookeeperWatcher } from "./zookeeper/client.ts";

/** How {@linkcode zookeeper} behaves. */
export interface ZookeeperOptions {
  /** Path of the node whose children are the entries; it is made if it is missing. @default {the path of the place, or "/"} */
  readonly path?: string | undefined;
  /** How long a call may take, in milliseconds; also how long it waits for a connection. @default {5000} */
  readonly timeout?: number | undefined;
  /** After how long without a sign of life the servers end the session, in milliseconds. @default {30000} */
  readonly sessionTimeout?: number | undefined;
  /** Credentials, such as `{ scheme: "digest", credentials: "name:password" }`. @default {none} */
  readonly auth?: { readonly scheme: string; readonly credentials: string } | undefined;
  /**
   * Who may do what with nodes that this store makes: everybody everything (`"open"`), whoever makes them everything
   * (`"creator"`), that and everybody may read (`"read"`), or a list. @default {"open"}
   */
  readonly acl?: "open" | "creator" | "read" | readonly ZookeeperAcl[] | undefined;
  /**
   * Whether entries that this store adds with a lifetime end with its session, if that is sooner: with `close()`, or
   * `sessionTimeout` after its process died. That is what a lease needs: nobody has to wait for the deadline of one who is
   * gone. Entries without a lifetime stay, such as what `lease.fence()` counts; and an entry is what it was added as,
   * whatever is written over it. @default {false}
   */
  readonly ephemeral?: boolean | undefined;
  /** The longest request that the servers take (`jute.maxbuffer`), in bytes. @default {1048575} */
  readonly maxRequestBytes?: number | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
}

const OPTIONS = ["path", "timeout", "sessionTimeout", "auth", "acl", "ephemeral", "maxRequestBytes", "now"];

/**
 * A backend over the children of a node in ZooKeeper, named as `host:2181,host2:2181/path`, or with a client of
 * `node-zookeeper-client` that is not connected yet and is the store's own from then on. It is connected by the first
 * call. It needs Deno, Bun or Node.
 *
 * Its `revision()` and `watch()` see every change of an entry, also one that another program makes. They see it when the
 * server that this store is connected to knows of it: of several servers a follower may be behind, by `syncLimit` ticks at
 * most, and so may be what is read there. A store always sees what it wrote itself. A given client is of
 * no more use when its session has expired; named servers get a new one.
 *
 * @throws {TypeError} If an option is unknown, or the place or the path has no legal name.
 *
 * @example
 * ```ts ignore
 * import { Store } from "@everymap/everymap";
 * import { zookeeper } from "@everymap/everymap/backends/zookeeper";
 *
 * const settings = new Store<{ rate: number }>(zookeeper("10.0.0.1:2181,10.0.0.2:2181/app/config"));
 * await settings.set("limits", { rate: 100 });
 * await settings.close();
 * ```
 */
export function zookeeper(place: string | ZookeeperClient, options: ZookeeperOptions = {}): ByteBackend {
  checkOptions("zookeeper", options, OPTIONS);
  const { timeout = 5000, sessionTimeout = 30_000, maxRequestBytes = 1_048_575 } = options;
  for (const [name, value] of Object.entries({ timeout, sessionTimeout, maxRequestBytes })) {
    if (!(value > 0 && value <= 0x7fff_ffff)) {
      throw new RangeError(`Cannot make zookeeper: ${name} must be more than 0`);
    }
  }
  const { acl = "open", ephemeral = false, auth, now = Date.now } = options;
  if (acl !== "open" && acl !== "creator" && acl !== "read" && !(Array.isArray(acl) && acl.length > 0)) {
    throw new TypeError('Cannot make zookeeper: acl must be "open", "creator", "read" or a list');
  }
  const { servers, path } = toPlace(place);
  const root = toRoot(options.path ?? path);
  const name = `zookeeper(${servers ?? ""}${root || "/"})`;
  const session: Session = new Session(
    { place: servers ?? place as ZookeeperClient, sessionTimeout: Math.ceil(sessionTimeout), timeout, auth },
    (event) => mirror.on(event),
  );
  const nodes = new Nodes(session, root, acl, ephemeral);
  const mirror = new Mirror(nodes, name, sessionTimeout / 3);
  const portions = new Portions(root, maxRequestBytes, acl);
  return new ZookeeperBackend({ name, session, nodes, mirror, portions, now });
}

/**
 * The backend that a URL names: `zookeeper://host:2181/app/config`, for several servers
 * `zookeeper:host1:2181,host2:2181/app/config`; with `name:password@` before the host as digest credentials.
 *
 * @throws {TypeError} If a parameter is unknown or the URL names no server.
 */
export function zookeeperFromUrl(url: URL): ByteBackend {
  const options = readQuery(url, {
    timeout: "integer",
    sessionTimeout: "integer",
    acl: "text",
    ephemeral: "boolean",
    maxRequestBytes: "integer",
  });
  if (url.hash) throw new TypeError("Cannot make zookeeper from its URL: it has a fragment");
  const [username, password, path] = [url.username, url.password, url.pathname].map(decode);
  const auth = username ? { scheme: "digest", credentials: `${username}:${password}` } : undefined;
  return zookeeper(decode(url.host) + path!, { ...options, auth });
}

function toPlace(place: string | ZookeeperClient): { readonly servers?: string; readonly path: string } {
  if (typeof place !== "string") {
    if (typeof (place as Partial<ZookeeperClient> | null)?.getData !== "function") {
      throw new TypeError("Cannot make zookeeper: it is neither a place nor a client");
    }
    return { path: "/" };
  }
  const [, servers, path = "/"] =
    /^((?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:,(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)*)(\/.*)?$/i
      .exec(place) ?? [];
  // It may hold a password.
  if (servers === undefined) throw new TypeError("Cannot make zookeeper: write host:2181,host2:2181/path");
  return { servers, path };
}

function toRoot(path: string): string {
  const parts = typeof path === "string" ? path.replace(/^\/|\/$/g, "").split("/") : [""];
  if (parts.length === 1 && parts[0] === "" && typeof path === "string") return "";
  // deno-lint-ignore no-control-regex -- these are what ZooKeeper refuses
  if (parts.some((part) => /^$|^\.{1,2}$|[\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff]/.test(part))) {
    throw new TypeError("Cannot make zookeeper: its path is not one that ZooKeeper takes");
  }
  return `/${parts.join("/")}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError("Cannot make zookeeper from its URL: it is not well escaped");
  }
}
