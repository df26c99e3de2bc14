/**
 * Parts of pages that are rendered once.
 *
 * @module
 */

import type { Awaitable } from "../core/awaitable.ts";
import { callKey } from "./call_key.ts";
import type { Region } from "./region.ts";
import type { GetOrCreateOptions } from "./region/options.ts";

/**
 * The text of a fragment, which is rendered if the region has none. A key may be made of parts, such as
 * `["sidebar", user.id]`, which are told apart as the arguments of a call are.
 *
 * @throws {TypeError} If a part of the key cannot be told apart from others.
 *
 * @example
 * ```ts
 * import { Region } from "@everymap/everymap";
 * import { cachedFragment } from "@everymap/everymap/cache/cached-fragment";
 * import { assertEquals } from "@std/assert";
 *
 * const fragments = new Region<string>({ ttl: { minutes: 5 } });
 * const menu = (language: string) => cachedFragment(fragments, ["menu", language], () => `<nav lang="${language}">…</nav>`);
 * assertEquals(await menu("fr"), '<nav lang="fr">…</nav>');
 * ```
 */
export async function cachedFragment(
  region: Region<string>,
  key: string | readonly unknown[],
  render: () => Awaitable<string>,
  options?: GetOrCreateOptions<string>,
): Promise<string> {
  return await region.getOrCreate(typeof key === "string" ? key : callKey(key), () => render(), options);
}
