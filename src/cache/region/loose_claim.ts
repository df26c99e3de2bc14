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

  constructor(
    claims: Map<string, unknown>,
    store: Store<unknown>,
    key: string,
    { found, version }: Versioned<V>,
    stamp: Stamp,
  ) {
    this.#claims = claims;
    this.#store = store;
    this.#key = key;
    this.#version = version;
    this.found = found;
    this.stamp = stamp;
    claims.set(key, this);
  }

  async commit(entry: Envelope<V>, expiresAt: number | undefined): Promise<boolean> {
    if (this.#claims.get(this.#key) !== this) return false;
    const { swap, create } = this.#store.backend.supports;
    // Where the store can, nobody else has written the entry since it was read.
    const version = this.#version;
    try {
      if (version !== undefined && swap) {
        return await this.#store.replace(this.#key, plain(entry), { expiresAt, version });
      }
      if (version === undefined && create) return await this.#store.add(this.#key, plain(entry), { expiresAt });
      await this.#store.set(this.#key, plain(entry), { expiresAt });
      return true;
    } finally {
      this.release();
    }
  }

  release(): void {
    if (this.#claims.get(this.#key) === this) this.#claims.delete(this.#key);
  }
}
