/**
 * Entries in a store that other processes use, too.
 *
 * @module
 */

import type { Backend, Entry } from "../../core/backend.ts";
import type { Awaitable } from "../../core/awaitable.ts";
import type { Clock } from "../../core/clock.ts";
import { Store } from "../../core/store.ts";
import type { ValueBackend } from "../../core/store_options.ts";
import { prefixed } from "../../layers/prefixed.ts";
import { Breaker } from "./breaker.ts";
import { Claims } from "./claims.ts";
import { EntryClaim, type Versioned } from "./entry_claim.ts";
import { type Envelope, type Epoch, type Found, plain, type Stamp } from "./envelope.ts";
import type { InvalidationMode } from "./events.ts";
import { Lease } from "../lease.ts";
import { LeaseClaim } from "./lease_claim.ts";
import { LooseClaim } from "./loose_claim.ts";
import type { BreakerOptions, RegionLeaseOptions } from "./options.ts";
import { isLeftBehind, newToken } from "./owner.ts";
import { Pauses } from "./pause.ts";
import type { Claim, ClaimOptions, Place } from "./place.ts";

// What stands where in the region's part of the store: one letter, so that no key of a user can be anything else.
const VALUE = "v:";
const TAG = "t:";
const LEASE = "l:";
const HARD = "h";
const SOFT = "s";

/** How many entries are remembered for an outage: those read last. */
const SEEN = 1000;

/** What a place in a shared store is told. */
export interface SharedPlaceOptions {
  /** How processes keep apart; they do not if there is none. */
  readonly leases: RegionLeaseOptions | undefined;
  readonly breaker: BreakerOptions | undefined;
  /** Whether what was read is remembered for an outage. */
  readonly remembers: boolean;
  readonly now: Clock;
  readonly random: () => number;
}

/** Entries in a store that other processes use, too. */
export class SharedPlace<V> implements Place<V> {
  readonly #store: Store<unknown>;
  readonly #backend: Backend<unknown>;
  readonly #options: SharedPlaceOptions;
  readonly #claims = new Claims();
  readonly #breaker: Breaker;
  readonly #looks = new Map<string, Promise<Found<V> | undefined>>();
  readonly #seen = new Map<string, Found<V>>();

  constructor(store: Store<unknown>, prefix: string, options: SharedPlaceOptions) {
    this.#backend = prefixed(store.backend, prefix);
    this.#store = new Store(this.#backend as ValueBackend<unknown>, { now: options.now });
    this.#options = options;
    this.#breaker = new Breaker(options.breaker ?? {}, options.now);
  }

  attempt<T>(work: () => Awaitable<T>, bypass: boolean): Promise<T | undefined> {
    return this.#breaker.run(work, bypass);
  }

  recall(key: string): Found<V> | undefined {
    return this.#breaker.isDown ? this.#seen.get(key) : undefined;
  }

