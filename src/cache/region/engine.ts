/**
 * What a region needs for its main job where the store answers at once: one creator per key, fresh and stale values.
 *
 * Other stores and rarer options take the {@linkcode FullEngine}, which is loaded when it is needed.
 *
 * @module
 */

import { abortable, type Awaitable, isPending } from "../../core/awaitable.ts";
import type { Backend } from "../../core/backend.ts";
import { type Clock, coarseNow } from "../../core/clock.ts";
import { type Duration, toMilliseconds } from "../../core/lifetime.ts";
import { MapBackend } from "../../core/map_backend.ts";
import { notify } from "../../core/notify.ts";
import { StoreError } from "../../core/store_error.ts";
import { AtHand } from "./at_hand.ts";
import { type Envelope, type Found, overdue } from "./envelope.ts";
import type { RegionEvent } from "./events.ts";
import { Flight } from "./flight.ts";
import type { Creator, GetOrCreateOptions, RegionOptions, RegionReadOptions, Ttl } from "./options.ts";
import type { Claim } from "./place.ts";
import { Room, roomOf } from "./room.ts";
import { type Wish, wishOf } from "./wish.ts";

/** What a flight comes to: a value; none, if a creator of many left it out; nothing, and whoever waited looks again. */
export type Outcome<V> = readonly [value: V] | readonly [] | undefined;

/** What a creator said about its value. */
export interface Verdict {
  ttl?: number;
  isStored?: boolean;
}

/** A value to be made. */
export interface Making<V> {
  /** The key, as it was asked for. */
  readonly key: string;
  /** What it is called in the store. */
  readonly name: string;
  readonly wish: Wish<V>;
  /** What there was when it was asked for. */
  readonly found: Found<V> | undefined;
  /** Whether nobody waits for it. */
  readonly isBackground?: boolean;
}

/** A value to be made by a creator of its own. */
export interface SingleMaking<V> extends Making<V> {
  readonly create: Creator<V>;
}

/** A configured region over a store that is at hand. */
export class Engine<V> {
  readonly options: RegionOptions<V>;
  readonly name: string;
  readonly scope: "process" | "shared";
  readonly now: Clock;
  readonly room: Room;
  readonly counters: Record<RegionEvent["type"], number> = {
    hit: 0,
    stale: 0,
    miss: 0,
    create: 0,
    refresh: 0,
    wait: 0,
    lease: 0,
    error: 0,
    invalidate: 0,
  };
  readonly wish: Wish<V>;
  /** The entries, where they are at hand. */
  readonly atHand?: AtHand<V>;
  /** What all keys of the region start with. */
  readonly prefix: string;
  /** Whether this engine does for the options there are. */
  readonly isPlain: boolean;

  constructor(options: RegionOptions<V>) {
    const { store, name = "region", mangle, lease, refreshAhead = 0, earlyRefresh, invalidation, background } = options;
    const backend: Backend<unknown> = store?.backend ?? new MapBackend(undefined, { now: options.now ?? coarseNow });
    const { supports } = backend;
    const isLocal = backend.readSync && backend.writeSync;
    this.options = options;
    this.name = name;
    this.prefix = `${name.replace(/[%:]/g, encodeURIComponent)}:`;
    this.now = options.now ?? backend.now ?? Date.now;
    this.wish = wishOf(options);
    // A lease must end by itself: with its entry, or by being swapped for another one.
    const isLeased = !isLocal && lease !== false && supports.create && (supports.swap || supports.ttl);
    this.scope = isLeased ? "shared" : "process";
    this.room = store ? roomOf(backend, name) : new Room();
    if (isLocal) this.atHand = new AtHand(backend as Backend<Envelope<V>>, store ? `${this.prefix}v:` : "", this.room);
    this.isPlain = toMilliseconds(refreshAhead, "refreshAhead") === 0 &&
      !!isLocal && !mangle && !earlyRefresh && !invalidation && !background;
  }

  /** A fresh value that can be had by the shortest way. */
  hit(key: string): V | undefined {
    const value = this.isPlain && typeof key === "string" ? this.atHand!.hit(key, this.now) : undefined;
    if (value !== undefined) this.tell("hit", key);
    return value;
  }

