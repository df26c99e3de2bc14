/**
 * A claim within one process, on entries of a store that others use too: where it cannot create, or need not.
 *
 * @module
 */

import type { Store } from "../../core/store.ts";
import type { Claims } from "./claims.ts";
import type { Versioned } from "./entry_claim.ts";
import { type Envelope, type Found, plain, type Stamp } from "./envelope.ts";
import type { Claim } from "./place.ts";

/** A claim that is known in this process alone. */
export class LooseClaim<V> implements Claim<V> {
  readonly stamp: Stamp;
  readonly found: Found<V> | undefined;
  readonly #claims: Claims;
  readonly #store: Store<unknown>;
  readonly #key: string;
  readonly #read: Versioned<V>;

  constructor(claims: Claims, store: Store<unknown>, key: string, read: Versioned<V>, stamp: Stamp) {
    this.stamp = stamp;
    this.found = read.found;
    this.#claims = claims;
    this.#store = store;
    this.#key = key;
    this.#read = read;
    claims.take(key, this);
  }

  async end(entry?: Envelope<V>, expiresAt?: number): Promise<void> {
    const { swap, create, ttl } = this.#store.backend.supports;
    const { version, isThere } = this.#read;
    const options = ttl ? { expiresAt } : {};
    try {
      if (!entry) return;
      await this.#claims.write(this.#key, this, async () => {
        // Where the store can, nobody else has written the entry since it was read.
        if (version !== undefined && swap) {
          await this.#store.replace(this.#key, plain(entry), { ...options, version });
        } else if (!isThere && create) await this.#store.add(this.#key, plain(entry), options);
        else await this.#store.set(this.#key, plain(entry), options);
        return true;
      });
    } finally {
      this.#claims.drop(this.#key, this);
    }
  }
}
