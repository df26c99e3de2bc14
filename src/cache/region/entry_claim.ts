/**
 * A claim that stands in the entry itself, where a store can swap: who writes, deletes or replaces the entry takes the
 * claim away by the same step, so a late value can never come back.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import type { Envelope, Found, Stamp } from "./envelope.ts";
import { plain } from "./envelope.ts";
import { newOwner, retire } from "./owner.ts";
import type { Claim } from "./place.ts";
import { Renewal } from "./renewal.ts";

/** What was read under a key, with its version and its end. */
export interface Versioned<V> {
  readonly found: Found<V> | undefined;
  /** Whether there was anything at all. */
  readonly isThere: boolean;
  readonly version?: string | undefined;
  readonly expiresAt?: number | undefined;
}

/** A claim in the entry. */
export class EntryClaim<V> implements Claim<V> {
  readonly stamp: Stamp;
  readonly found: Found<V> | undefined;
  readonly token: string = newOwner();
  readonly #backend: Backend<Envelope<V>>;
  readonly #key: string;
  readonly #keptUntil: number | undefined;
  readonly #ttl: number;
  readonly #now: Clock;
  readonly #onLost: () => void;
  #version: string | undefined;
  #renewal: Renewal | undefined;

  private constructor(
    backend: Backend<Envelope<V>>,
    key: string,
    { found, version, expiresAt }: Versioned<V>,
    stamp: Stamp,
    { ttl, now, onLost }: { ttl: number; now: Clock; onLost: () => void },
  ) {
    this.#backend = backend;
    this.#key = key;
    this.found = found?.invalid === "hard" || found?.entry.v === undefined ? undefined : found;
    this.#version = version;
    this.#keptUntil = expiresAt;
    this.stamp = stamp;
    this.#ttl = ttl;
    this.#now = now;
    this.#onLost = onLost;
  }

  /** The claim, or nothing if somebody else was first. */
  static async acquire<V>(
    backend: Backend<Envelope<V>>,
    key: string,
    read: Versioned<V>,
    stamp: Stamp,
    options: { ttl: number; now: Clock; onLost: () => void },
  ): Promise<EntryClaim<V> | undefined> {
    const claim = new EntryClaim(backend, key, read, stamp, options);
    let isWon = false;
    try {
      isWon = await claim.#hold(read.version);
    } finally {
      if (!isWon) retire(claim.token);
    }
    if (!isWon) return undefined;
    claim.#renewal = new Renewal(options.ttl / 3, () => claim.#renew());
    return claim;
  }

  async end(entry?: Envelope<V>, expiresAt?: number): Promise<void> {
    await this.#renewal!.stop();
    try {
      if (this.#version === undefined) return;
      if (entry) await this.#write(entry, expiresAt);
      else if (this.found) await this.#write({ ...this.found.entry, l: undefined, u: undefined }, this.#keptUntil);
      else await this.#backend.remove(this.#key, { condition: { version: this.#version } });
    } finally {
      // Not before: until it is written, another region of this process would take it for left behind.
      retire(this.token);
    }
  }

  async #renew(): Promise<boolean> {
    if (await this.#hold(this.#version)) return true;
    this.#version = undefined;
    this.#onLost();
    return false;
  }

  /** Writes the claim over what has this version; whether it did. */
  async #hold(version: string | undefined): Promise<boolean> {
    const u = this.#now() + this.#ttl;
    const entry = plain({ c: this.#now(), ...this.stamp, ...this.found?.entry, l: this.token, u });
    const end = this.found ? this.#keptUntil && Math.max(this.#keptUntil, u) : u;
    const condition = version === undefined ? "absent" : { version };
    const answer = await this.#backend.write(this.#key, entry, { condition, ...this.#until(end) });
    if (answer === false) return false;
    if (answer !== true) this.#version = answer;
    else {
      const written = await this.#backend.read(this.#key, { details: true });
      if (written?.value.l !== this.token) return false;
      this.#version = written.version;
    }
    return true;
  }

  async #write(entry: Envelope<V>, expiresAt: number | undefined): Promise<void> {
    const condition = { version: this.#version! };
    const answer = await this.#backend.write(this.#key, plain(entry), { condition, ...this.#until(expiresAt) });
    if (answer === false) this.#onLost();
  }

  #until(expiresAt: number | undefined): { expiresAt?: number | undefined } {
    return this.#backend.supports.ttl ? { expiresAt } : {};
  }
}
