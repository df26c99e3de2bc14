/**
 * A claim that stands beside the entry, for stores that can create but not swap.
 *
 * @module
 */

import type { Store } from "../../core/store.ts";
import type { Lease } from "../lease.ts";
import type { Claims } from "./claims.ts";
import { type Envelope, type Found, plain, type Stamp } from "./envelope.ts";
import type { Claim } from "./place.ts";

/** What a claim beside the entry is about. */
export interface LeaseClaimSubject {
  readonly store: Store<unknown>;
  /** The key of the entry. */
  readonly key: string;
  readonly lease: Lease;
  readonly claims: Claims;
  readonly onLost: () => void;
}

/**
 * A claim beside the entry. Whoever deletes or writes the entry removes the lease first, and a value is written only after
 * a look at the lease: between that look and the write another process may slip in, this one may not.
 */
export class LeaseClaim<V> implements Claim<V> {
  readonly stamp: Stamp;
  readonly found: Found<V> | undefined;
  readonly #subject: LeaseClaimSubject;

  constructor(subject: LeaseClaimSubject, stamp: Stamp, found: Found<V> | undefined) {
    this.#subject = subject;
    this.stamp = stamp;
    this.found = found;
    subject.claims.take(subject.key, this);
  }

  async end(entry?: Envelope<V>, expiresAt?: number): Promise<void> {
    const { store, key, lease, claims, onLost } = this.#subject;
    try {
      const isDone = !entry || await claims.write(key, this, async (isHeld) => {
        if (!await lease.isMine() || !isHeld()) return false;
        await store.set(key, plain(entry), { expiresAt });
        return true;
      });
      if (!isDone) onLost();
    } finally {
      claims.drop(key, this);
      await lease.release();
    }
  }
}