  read(key: string): Promise<Found<V> | undefined> {
    let look = this.#looks.get(key);
    if (!look) {
      this.#looks.set(key, look = this.#look(key));
      // Calls of one moment share a look. Later ones do not: it may be from before something they know of.
      queueMicrotask(() => this.#looks.delete(key));
    }
    return look;
  }

  async readMany(keys: readonly string[], signal?: AbortSignal): Promise<Map<string, Found<V>>> {
    // Values first: what is invalidated between two reads is then seen to be.
    const read = await this.#store.getMany([...keys.map((key) => VALUE + key), HARD, SOFT], { signal });
    const tags = new Set<string>();
    for (const key of keys) for (const [tag] of toEnvelope<V>(read.get(VALUE + key))?.t ?? []) tags.add(TAG + tag);
    const epochs = new Map([...read, ...await this.#store.getMany(tags, { signal })]);
    const all = new Map<string, Found<V>>();
    for (const key of keys) {
      const entry = toEnvelope<V>(read.get(VALUE + key));
      if (entry) all.set(key, { entry, invalid: judge(entry, epochs) });
    }
    if (this.#options.remembers) this.#remember(all);
    return all;
  }

  async stamp(tags: readonly string[], signal?: AbortSignal): Promise<Stamp> {
    return toStamp(tags, await this.#store.getMany([HARD, SOFT, ...tags.map((tag) => TAG + tag)], { signal }));
  }

  async write(entries: ReadonlyMap<string, Envelope<V>>, expiresAt?: number, signal?: AbortSignal): Promise<void> {
    await this.#forgetClaims([...entries.keys()], signal);
    const values = [...entries].map(([key, entry]) => [VALUE + key, plain(entry)] as const);
    await this.#store.setMany(values, this.#backend.supports.ttl ? { expiresAt, signal } : { signal });
  }

  async remove(keys: readonly string[], signal?: AbortSignal): Promise<number> {
    await this.#forgetClaims(keys, signal);
    return await this.#store.deleteMany(keys.map((key) => VALUE + key), { signal });
  }

  async clear(prefix: string, signal?: AbortSignal): Promise<void> {
    this.#seen.clear();
    await this.#claims.revoke((key) => key.startsWith(VALUE + prefix));
    if (this.#hasLeaseKeys) await this.#store.clear({ prefix: LEASE + prefix, signal });
    await this.#store.clear({ prefix: VALUE + prefix, signal });
  }

  // Each has a key of its own, so that a soft invalidation cannot undo a hard one of the same moment.
  async invalidate(mode: InvalidationMode, signal?: AbortSignal): Promise<void> {
    this.#seen.clear();
    await this.#store.set(mode === "hard" ? HARD : SOFT, newToken(), { signal });
  }

  async invalidateTags(tags: readonly string[], signal?: AbortSignal): Promise<void> {
    this.#seen.clear();
    await this.#store.setMany(tags.map((tag) => [TAG + tag, newToken()]), { signal });
  }

  async acquire(key: string, options: ClaimOptions<V>): Promise<Claim<V> | Found<V> | "busy"> {
    const { wait, isUseful, isCurrent, tell, signal } = options;
    const { leases, random } = this.#options;
    const pauses = new Pauses(leases?.pollInterval ?? 250, random);
    for (let isWaiting = false;; isWaiting = true) {
      const { stamp, ...read } = await this.#readForClaim(key, options);
      if (await isUseful(read.found)) return read.found!;
      if (!isCurrent()) return "busy";
      const claim = this.#isTaken(read.found) ? undefined : await this.#claim(key, stamp, read, options);
      if (claim) return claim;
      if (!wait) return "busy";
      if (!isWaiting) tell("wait");
      await pauses.next(signal);
    }
  }

  async #claim(
    key: string,
    stamp: Stamp,
    read: Versioned<V>,
    { isUseful, onHeld, tell, signal }: ClaimOptions<V>,
  ): Promise<Claim<V> | Found<V> | undefined> {
    const { leases, now } = this.#options;
    const name = VALUE + key;
    const held = <C extends Claim<V>>(claim: C): C => {
      onHeld(() => this.#claims.has(name, claim));
      return claim;
    };
    if (!leases) return held(new LooseClaim(this.#claims, this.#store, name, read, stamp));
    const { ttl = 10_000 } = leases;
    const onLost = () => tell("lost");
    if (this.#backend.supports.swap) {
      const backend = this.#backend as Backend<Envelope<V>>;
      const claim = await EntryClaim.acquire(backend, name, read, stamp, { ttl, now, onLost });
      if (claim) tell("won");
      return claim;
    }
    const lease = new Lease(this.#store, LEASE + key, { ttl });
    if (!await lease.tryAcquire({ signal })) return undefined;
    // The one who had it before may have made the value since it was read.
    const again = await this.#look(key);
    if (await isUseful(again)) {
      await lease.release();
      return again;
    }
    tell("won");
    return held(new LeaseClaim({ store: this.#store, key: name, lease, claims: this.#claims, onLost }, stamp, again));
  }

  async #look(key: string): Promise<Found<V> | undefined> {
    return (await this.readMany([key])).get(key);
  }

  async #readForClaim(key: string, { tags, signal }: ClaimOptions<V>): Promise<Versioned<V> & { stamp: Stamp }> {
    const asked = [VALUE + key, HARD, SOFT, ...tags.map((tag) => TAG + tag)];
    const read = await this.#entries(asked, signal);
    const epochs = new Map([...read].map(([key, { value }]) => [key, value]));
    const { value, version, expiresAt } = read.get(VALUE + key) ?? {};
    const entry = toEnvelope<V>(value);
    const others = entry?.t?.map(([tag]) => TAG + tag).filter((tag) => !asked.includes(tag)) ?? [];
    for (const [tag, epoch] of await this.#store.getMany(others, { signal })) epochs.set(tag, epoch);
    const found = entry && { entry, invalid: judge(entry, epochs) };
    return { stamp: toStamp(tags, epochs), found, isThere: value !== undefined, version, expiresAt };
  }

  async #entries(keys: readonly string[], signal: AbortSignal): Promise<Map<string, Entry<unknown>>> {
    const options = { signal, details: true };
    if (this.#backend.readMany) return await this.#backend.readMany(keys, options);
    const all = new Map<string, Entry<unknown>>();
    for (const key of keys) {
      const entry = await this.#backend.read(key, options);
      if (entry) all.set(key, entry);
    }
    return all;
  }

  /** Whether somebody makes the value who may still store it. */
  #isTaken(found: Found<V> | undefined): boolean {
    if (!this.#options.leases || !found?.entry.l || found.invalid === "hard") return false;
    return found.entry.u! > this.#options.now() && !isLeftBehind(found.entry.l);
  }

  get #hasLeaseKeys(): boolean {
    return this.#options.leases !== undefined && !this.#backend.supports.swap;
  }

  #remember(all: ReadonlyMap<string, Found<V>>): void {
    for (const [key, found] of all) {
      this.#seen.delete(key);
      this.#seen.set(key, found);
      if (this.#seen.size > SEEN) this.#seen.delete(this.#seen.keys().next().value!);
    }
  }

  async #forgetClaims(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    for (const key of keys) this.#seen.delete(key);
    const names = new Set(keys.map((key) => VALUE + key));
    await this.#claims.revoke((name) => names.has(name));
    if (this.#hasLeaseKeys) await this.#store.deleteMany(keys.map((key) => LEASE + key), { signal });
  }
}

function judge({ h, s, t }: Stamp, epochs: ReadonlyMap<string, unknown>): InvalidationMode | undefined {
  const isCurrent = ([tag, epoch]: readonly [string, Epoch]) => (epochs.get(TAG + tag) ?? "") === epoch;
  if (h !== epochs.get(HARD) || (t && !t.every(isCurrent))) return "hard";
  return s !== epochs.get(SOFT) ? "soft" : undefined;
}

function toStamp(tags: readonly string[], epochs: ReadonlyMap<string, unknown>): Stamp {
  return {
    h: epochs.get(HARD) as Epoch,
    s: epochs.get(SOFT) as Epoch,
    t: tags.length > 0 ? tags.map((tag) => [tag, (epochs.get(TAG + tag) ?? "") as Epoch]) : undefined,
  };
}

/** What was found, if a region wrote it. */
function toEnvelope<V>(value: unknown): Envelope<V> | undefined {
  const isOne = typeof value === "object" && value !== null && typeof (value as { c?: unknown }).c === "number";
  return isOne ? value as Envelope<V> : undefined;
}
