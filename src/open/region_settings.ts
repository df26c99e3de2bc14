/**
 * The options of a cache region out of a flat configuration, with the store that it describes.
 *
 * @module
 */

import type { RegionOptions } from "../cache/region.ts";
import { open, type OpenOptions } from "./open.ts";
import { placeFrom } from "./place.ts";
import { toMillisecondsFromText } from "./time_span.ts";

type Read = (name: string, value: unknown) => unknown;

const READERS: Readonly<Record<string, Read>> = {
  name: (_, value) => `${value}`,
  ttl: readTime,
  staleWhileRevalidate: readTime,
  staleIfError: readTime,
  refreshAhead: readTime,
  jitter: readNumber,
  earlyRefresh: readNumber,
  mode: oneOf("stale", "wait"),
  onStoreError: oneOf("throw", "bypass"),
  mangle: oneOf("sha256"),
  lease: readBoolean,
};

/**
 * The options that the keys with this prefix mean: `backend`, `arguments.…`, `codec` and `prefix` open the store as
 * `open()` does; `name`, `ttl`, `staleWhileRevalidate`, `staleIfError`, `refreshAhead`, `jitter`, `earlyRefresh`, `mode`,
 * `onStoreError`, `mangle` and `lease` are those of a `Region`. Times are milliseconds or text such as `90s` or `1h30m`,
 * and every value may be text, as it stands in a file or an environment.
 *
 * @throws {TypeError} If there is no backend, or a key with the prefix means nothing.
 *
 * @example
 * ```ts
 * import { Region } from "@everymap/everymap";
 * import { regionSettings } from "@everymap/everymap/open/region-settings";
 * import { assertEquals } from "@std/assert";
 *
 * const settings = {
 *   "cache.local.backend": "lru",
 *   "cache.local.arguments.maxEntries": "1000",
 *   "cache.local.ttl": "10m",
 *   "cache.local.staleWhileRevalidate": "1h",
 * };
 * const region = await new Region<number>().configureFrom(settings, "cache.local.", regionSettings);
 * assertEquals(await region.getOrCreate("answer", () => 42), 42);
 * ```
 */
export async function regionSettings(
  settings: Readonly<Record<string, unknown>>,
  prefix: string,
  options: OpenOptions<unknown> = {},
): Promise<RegionOptions> {
  const own: Record<string, unknown> = {};
  const place: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(settings)) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
    if (read) own[name] = read(key, value);
    else place[key] = value;
  }
  return { ...own, store: await open<unknown>(placeFrom(place, prefix), options) };
}

function readTime(key: string, value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") throw new TypeError(`Cannot read "${key}": it must be a length of time`);
  const text = value.trim();
  return /^infinity$/i.test(text) ? Infinity : toMillisecondsFromText(text);
}

function readNumber(key: string, value: unknown): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || Number.isNaN(number)) {
    throw new TypeError(`Cannot read "${key}": it must be a number`);
  }
  return number;
}

function readBoolean(key: string, value: unknown): boolean {
  const text = `${value}`.trim().toLowerCase();
  if (text !== "true" && text !== "false") throw new TypeError(`Cannot read "${key}": it must be true or false`);
  return text === "true";
}

function oneOf(...words: readonly string[]): Read {
  return (key, value) => {
    if (words.includes(value as string)) return value;
    throw new TypeError(`Cannot read "${key}": it must be ${words.join(" or ")}`);
  };
}
