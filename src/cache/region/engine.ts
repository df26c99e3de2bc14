/**
 * A configured region: what its methods do.
 *
 * @module
 */

import { abortable, type Awaitable, isPending } from "../../core/awaitable.ts";
import { type Duration, toMilliseconds } from "../../core/lifetime.ts";
import { type Envelope, type Found, overdue, type Stamp } from "./envelope.ts";
import { Flight } from "./flight.ts";
import { Ground } from "./ground.ts";
import type { Creator, GetOrCreateOptions, RegionOptions, RegionReadOptions } from "./options.ts";
import type { Claim, ClaimOptions } from "./place.ts";
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

/** A configured region. */
export class Engine<V> extends Ground<V> {
  /** A fresh value that can be had by the shortest way. */
  hit(key: string): V | undefined {
    if (!this.isPlain || this.local === undefined || typeof key !== "string") return undefined;
    const value = this.local.hit(key, this.now);
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

  // deno-lint-ignore require-await -- the first caller must be known to the next one before anything is awaited
  async getOrCreate(key: string, create: Creator<V>, options?: GetOrCreateOptions<V>): Promise<V> {
    options?.signal?.throwIfAborted();
    const wish = options === undefined ? this.wish : wishOf(this.options, options);
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
      let flight = this.flightAfter(name, token, found);
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

  /**
   * The flight to wait for after a look, before which it had this token: none whose claim was not found any more, since others
   * have deleted, written or invalidated the key.
   */
  flightAfter(name: string, token: string | undefined, found: Found<V> | undefined): Flight<Outcome<V>> | undefined {
    const flight = this.flightOf(name);
    if (token === undefined || flight?.token !== token) return flight;
    // A strategy of one's own judges the old value in the entry, not the claim.
    const isInvalid = found?.invalid === "hard" && !this.options.invalidation;
    return found?.entry.l === token && !isInvalid ? flight : undefined;
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
      const won = await this.acquire(flight, key, name, wish, found, !isBackground, isBackground);
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
      const last = await this.fallBack(key, name, old, wish);
      if (last === undefined) throw error;
      return last;
    }
  }

  /** The old value, after a failure, while it will do. */
  async fallBack(key: string, name: string, old: Found<V> | undefined, wish: Wish<V>): Promise<V | undefined> {
    const last = old ?? await this.recall(name);
    if (!(overdue(last, this.now()) < wish.staleIfError)) return undefined;
    this.tell("stale", key);
    return last!.entry.v;
  }

  /** A claim for the flight; or what others have made; or `"busy"`, if they are at it or the flight was superseded. */
  async acquire(
    flight: Flight<Outcome<V>>,
    key: string,
    name: string,
    wish: Wish<V>,
    found: Found<V> | undefined,
    wait: boolean,
    isBackground: boolean,
  ): Promise<Claim<V> | Found<V> | "busy" | undefined> {
    const { signal } = flight;
    const options: ClaimOptions<V> = {
      tags: wish.tags,
      wait,
      signal,
      isCurrent: () => this.flightOf(name) === flight,
      onHeld: (isHeld) => {
        flight.isHeld = isHeld;
      },
      isUseful: async (read) => {
        const other = await this.judged(key, read);
        return overdue(other, this.now(), wish.maxAge) < 0 && !(isBackground && other!.entry.c === found?.entry.c);
      },
      tell: (what) => {
        if (what === "wait") this.tell("wait", key);
        else this.report({ type: "lease", key, outcome: what });
      },
    };
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
    await this.#end("write", key, () => claim.commit(entry, endOf(entry, wish)));
  }

  async release(claim: Claim<V> | undefined, key: string): Promise<void> {
    if (claim) await this.#end("lease", key, () => claim.release());
  }

  /** Ends a claim. It is renewed until then, so that is tried also while the store is left alone; but nobody waits for it. */
  async #end(during: "write" | "lease", key: string, work: () => Awaitable<unknown>): Promise<void> {
    let isTried = false;
    await this.guard(during, key, true, () => {
      isTried = true;
      return work();
    });
    if (!isTried) void Promise.resolve().then(work).catch(() => {});
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
      try {
        await background({ key, run: () => (running ??= run()) as Promise<V> });
      } catch (error) {
        if (!running) this.report({ type: "error", key, during: "create", error });
      }
      // Somebody else does it, some day; asking again at once would not make it faster.
      if (!running) this.handedOver.set(name, this.now() + 10_000);
      return running ?? NOTHING;
    });
    const work = flight.join().catch(() => {});
    wish.waitUntil?.(work);
  }

  /** Whether somebody makes the value already, here or elsewhere, or has been asked to. */
  isBeingMade(name: string, { entry }: Found<V>): boolean {
    const moment = this.now();
    return this.flightOf(name) !== undefined || entry.u! > moment || this.handedOver.get(name)! > moment;
  }

  #look(key: string, name: string, wish: Wish<V>, signal: AbortSignal | undefined): Awaitable<Found<V> | undefined> {
    return this.local ? this.judged(key, this.local.read(name)) : this.#lookAfar(key, name, wish, signal);
  }

  async #lookAfar(key: string, name: string, wish: Wish<V>, signal?: AbortSignal): Promise<Found<V> | undefined> {
    const isGood = (last: Found<V> | undefined) => overdue(last, this.now()) < wish.staleIfError;
    try {
      const found = await this.guard("read", key, wish.bypass, (place) => place.read(name), signal);
      if (found) return await this.judged(key, found);
    } catch (error) {
      if (signal?.aborted || !isGood(await this.recall(name))) throw error;
    }
    const last = await this.recall(name);
    return isGood(last) ? last : undefined;
  }

  #isDueEarly({ f, d = 0 }: Envelope<V>, moment: number): boolean {
    if (f === undefined || this.isPlain) return false;
    const { earlyRefresh = 0 } = this.options;
    return f - moment <= this.refreshAhead || moment - d * earlyRefresh * Math.log(this.random()) >= f;
  }
}

/** The moment after which the store need not keep an entry. */
export function endOf<V>({ f }: Envelope<V>, { kept }: Wish<V>): number | undefined {
  return f === undefined || kept === Infinity ? undefined : f + kept;
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
