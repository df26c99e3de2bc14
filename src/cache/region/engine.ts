/**
 * A configured region: what its methods do.
 *
 * @module
 */

import { abortable, andThen, type Awaitable, isPending } from "../../core/awaitable.ts";
import type { Backend } from "../../core/backend.ts";
import { type Clock, coarseNow } from "../../core/clock.ts";
import { type Duration, toMilliseconds } from "../../core/lifetime.ts";
import { MapBackend } from "../../core/map_backend.ts";
import { notify } from "../../core/notify.ts";
import { StoreError } from "../../core/store_error.ts";
import { Breaker } from "./breaker.ts";
import { type Envelope, type Found, overdue, type Stamp, toEntry } from "./envelope.ts";
import type { RegionEvent } from "./events.ts";
import { Flight } from "./flight.ts";
import { LocalPlace } from "./local_place.ts";
import type { Creator, GetOrCreateOptions, RegionOptions, RegionReadOptions } from "./options.ts";
import type { Claim, Place } from "./place.ts";
import { Room, roomOf } from "./room.ts";
import { type Wish, wishOf } from "./wish.ts";

/** What a flight comes to that made nothing: whoever waited looks again. */
export const NOTHING: unique symbol = Symbol("nothing");

/** What the flight of a key comes to that a creator of many left out. */
export const LEFT_OUT: unique symbol = Symbol("left out");

/** What a flight comes to. */
export type Outcome<V> = V | typeof NOTHING | typeof LEFT_OUT;

/** What a creator said about its value. */
export interface Verdict {
  ttl?: RegionOptions["ttl"];
  isStored: boolean;
}

/** How many entries that were seen are remembered for an outage. */
const SEEN = 1000;

/** A configured region. */
export class Engine<V> {
  readonly options: RegionOptions<V>;
  readonly name: string;
  readonly scope: "process" | "shared";
  readonly now: Clock;
  readonly random: () => number;
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
  readonly #local: LocalPlace<V> | undefined;
  readonly #isPlain: boolean;
  readonly #wish: Wish<V>;
  readonly #breaker: Breaker;
  readonly #refreshAhead: number;
  readonly #looks = new Map<string, Promise<Found<V> | undefined>>();
  readonly #handedOver = new Map<string, number>();
  readonly #seen: Map<string, Found<V>> | undefined;
  #place: Place<V> | Promise<Place<V>> | undefined;
  #mangle: ((key: string) => Awaitable<string>) | undefined;

