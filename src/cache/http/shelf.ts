/**
 * Where answers stand in a region: under their address, or, where they vary, under that of a variant.
 *
 * @module
 */

import type { CreateContext, Region, RegionEntry } from "../region.ts";
import { ageOf, freshnessOf, type FreshnessRules } from "./freshness.ts";
import { headersOf, type StoredResponse } from "./stored_response.ts";
import type { Personal } from "./storing.ts";
import { primaryKey, variantKey, type Variants, varyOf } from "./variants.ts";

/** What a region keeps of HTTP: an answer, or what tells the variants of one apart. */
export type HttpEntry = StoredResponse | Variants;

/** A region that keeps HTTP. */
export type HttpRegion = Region<HttpEntry> | Region<unknown>;

/** What a creator comes to for those who wait for it. */
export type Outcome = HttpEntry | { readonly error: unknown } | { readonly passOn: true };

/** What is found for a request. */
export interface Place {
  readonly primary: string;
  readonly key: string;
  readonly found: RegionEntry<HttpEntry> | undefined;
  readonly variants: Variants | undefined;
}

/** The answers of a region. */
export class Shelf {
  readonly #region: Region<Outcome>;
  readonly #keep: readonly Personal[];
  readonly #rules: FreshnessRules;
  readonly #retention: number;

  constructor(
    region: Region<Outcome>,
    { keep, rules, retention }: {
      readonly keep: readonly Personal[];
      readonly rules: FreshnessRules;
      /** Milliseconds for which answers are kept that are no longer fresh. */
      readonly retention: number;
    },
  ) {
    this.#region = region;
    this.#keep = keep;
    this.#rules = rules;
    this.#retention = retention;
  }

  /** What there is for a request. */
  async find(request: Request): Promise<Place> {
    const primary = await primaryKey(request, this.#keep);
    const options = { stale: true, signal: request.signal };
    const found = await this.#region.getEntry(primary, options) as RegionEntry<HttpEntry> | undefined;
    if (!found || !("vary" in found.value)) return { primary, key: primary, found, variants: undefined };
    const variants = found.value;
    const key = await variantKey(primary, variants, request);
    return { primary, key, found: await this.#region.getEntry(key, options) as RegionEntry<HttpEntry>, variants };
  }

  /** Forgets the answer to a request, with its variants. */
  async forget(request: Request): Promise<void> {
    await this.#region.delete(await primaryKey(request, this.#keep));
  }

  /** Sees that an answer comes to stand where those who ask for it will look. */
  async settle(
    place: Place,
    request: Request,
    stored: StoredResponse,
    { setTtl, noStore }: Pick<CreateContext<Outcome>, "setTtl" | "noStore">,
    moment: number,
  ): Promise<Outcome> {
    const { primary, key, variants } = place;
    // What is never fresh is stored too: it may be confirmed.
    const ttl = Math.max(1, freshnessOf(stored, this.#rules).fresh - ageOf(stored, moment));
    const vary = varyOf(headersOf(stored));
    if (vary.length === 0) {
      if (key === primary) setTtl(ttl);
      else {
        noStore();
        await this.put(primary, stored, ttl);
      }
      return stored;
    }
    const now = { vary, id: variants?.id ?? crypto.randomUUID().slice(0, 8) };
    const itsKey = await variantKey(primary, now, request);
    if (key === primary) {
      await this.put(itsKey, stored, ttl);
      setTtl(ttl + this.#retention);
      return now;
    }
    if (itsKey !== key) await this.put(itsKey, stored, ttl);
    // Unless a change made the cache forget all variants meanwhile.
    await this.#region.getOrCreate(primary, ({ previous, setTtl, noStore }) => {
      if (previous && "id" in previous && previous.id === now.id) setTtl(ttl + this.#retention);
      else noStore();
      return now;
    }, { maxAge: -1 });
    if (itsKey === key) {
      setTtl(ttl);
      return stored;
    }
    noStore();
    return now;
  }

  /** Keeps something under a key, whatever there is. */
  async put(key: string, value: Outcome, ttl: number): Promise<void> {
    const create = ({ setTtl }: CreateContext<Outcome>) => {
      setTtl(ttl);
      return value;
    };
    await this.#region.getOrCreate(key, create, { maxAge: -1, staleIfError: this.#retention });
  }
}