  /** What a read finds that will do. */
  async find(key: string, options: RegionReadOptions = {}): Promise<Found<V> | undefined> {
    options.signal?.throwIfAborted();
    const wish = wishOf(this.options, options);
    return this.served(key, await this.look(key, await this.nameOf(key), wish, options.signal), wish, options.stale);
  }

  /** What was found, if it will do. */
  served(key: string, found: Found<V> | undefined, { maxAge }: Wish<V>, stale = false): Found<V> | undefined {
    const over = overdue(found, this.now(), maxAge);
    const type = over < 0 ? "hit" : stale && over < Infinity ? "stale" : "miss";
    this.tell(type, key);
    return type === "miss" ? undefined : found;
  }

  async getOrCreate(key: string, create: Creator<V>, options?: GetOrCreateOptions<V>): Promise<V> {
    const signal = options?.signal;
    signal?.throwIfAborted();
    const wish = options ? wishOf(this.options, options) : this.wish;
    const named = this.nameOf(key);
    // The first caller must be known to the next one before anything is awaited.
    const name = isPending(named) ? await named : named;
    for (;;) {
      const token = this.flightOf(name)?.token;
      const look = this.look(key, name, wish, signal);
      const found = isPending(look) ? await look : look;
      const over = overdue(found, this.now(), wish.maxAge);
      if (over < wish.staleWhileRevalidate || over < 0) {
        this.tell(over < 0 ? "hit" : "stale", key);
        if (this.isDue(found!, over)) this.refresh({ key, name, create, wish, found, isBackground: true });
        return found!.entry.v!;
      }
      let flight = this.flightOf(name, token, found);
      this.tell(flight ? "wait" : "miss", key);
      flight ??= this.fly(name, wish, (flight) => this.create(flight, { key, name, create, wish, found }));
      const outcome = await flight.join(signal);
      if (outcome?.length) return outcome[0];
    }
  }

  /** Who makes the value, as far as one may wait for it after a look before which the flight had this token. */
  flightOf(name: string, _token?: string, _found?: Found<V>): Flight<Outcome<V>> | undefined {
    return this.room.flights.get(name) as Flight<Outcome<V>> | undefined;
  }

  fly(name: string, { tags }: Wish<V>, run: (flight: Flight<Outcome<V>>) => Promise<Outcome<V>>): Flight<Outcome<V>> {
    return new Flight(this.room.flights, name, tags, run);
  }

  /** Makes one value and stores it. */
  async create(flight: Flight<Outcome<V>>, making: SingleMaking<V>): Promise<Outcome<V>> {
    const { signal } = flight;
    const { key, isBackground } = making;
    let old = making.found;
    let claim: Claim<V> | undefined;
    try {
      const won = await this.acquire(flight, making, !isBackground);
      if (!won || !("end" in won)) return won;
      claim = won;
      old = claim.found;
      const verdict: Verdict = {};
      const previous = old?.invalid === "hard" ? undefined : old?.entry.v;
      this.tell(isBackground ? "refresh" : "create", key);
      const value = await this.run(key, signal, () => making.create({ key, signal, previous, ...methodsOf(verdict) }));
      await this.keep(claim, making, value, verdict);
      return [value];
    } catch (error) {
      if (claim) await this.end(claim, key);
      signal.throwIfAborted();
      const last = await this.fallBack(making, old);
      if (last) return last;
      throw error;
    }
  }

  /** Runs a creator, until its signal aborts. */
  async run<T>(key: string, signal: AbortSignal, create: () => Awaitable<T>): Promise<T> {
    try {
      signal.throwIfAborted();
      return await abortable(create(), signal);
    } catch (error) {
      if (!signal.aborted) this.tell("error", key, { during: "create", error });
      throw error;
    }
  }

  /** Stores a value that was made under a claim, if it is to be stored; a store that fails does not take it away. */
  async keep(
    claim: Claim<V>,
    { key, wish }: Making<V>,
    value: V,
    { isStored = true, ttl }: Verdict,
  ): Promise<void> {
    const isKept = isStored && value !== undefined && (wish.shouldCache?.(value, key) ?? true);
    const entry = isKept ? this.envelope(key, value, ttl ?? wish.ttl, claim) : undefined;
    await this.end(claim, key, entry, entry && endOf(entry, wish));
  }

