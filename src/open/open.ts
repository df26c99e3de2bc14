/**
 * A store from a URL or from plain data; what it needs is loaded, and nothing else.
 *
 * @module
 */

import type { Backend } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import { Store } from "../core/store.ts";
import type { ValueBackend } from "../core/store_options.ts";
import { type Place, toUrl } from "./place.ts";
import { type Registry, registry } from "./registry.ts";
import { toMillisecondsFromText } from "./time_span.ts";

/** What {@linkcode open} takes besides the place: what plain data cannot say. */
export interface OpenOptions<V> {
  /** What schemes mean. @default {the backends of this package} */
  readonly registry?: Registry | undefined;
  /** How values become bytes; in place of the parameter `codec`. @default {the backend's} */
  readonly codec?: Codec<V, Uint8Array> | undefined;
  /** The clock that turns a `ttl` into a moment. @default {the backend's} */
  readonly now?: Clock | undefined;
}

/**
 * A store by URL, such as `sqlite:cache.db?prefix=users:&codec=json+gzip&ttl=1h`, or by the same as plain data. A path
 * without a leading slash is relative to the working folder. Every scheme knows the parameters
 *
 * - `codec`: names of codecs in the order of encoding, and their options as in `codecFromUrl`,
 * - `prefix`: what the store's keys start with in the backend,
 * - `ttl`: lifetime of entries that are written without one, in milliseconds or as `90s`, `1h30m`, `7d`,
 *
 * and the options of its backend; a parameter that means nothing is an error.
 *
 * @throws {TypeError} If the scheme, a parameter or an option is unknown, or a value is none.
 *
 * @example
 * ```ts
 * import { open } from "@everymap/everymap/open";
 * import { assertEquals } from "@std/assert";
 *
 * const store = await open<number>("lru:?maxEntries=1000&ttl=1h");
 * await store.set("ada", 36);
 * assertEquals(await store.get("ada"), 36);
 *
 * const same = await open<number>({ backend: "lru", arguments: { maxEntries: 1000 }, ttl: "1h" });
 * assertEquals(await same.get("ada"), undefined);
 * ```
 */
export async function open<V = unknown>(
  place: string | URL | Place,
  options: OpenOptions<V> = {},
): Promise<Store<V>> {
  checkOptions("a store", options, ["registry", "codec", "now"]);
  const { registry: schemes = registry, now } = options;
  const url = parse(place, schemes);
  const scheme = schemes.get(url.protocol.slice(0, -1));

  const { codec: codecNames, prefix, ttl: ttlText } = takeParameters(url);
  const ttl = ttlText === undefined ? undefined : toMillisecondsFromText(ttlText);
  if (codecNames !== undefined && options.codec) {
    throw new TypeError("Cannot open: there are two codecs");
  }
  const codec = codecNames === undefined
    ? options.codec
    : await (await import("./codec_from_url.ts")).codecFromUrl(codecNames);

  let backend = await scheme.open(url);
  if (prefix) {
    backend = (await import("../layers/prefixed.ts")).prefixed(backend, prefix);
  }
  if (codec) {
    backend = (await import("../core/encoded.ts")).encoded(
      backend as Backend<Uint8Array>,
      codec as Codec<unknown>,
    );
  }
  // What a URL's store holds only its caller knows.
  return new Store<V>(backend as ValueBackend<V>, { ttl, now });
}

function parse(place: string | URL | Place, schemes: Registry): URL {
  if (place instanceof URL) return new URL(place);
  if (
    typeof place === "object" && place !== null &&
    typeof place.backend === "string"
  ) {
    return toUrl(place, schemes.get(place.backend).location);
  }
  if (typeof place !== "string") {
    throw new TypeError(
      "Cannot open: it must be a URL, or an object with a backend",
    );
  }
  // A URL of the scheme `file` knows absolute paths only.
  const text = place.replace(/^file:(?!\/)/i, "disk:");
  if (!URL.canParse(text)) {
    // Not even the cause may quote it: it may hold a password.
    throw new TypeError(
      `Cannot open: it is not a URL that starts with a scheme (${schemes.schemes.join(", ")})`,
    );
  }
  return new URL(text);
}

function takeParameters(
  url: URL,
): { codec?: string; prefix?: string; ttl?: string } {
  const taken: Record<string, string> = {};
  for (const name of ["codec", "prefix", "ttl"]) {
    const values = url.searchParams.getAll(name);
    if (values.length > 1) {
      throw new TypeError(`Cannot open: "${name}" is there twice`);
    }
    if (values[0] !== undefined) taken[name] = values[0];
    url.searchParams.delete(name);
  }
  return taken;
}