  constructor(options: RegionOptions<V>) {
    const { store, name = "region", mangle, lease, refreshAhead = 0, earlyRefresh, invalidation } = options;
    const backend: Backend<unknown> = store?.backend ?? new MapBackend(new Map(), { now: options.now ?? coarseNow });
    this.options = options;
    this.name = name;
    this.now = options.now ?? backend.now ?? Date.now;
    this.random = options.random ?? Math.random;
    this.room = store ? roomOf(backend, name) : new Room();
    this.#wish = wishOf(options);
    this.#breaker = new Breaker(options.breaker ?? {}, this.now);
    this.#refreshAhead = toMilliseconds(refreshAhead, "refreshAhead");
    this.#isPlain = !mangle && !earlyRefresh && !invalidation && this.#refreshAhead === 0;
    const isLocal = backend.readSync !== undefined && backend.writeSync !== undefined;
    this.scope = isLocal || lease === false || !backend.supports.create ? "process" : "shared";
    if (isLocal) {
      const prefix = store ? `${roomPrefix(name)}v:` : "";
      this.#place = this.#local = new LocalPlace<V>(backend as Backend<Envelope<V>>, prefix, this.room);
    } else if (this.#wish.staleIfError > 0) this.#seen = new Map();
  }

  /** A fresh value that can be had by the shortest way. */
  hit(key: string): V | undefined {
    if (!this.#isPlain || this.#local === undefined || typeof key !== "string") return undefined;
    const value = this.#local.hit(key, this.now);
    if (value !== undefined) this.tell("hit", key);
    return value;
  }

  /** What a read finds that will do. */
  async find(key: string, options: RegionReadOptions): Promise<Found<V> | undefined> {
    const { maxAge, stale = false, onStoreError, signal } = options;
    signal?.throwIfAborted();
    const wish = wishOf(this.options, { maxAge, onStoreError });
    const found = await this.#look(key, await this.nameOf(key), wish, signal);
    const over = overdue(found, this.now(), wish.maxAge);
    if (stale ? over < Infinity : over < 0) {
      this.tell(over < 0 ? "hit" : "stale", key);
      return found;
    }
    this.tell("miss", key);
    return undefined;
  }

  /** What a read of many keys finds that will do, in their order. */
  async findMany(keys: readonly string[], options: RegionReadOptions): Promise<Map<string, Found<V>>> {
    const { maxAge, stale = false, onStoreError, signal } = options;
    signal?.throwIfAborted();
    const wish = wishOf(this.options, { maxAge, onStoreError });
    const all = new Map<string, Found<V>>();
    if (keys.length === 0) return all;
    const there = await this.readMany(keys, await this.namesOf(keys), wish, signal);
    for (const key of keys) {
      const found = there.get(key);
      const over = overdue(found, this.now(), wish.maxAge);
      const isGood = stale ? over < Infinity : over < 0;
      this.tell(isGood ? over < 0 ? "hit" : "stale" : "miss", key);
      if (isGood) all.set(key, found!);
    }
    return all;
  }

  /** What there is of these keys, fresh or not. */
  async readMany(
    keys: readonly string[],
    names: ReadonlyMap<string, string>,
    { bypass }: Wish<V>,
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Found<V>>> {
    const wanted = [...new Set(keys.map((key) => names.get(key)!))];
    const there = await this.guard("read", undefined, bypass, (place) => place.readMany(wanted, signal), signal);
    const all = new Map<string, Found<V>>();
    for (const key of keys) {
      const found = await this.judged(key, there?.get(names.get(key)!));
      if (found) all.set(key, found);
    }
    return all;
  }

  // deno-lint-ignore require-await -- the first caller must be known to the next one before anything is awaited
  async getOrCreate(key: string, create: Creator<V>, options?: GetOrCreateOptions<V>): Promise<V> {
    options?.signal?.throwIfAborted();
    const wish = options === undefined ? this.#wish : wishOf(this.options, options);
    const name = this.nameOf(key);
    if (isPending(name)) return name.then((name) => this.#getOrCreate(key, name, create, wish, options?.signal));
    return this.#getOrCreate(key, name, create, wish, options?.signal);
  }

  async #getOrCreate(
    key: string,
    name: string,
    create: Creator<V>,
    wish: Wish<V>,
    signal: AbortSignal | undefined,
  ): Promise<V> {
    for (;;) {
      const token = this.flightOf(name)?.token;
      const look = this.#look(key, name, wish, signal);
      const found = isPending(look) ? await look : look;
      const moment = this.now();
      const over = overdue(found, moment, wish.maxAge);
      if (over < wish.staleWhileRevalidate || over < 0) {
        this.tell(over < 0 ? "hit" : "stale", key);
        if (over >= 0 || this.#isDueEarly(found!.entry, moment)) this.refresh(key, name, wish, found!, create);
        return found!.entry.v!;
      }
      let flight = this.flightOf(name);
      // Its claim was there before the look, and is gone: others have deleted or written the key since.
      if (flight && token !== undefined && flight.token === token && found?.entry.l !== token) flight = undefined;
      this.tell(flight ? "wait" : "miss", key);
      flight ??= this.fly(name, wish.tags, (flight) => this.create(flight, key, name, create, wish, found, false));
      const value = await flight.join(signal);
      if (value !== NOTHING && value !== LEFT_OUT) return value;
    }
  }

  /** Makes the value anew, whatever there is. */
  async recreate(key: string, create: Creator<V>, options: GetOrCreateOptions<V> = {}): Promise<V> {
    options.signal?.throwIfAborted();
    const wish = wishOf(this.options, options);
    const name = await this.nameOf(key);
    const found = await this.#look(key, name, wish, options.signal);
    const flight = this.fly(
      name,
      wish.tags,
      (flight) => this.create(flight, key, name, create, { ...wish, maxAge: -1 }, found, false),
    );
    return await flight.join(options.signal) as V;
  }

  flightOf(name: string): Flight<Outcome<V>> | undefined {
    return this.room.flights.get(name) as Flight<Outcome<V>> | undefined;
  }

  fly(
    name: string,
    tags: readonly string[],
    run: (flight: Flight<Outcome<V>>) => Promise<Outcome<V>>,
  ): Flight<Outcome<V>> {
    const { flights } = this.room;
    const flight = new Flight(run, tags, (ended) => {
      if (flights.get(name) === ended) flights.delete(name);
    });
    flights.set(name, flight);
    return flight;
  }

  /** Makes one value and stores it. */
  async create(
    flight: Flight<Outcome<V>>,
    key: string,
    name: string,
    create: Creator<V>,
    wish: Wish<V>,
    found: Found<V> | undefined,
    isBackground: boolean,
  ): Promise<Outcome<V>> {
    const { signal } = flight;
    let old = found;
    let claim: Claim<V> | undefined;
    try {
      const won = await this.acquire(key, name, wish, found, isBackground, signal);
      if (won === "busy") return NOTHING;
      if (won && "entry" in won) return won.entry.v!;
      claim = won;
      if (claim) old = claim.found;
      flight.token = claim?.token;
      const verdict: Verdict = { isStored: true };
      const previous = old?.invalid === "hard" ? undefined : old?.entry.v;
      this.tell(isBackground ? "refresh" : "create", key);
      const began = this.now();
      const value = await this.run(key, signal, () => create({ key, signal, previous, ...verdictMethods(verdict) }));
      await this.keep(claim, key, value, wish, verdict, this.now() - began);
      return value;
    } catch (error) {
      await this.release(claim, key);
      signal.throwIfAborted();
      const last = this.fallBack(key, name, old, wish);
      if (last === undefined) throw error;
      return last;
    }
  }

  /** The old value, after a failure, while it will do. */
  fallBack(key: string, name: string, old: Found<V> | undefined, wish: Wish<V>): V | undefined {
    const last = old ?? this.#seen?.get(name);
    if (!(overdue(last, this.now()) < wish.staleIfError)) return undefined;
    this.tell("stale", key);
    return last!.entry.v;
  }

  async acquire(
    key: string,
    name: string,
    wish: Wish<V>,
    found: Found<V> | undefined,
    isBackground: boolean,
    signal: AbortSignal,
  ): Promise<Claim<V> | Found<V> | "busy" | undefined> {
    const isUseful = async (read: Found<V> | undefined): Promise<boolean> => {
      const other = await this.judged(key, read);
      return overdue(other, this.now(), wish.maxAge) < 0 && !(isBackground && other!.entry.c === found?.entry.c);
    };
    const tell = (what: "won" | "lost" | "wait") => {
      if (what === "wait") this.tell("wait", key);
      else this.report({ type: "lease", key, outcome: what });
    };
    const options = { tags: wish.tags, wait: !isBackground, isUseful, tell, signal };
    return await this.guard("lease", key, wish.bypass, async (place) => {
      const won = await place.acquire(name, options);
      if (signal.aborted && won !== "busy" && "commit" in won) await won.release();
      return won;
    }, signal);
  }

  /** Runs a creator, until its signal aborts. */
  async run<T>(key: string, signal: AbortSignal, create: () => Awaitable<T>): Promise<T> {
    try {
      signal.throwIfAborted();
      return await abortable(create(), signal);
    } catch (error) {
      if (!signal.aborted) this.report({ type: "error", key, during: "create", error });
      throw error;
    }
  }

  /** Stores a value that was made under a claim, if it is to be stored; a store that fails does not take it away. */
  async keep(
    claim: Claim<V> | undefined,
    key: string,
    value: V,
    wish: Wish<V>,
    verdict: Verdict,
    duration: number,
  ): Promise<void> {
    if (!claim) return;
    const isStored = verdict.isStored && value !== undefined && (wish.shouldCache?.(value, key) ?? true);
    const entry = isStored ? this.envelope(key, value, wish, verdict.ttl, claim.stamp, duration) : undefined;
    if (!entry) return await this.release(claim, key);
    await this.guard("write", key, true, () => claim.commit(entry, endOf(entry, wish)));
  }

  async release(claim: Claim<V> | undefined, key: string): Promise<void> {
    if (claim) await this.guard("lease", key, true, () => claim.release());
  }

  /** The envelope of a value; none if its lifetime is over before it began. */
  envelope(
    key: string,
    value: V,
    wish: Wish<V>,
    ownTtl: Verdict["ttl"],
    { h, s, t }: Stamp,
    duration?: number,
  ): Envelope<V> | undefined {
    const { jitter = 0, earlyRefresh } = this.options;
    const ttl = ownTtl ?? wish.ttl;
    const span = toMilliseconds(typeof ttl === "function" ? ttl(value, key) : ttl) * (1 - jitter * this.random());
    if (span <= 0) return undefined;
    const c = this.now();
    const f = span === Infinity ? undefined : c + span;
    return { v: value, c, f, d: earlyRefresh ? duration : undefined, h, s, t, l: undefined, u: undefined };
  }

  /** Starts a refresh in the background, unless the value is being made already. */
  refresh(key: string, name: string, wish: Wish<V>, found: Found<V>, create: Creator<V>): void {
    if (this.isBeingMade(name, found)) return;
    const { background } = this.options;
    const flight = this.fly(name, wish.tags, async (flight) => {
      const run = () => this.create(flight, key, name, create, wish, found, true);
      if (!background) return await run();
      let running: Promise<Outcome<V>> | undefined;
      await background({ key, run: () => (running ??= run()) as Promise<V> });
      // Somebody else does it, some day; asking again at once would not make it faster.
      if (!running) this.#handedOver.set(name, this.now() + 10_000);
      return running ?? NOTHING;
    });
    const work = flight.join().catch(() => {});
    wish.waitUntil?.(work);
  }

  /** Whether somebody makes the value already, here or elsewhere, or has been asked to. */
  isBeingMade(name: string, { entry }: Found<V>): boolean {
    const moment = this.now();
    return this.flightOf(name) !== undefined || entry.u! > moment || this.#handedOver.get(name)! > moment;
  }

  /** Changes entries by hand: what runs or is remembered of them counts no more, before and after. */
  async change<T>(
    isMeant: (name: string, flight?: Flight<unknown>) => boolean,
    work: (place: Place<V>) => Awaitable<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const supersede = () => {
      for (const [name, flight] of this.room.flights) if (isMeant(name, flight)) this.room.flights.delete(name);
      for (const names of [this.#looks, this.#handedOver, this.#seen]) {
        for (const name of names?.keys() ?? []) if (isMeant(name)) names!.delete(name);
      }
    };
    supersede();
    try {
      return await this.guard("write", undefined, false, work, signal) as T;
    } finally {
      supersede();
    }
  }

  /** Asks the store for something, as often as the breaker lets one. */
  async guard<T>(
    during: "read" | "write" | "lease",
    key: string | undefined,
    bypass: boolean,
    work: (place: Place<V>) => Awaitable<T>,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    const place = await this.place();
    const onError = (error: unknown) => this.report({ type: "error", key, during, error });
    return await this.#breaker.run(() => work(place), bypass, onError, signal);
  }

  /** What a key is called in the store. */
  nameOf(key: string): Awaitable<string> {
    if (typeof key !== "string") throw new TypeError("Cannot use a region: key must be a string");
    const { mangle } = this.options;
    if (!key.isWellFormed()) {
      const reason = "it has a lone surrogate";
      throw new StoreError("invalid-key", { store: this.name, operation: "use", key, reason });
    }
    if (this.#mangle || !mangle) return this.#mangle?.(key) ?? key;
    return import("./mangling.ts").then(({ mangling }) => (this.#mangle = mangling(mangle))(key));
  }

  /** What these keys are called in the store. */
  async namesOf(keys: Iterable<string>): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    for (const key of keys) names.set(key, await this.nameOf(key));
    return names;
  }

  /** Where the entries are. */
  place(): Awaitable<Place<V>> {
    return this.#place ??= import("./shared_place.ts").then(({ SharedPlace }) => {
      const { store, lease = true } = this.options;
      const { now, random, scope } = this;
      const leases = scope === "shared" ? typeof lease === "object" ? lease : {} : undefined;
      return this.#place = new SharedPlace<V>(store!, roomPrefix(this.name), { leases, now, random });
    });
  }

  /** Found entries, as the region's own strategy sees them, if it has one. */
  judged(key: string, found: Found<V> | undefined): Awaitable<Found<V> | undefined> {
    const { invalidation } = this.options;
    if (!invalidation || found?.entry.v === undefined) return found;
    const { entry } = found;
    return andThen(invalidation.judge(key, toEntry(found, this.now)), (invalid) => ({ entry, invalid }));
  }

  #look(key: string, name: string, wish: Wish<V>, signal: AbortSignal | undefined): Awaitable<Found<V> | undefined> {
    if (this.#local) return this.judged(key, this.#local.read(name));
    let look = this.#looks.get(name);
    if (!look) {
      look = this.guard("read", key, wish.bypass, (place) => place.read(name)).then((found) => this.judged(key, found));
      if (this.#seen) look = this.#remembering(name, look, wish);
      this.#looks.set(name, look);
      // Calls of one moment share a look. Later ones do not: it may be from before something they know of.
      queueMicrotask(() => this.#looks.delete(name));
    }
    return abortable(look, signal);
  }

  /** What was found; where the store fails, what was found last, within `staleIfError`. */
  async #remembering(name: string, look: Promise<Found<V> | undefined>, wish: Wish<V>): Promise<Found<V> | undefined> {
    const seen = this.#seen!;
    const last = seen.get(name);
    const isGood = overdue(last, this.now()) < wish.staleIfError;
    try {
      const found = await look;
      if (!found) return isGood && this.#breaker.isOpen ? last : undefined;
      seen.delete(name);
      seen.set(name, found);
      if (seen.size > SEEN) seen.delete(seen.keys().next().value!);
      return found;
    } catch (error) {
      if (isGood) return last;
      throw error;
    }
  }

  #isDueEarly({ f, d = 0 }: Envelope<V>, moment: number): boolean {
    if (f === undefined || this.#isPlain) return false;
    const { earlyRefresh = 0 } = this.options;
    return f - moment <= this.#refreshAhead || moment - d * earlyRefresh * Math.log(this.random()) >= f;
  }

  /** Counts an event of one key and passes it on. */
  tell(type: "hit" | "stale" | "miss" | "create" | "refresh" | "wait", key: string): void {
    this.counters[type]++;
    if (this.options.onEvent) notify(this.options.onEvent, { type, key });
  }

  /** Counts an event and passes it on. */
  report(event: RegionEvent): void {
    this.counters[event.type]++;
    if (this.options.onEvent) notify(this.options.onEvent, event);
  }
}

/** The moment after which the store need not keep an entry. */
export function endOf<V>({ f }: Envelope<V>, { kept }: Wish<V>): number | undefined {
  return f === undefined || kept === Infinity ? undefined : f + kept;
}

/** What all keys of a region start with. */
export function roomPrefix(name: string): string {
  return `${name.replace(/[%:]/g, encodeURIComponent)}:`;
}

/** The methods by which a creator says something about its value. */
export function verdictMethods(verdict: Verdict): { setTtl(ttl: number | Duration): void; noStore(): void } {
  return {
    setTtl: (ttl) => {
      toMilliseconds(ttl);
      verdict.ttl = ttl;
    },
    noStore: () => {
      verdict.isStored = false;
    },
  };
}
