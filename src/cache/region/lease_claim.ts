/**
 * A claim that stands beside the entry, for stores that can create but not swap.
 *
 * @module
 */

import type { Store } from "../../core/store.ts";
import { Lease } from "../lease.ts";
import { type Envelope, type Found, plain, type Stamp } from "./envelope.ts";
import type { Claim } from "./place.ts";

/** Where a claim stands, and what it is for. */
export interface LeaseClaimPlace {
  readonly store: Store<unknown>;
  /** The key of the entry. */
  readonly key: string;
  /** The key of the lease. */
  readonly leaseKey: string;
  /** How long it is believed, in milliseconds. */
  readonly ttl: number;
  readonly onLost: () => void;
}

/**
 * A claim beside the entry. Whoever deletes or writes the entry removes the lease first, and a value is written only after
 * a look at the lease: between that look and the write another process may slip in.
 */
export class LeaseClaim<V> implements Claim<V> {
  readonly stamp: Stamp;
  readonly found: Found<V> | undefined;
  readonly #place: LeaseClaimPlace;
  readonly #lease: Lease;

  constructor(place: LeaseClaimPlace, lease: Lease, stamp: Stamp, found: Found<V> | undefined) {
    this.#place = place;
    this.#lease = lease;
    this.stamp = stamp;
    this.found = found;
  }

  /** The lease of a claim, or nothing if somebody else has it. */
  static async lease({ store, leaseKey, ttl }: LeaseClaimPlace, signal: AbortSignal): Promise<Lease | undefined> {
    const lease = new Lease(store, leaseKey, { ttl });
    return await lease.tryAcquire({ signal }) ? lease : undefined;
  }

  async commit(entry: Envelope<V>, expiresAt: number | undefined): Promise<boolean> {
    const { store, key, onLost } = this.#place;
    const isMine = await this.#lease.isMine();
    if (isMine) await store.set(key, plain(entry), { expiresAt });
    else onLost();
    await this.release();
    return isMine;
  }

  async release(): Promise<void> {
    await this.#lease.release();
  }
}
