/**
 * A store described by plain data, as it stands in a configuration.
 *
 * @module
 */

/** A value in a configuration. */
export type Setting = string | number | boolean;

/** A store as plain data; what a URL says in one string. */
export interface Place {
  /** The scheme of the backend, such as `disk`. */
  readonly backend: string;
  /** The backend's location and options: `{ folder: "./users", durable: true }`. @default {{}} */
  readonly arguments?: Readonly<Record<string, Setting>> | undefined;
  /** The names of codecs in the order of encoding: `json+gzip`. @default {the backend's} */
  readonly codec?: string | undefined;
  /** What the store's keys start with in the backend. @default {""} */
  readonly prefix?: string | undefined;
  /** Lifetime of entries that are written without one: milliseconds, or a length such as `1h`. @default {Infinity} */
  readonly ttl?: number | string | undefined;
}

const FIELDS = ["backend", "codec", "prefix", "ttl"];

/**
 * The place that a flat configuration describes in those of its keys that start with the prefix:
 * `cache.backend`, `cache.ttl`, `cache.arguments.folder`. Other keys are left alone.
 *
 * @throws {TypeError} If there is no backend, or a key with the prefix means nothing.
 *
 * @example A store out of a settings file
 * ```ts
 * import { open } from "@everymap/everymap/open";
 * import { placeFrom } from "@everymap/everymap/open/place";
 * import { assertEquals } from "@std/assert";
 *
 * const settings = {
 *   "cache.local.backend": "lru",
 *   "cache.local.arguments.maxEntries": "100",
 *   "log.level": "debug",
 * };
 * const store = await open<string>(placeFrom(settings, "cache.local."));
 * await store.set("ada", "Lovelace");
 * assertEquals(await store.get("ada"), "Lovelace");
 * ```
 */
export function placeFrom(
  settings: Readonly<Record<string, unknown>>,
  prefix: string,
): Place {
  const fields: Record<string, Setting> = {};
  const args: Record<string, Setting> = {};
  for (const [key, value] of Object.entries(settings)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    if (!isSetting(value)) {
      throw new TypeError(
        `Cannot read "${key}": it must be a string, a number or a boolean`,
      );
    }
    if (name.startsWith("arguments.")) {
      args[name.slice("arguments.".length)] = value;
    } else if (FIELDS.includes(name)) fields[name] = value;
    else {throw new TypeError(
        `Cannot read "${key}": known are ${FIELDS.join(", ")} and arguments.…`,
      );}
  }
  const { backend, codec, prefix: keyPrefix, ttl } = fields;
  if (typeof backend !== "string") {
    throw new TypeError(
      `Cannot read "${prefix}backend": it must name a backend`,
    );
  }
  if (typeof ttl === "boolean") {
    throw new TypeError(
      `Cannot read "${prefix}ttl": it must be a length of time`,
    );
  }
  return {
    backend,
    arguments: args,
    ...(codec !== undefined && { codec: `${codec}` }),
    ...(keyPrefix !== undefined && { prefix: `${keyPrefix}` }),
    ...(ttl !== undefined && { ttl }),
  };
}

/**
 * The place as a URL; `location` names the argument that is its path.
 *
 * @throws {TypeError} If a field is unknown or of another type.
 */
export function toUrl(place: Place, location: string | undefined): URL {
  for (const name in place) {
    if (name !== "arguments" && !FIELDS.includes(name)) {
      throw new TypeError(
        `Cannot open: "${name}" is not one of its fields (${FIELDS.join(", ")}, arguments)`,
      );
    }
  }
  const query = new URLSearchParams();
  let path = "";
  for (const [name, value] of Object.entries(place.arguments ?? {})) {
    if (!isSetting(value)) {
      throw new TypeError(
        `Cannot open: the argument "${name}" must be a string, a number or a boolean`,
      );
    }
    if (name === location) path = toPath(`${value}`);
    else query.set(name, `${value}`);
  }
  for (const name of ["codec", "prefix", "ttl"] as const) {
    const value = place[name];
    if (value !== undefined) query.set(name, `${value}`);
  }
  return new URL(`${place.backend}:${path}?${query}`);
}

function isSetting(value: unknown): value is Setting {
  return typeof value === "string" || typeof value === "number" ||
    typeof value === "boolean";
}

// Two slashes would begin a host.
function toPath(text: string): string {
  return encodeURI(text).replace(/[?#]/g, encodeURIComponent).replace(
    /^\/\/+/,
    "/",
  );
}
