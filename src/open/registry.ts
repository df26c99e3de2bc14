/**
 * Which backend a scheme means.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import type { Backend } from "../core/backend.ts";

/**
 * A function from a URL to a backend. The parameters `codec`, `prefix` and `ttl` are gone from the URL; one that it does
 * not know it refuses with a `TypeError`, and no message quotes the URL, which may hold credentials.
 */
export type Opener = (url: URL) => Awaitable<Backend<unknown>>;

/** What a scheme stands for: an opener, and how plain data is told to it. */
export interface Scheme {
  /** From a URL to a backend. */
  readonly open: Opener;
  /** The argument that is the path of the URL. */
  readonly location?: string | undefined;
}

/**
 * The schemes of URLs and their backends; a value, which {@linkcode Registry.with} extends to another one.
 *
 * @example An own backend by URL
 * ```ts
 * import { open } from "@everymap/everymap/open";
 * import { registry } from "@everymap/everymap/open/registry";
 * import { memory } from "@everymap/everymap/backends/memory";
 * import { assertEquals } from "@std/assert";
 *
 * const places = new Map([["paris", new Map([["tower", 330]])]]);
 * const own = registry.with("place", (url) => memory({ map: places.get(url.pathname) }));
 * const store = await open<number>("place:paris", { registry: own });
 * assertEquals(await store.get("tower"), 330);
 * ```
 */
export class Registry {
  readonly #schemes: ReadonlyMap<string, Scheme>;

  private constructor(schemes: ReadonlyMap<string, Scheme>) {
    this.#schemes = schemes;
  }

  /** A registry without a scheme. */
  static readonly empty: Registry = new Registry(new Map());

  /** The known schemes in the order of the alphabet. */
  get schemes(): string[] {
    return [...this.#schemes.keys()].sort();
  }

  /**
   * This registry with one more scheme, or another meaning of it. `location` names the argument that is the URL's path,
   * where a store is described by an object.
   *
   * @throws {TypeError} If the scheme is none.
   */
  with(
    scheme: string,
    open: Opener,
    { location }: { readonly location?: string } = {},
  ): Registry {
    if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) {
      throw new TypeError(
        "Cannot register a scheme: it must be of lower case letters, digits, +, - and .",
      );
    }
    return new Registry(
      new Map([...this.#schemes, [scheme, { open, location }]]),
    );
  }

  /**
   * What the scheme stands for.
   *
   * @throws {TypeError} If it is unknown.
   */
  get(scheme: string): Scheme {
    const known = this.#schemes.get(scheme);
    if (!known) {
      throw new TypeError(
        `Cannot open "${scheme}:": the known schemes are ${this.schemes.join(", ")}`,
      );
    }
    return known;
  }
}

const redis: Opener = async (url) => (await import("../backends/redis.ts")).redisFromUrl(url);

/** The backends of this package; each is loaded when it is opened. */
export const registry: Registry = Registry.empty
  .with(
    "memory",
    async (url) => (await import("../backends/memory.ts")).memoryFromUrl(url),
  )
  .with(
    "lru",
    async (url) => (await import("../backends/lru.ts")).lruFromUrl(url),
  )
  .with(
    "sieve",
    async (url) => (await import("../backends/sieve.ts")).sieveFromUrl(url),
  )
  .with(
    "none",
    async (url) => (await import("../backends/none.ts")).noneFromUrl(url),
  )
  .with(
    "dummy",
    async (url) => (await import("../backends/none.ts")).noneFromUrl(url),
  )
  .with(
    "disk",
    async (url) => (await import("../backends/disk.ts")).diskFromUrl(url),
    { location: "folder" },
  )
  .with(
    "file",
    async (url) => (await import("../backends/disk.ts")).diskFromUrl(url),
    { location: "folder" },
  )
  .with(
    "sqlite",
    async (url) => (await import("../backends/sqlite.ts")).sqliteFromUrl(url),
    { location: "file" },
  )
  .with("redis", redis)
  .with("rediss", redis)
  .with("redis+unix", redis, { location: "path" })
  .with(
    "s3",
    async (url) => (await import("../backends/s3.ts")).s3FromUrl(url),
  )
  .with(
    "postgres",
    async (url) => (await import("../backends/sql.ts")).sqlFromUrl(url),
  )
  .with(
    "postgresql",
    async (url) => (await import("../backends/sql.ts")).sqlFromUrl(url),
  );