  /** The envelope of a value; none if its lifetime is over before it began. */
  envelope(
    key: string,
    value: V,
    ttl: Ttl<V>,
    { stamp: { h, s, t } }: Pick<Claim<V>, "stamp">,
  ): Envelope<V> | undefined {
    const { jitter = 0, random = Math.random } = this.options;
    const span = toMilliseconds(typeof ttl === "function" ? ttl(value, key) : ttl) * (1 - jitter * random());
    if (span <= 0) return undefined;
    const c = this.now();
    const f = span === Infinity ? undefined : c + span;
    return { v: value, c, f, d: undefined, h, s, t, l: undefined, u: undefined };
  }

  /** Whether a value that is served is to be made anew. */
  protected isDue(_found: Found<V>, over: number): boolean {
    return over >= 0;
  }

  /** Starts a refresh in the background, unless the value is being made already. */
  refresh(making: SingleMaking<V>): void {
    const { name, wish } = making;
    if (this.flightOf(name)) return;
    const flight = this.fly(name, wish, (flight) => this.create(flight, making));
    wish.waitUntil?.(flight.join().catch(() => {}));
  }

  /** Whether what others made meanwhile will do. */
  isMade(there: Found<V> | undefined, { wish }: Making<V>): boolean {
    return overdue(there, this.now(), wish.maxAge) < 0;
  }

  /** Counts an event of one key and passes it on. */
  tell(type: RegionEvent["type"], key: string, more?: object): void {
    this.counters[type]++;
    const { onEvent } = this.options;
    if (onEvent) notify(onEvent, { type, key, ...more } as RegionEvent);
  }

  /** What a key is called in the store. */
  nameOf(key: string): Awaitable<string> {
    if (typeof key !== "string") throw new TypeError("Cannot use a region: key must be a string");
    if (key.isWellFormed()) return key;
    throw new StoreError("invalid-key", { store: this.name, operation: "use", key, reason: "lone surrogate" });
  }

  look(
    _key: string,
    name: string,
    _wish: Wish<V>,
    _signal: AbortSignal | undefined,
  ): Awaitable<Found<V> | undefined> {
    return this.atHand!.read(name);
  }

  /** The right to make the value; or what others have made; or nothing, if they are at it or the flight was superseded. */
  // deno-lint-ignore require-await -- a store that is elsewhere has to be asked
  async acquire(
    flight: Flight<Outcome<V>>,
    making: Making<V>,
    _wait: boolean,
  ): Promise<Claim<V> | Outcome<V>> {
    const { name, wish } = making;
    const { atHand } = this;
    const found = atHand!.read(name);
    if (this.isMade(found, making)) return [found!.entry.v!];
    const isCurrent = () => this.flightOf(name) === flight;
    if (!isCurrent()) return undefined;
    flight.isHeld = isCurrent;
    return atHand!.claim(name, found, wish.tags, isCurrent);
  }

  /** Ends a claim, with a value or without. */
  end(claim: Claim<V>, _key: string, entry?: Envelope<V>, expiresAt?: number): Awaitable<unknown> {
    return claim.end(entry, expiresAt);
  }

  /** The old value, after a failure, while it will do. */
  fallBack({ key, wish }: Making<V>, old: Found<V> | undefined): Awaitable<Outcome<V>> {
    if (!(overdue(old, this.now()) < wish.staleIfError)) return undefined;
    this.tell("stale", key);
    return [old!.entry.v!];
  }
}

/** The moment after which the store need not keep an entry. */
export function endOf<V>({ f }: Envelope<V>, { kept }: Wish<V>): number | undefined {
  return f === undefined || kept === Infinity ? undefined : f + kept;
}

/** The methods by which a creator says something about its value. */
export function methodsOf(verdict: Verdict): { setTtl(ttl: number | Duration): void; noStore(): void } {
  return {
    setTtl: (ttl) => {
      verdict.ttl = toMilliseconds(ttl);
    },
    noStore: () => {
      verdict.isStored = false;
    },
  };
}
