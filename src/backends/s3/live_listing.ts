/**
 * Listings of entries that live. A listing of S3 knows nothing of lifetimes, so where there may be any each object is looked
 * at, several at a time.
 *
 * @module
 */

import { concurrently } from "../../core/concurrently.ts";
import type { S3Client } from "./client.ts";
import { refusalOf } from "./keys.ts";
import { type Listed, listPages } from "./listing.ts";
import { MARK_SIZE, type ObjectCall, type S3Objects } from "./objects.ts";

/** What a {@linkcode LiveListing} is told once. */
export interface LiveListingOptions {
  readonly client: S3Client;
  readonly objects: S3Objects;
  /** What all names begin with. */
  readonly prefix: string;
  /** How many objects are looked at at a time. */
  readonly concurrency: number;
}

/** Listings of one place. */
export class LiveListing {
  readonly #options: LiveListingOptions;

  constructor(options: LiveListingOptions) {
    this.#options = options;
  }

  /** Names of entries that live, a page at a time; the prefix and `after` are those of keys. */
  async *pages(
    { prefix, ...request }: {
      readonly operation: string;
      readonly prefix: string;
      readonly after?: string | undefined;
      readonly pageSize?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): AsyncGenerator<readonly string[], void> {
    const { client, objects, prefix: own } = this.#options;
    const lifetimes = objects.hasLifetimes(request);
    const known = lifetimes.then(() => {}, () => {});
    const after = request.after === undefined ? undefined : own + request.after;
    try {
      for await (const page of listPages(client, { ...request, after, prefix: own + prefix })) {
        yield await this.#live(page, await lifetimes, request);
      }
    } finally {
      await known;
    }
  }

  /** The names of entries that live, in the order given; only where there may be others are objects looked at. */
  async #live(
    page: readonly Listed[],
    hasLifetimes: boolean,
    request: { readonly operation: string; readonly signal?: AbortSignal | undefined },
  ): Promise<readonly string[]> {
    const { objects, prefix, concurrency } = this.#options;
    const listed = page.filter(({ name }) => refusalOf(name.slice(prefix.length)) === undefined);
    const suspects = hasLifetimes ? listed : listed.filter(({ size }) => size === MARK_SIZE);
    const gone = new Set<string>();
    await concurrently(suspects, async ({ name }) => {
      const head = await objects.liveHead({ ...request, name, key: name.slice(prefix.length) });
      if (!head) gone.add(name);
    }, { concurrency, signal: request.signal });
    const names: string[] = [];
    for (const { name } of listed) if (!gone.has(name)) names.push(name);
    return names;
  }

  /** How many of these are there: by a listing of what lies between them, as long as that is not longer than asking for each. */
  async countThese(calls: readonly ObjectCall[], signal?: AbortSignal): Promise<number> {
    const { objects, prefix, concurrency } = this.#options;
    const left = new Map(calls.map((call) => [call.name, call]));
    let count = 0;
    if (calls.length > 10) {
      const common = commonPrefix([...left.keys()]).slice(prefix.length);
      let pages = Math.ceil(calls.length / 500);
      let isWhole = true;
      for await (const page of this.pages({ operation: "remove", prefix: common, signal: signal })) {
        if (pages-- === 0) {
          isWhole = false;
          break;
        }
        for (const name of page) if (left.delete(name)) count++;
        if (left.size === 0) break;
      }
      if (isWhole) return count;
    }
    await concurrently(left.values(), async (call) => {
      if (await objects.liveHead(call)) count++;
    }, { concurrency, signal: signal });
    return count;
  }
}

function commonPrefix(names: readonly string[]): string {
  const [first = ""] = names;
  let length = first.length;
  for (const name of names) {
    while (!name.startsWith(first.slice(0, length))) length--;
  }
  // Not between the halves of a character beyond U+FFFF.
  return first.slice(0, length).isWellFormed() ? first.slice(0, length) : first.slice(0, length - 1);
}
