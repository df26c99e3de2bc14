/**
 * A claim within one process, on entries of a store that others use too: where it cannot create, or need not.
 *
 * @module
 */

import type { Store } from "../../core/store.ts";
import type { Versioned } from "./entry_claim.ts";
import { type Envelope, type Found, plain, type Stamp } from "./envelope.ts";
import type { Claim } from "./place.ts";

/** A claim that stands in a map. */
export class LooseClaim<V> implements Claim<V> {
  readonly stamp: Stamp;
  readonly found: Found<V> | undefined;
  readonly #claims: Map<string, unknown>;
  readonly #store: Store<unknown>;
  readonly #key: string;
  readonly #version: string | undefined;
  readonly #isThere: boolean;

  constructor(
    claims: Map<string, unknown>,
    store: Store<unknown>,
    key: string,
    { found, isThere, version }: Versioned<V>,
    stamp: Stamp,
  ) {
    this.#claims = claims;
    this.#store = store;
    this.#key = key;
    this.#version = version;
    this.#isThere = isThere;
    this.found = found;
    this.stamp = stamp;
    claims.set(key, this);
  }

  async commit(entry: Envelope<V>, expiresAt: number | undefined): Promise<boolean> {
    if (this.#claims.get(this.#key) !== this) return false;
    const { swap, create, ttl } = this.#store.backend.supports;
    const version = this.#version;
    const options = ttl ? { expiresAt } : {};
    try {
      // Where the store can, nobody else has written the entry since it was read.
      if (version !== undefined && swap) {
        return await this.#store.replace(this.#key, plain(entry), { ...options, version });
      }
      if (!this.#isThere && create) return await this.#store.add(this.#key, plain(entry), options);
      await this.#store.set(this.#key, plain(entry), options);
      return true;
    } finally {
      this.release();
    }
  }

  release(): void {
    if (this.#claims.get(this.#key) === this) this.#claims.delete(this.#key);
  }
}
