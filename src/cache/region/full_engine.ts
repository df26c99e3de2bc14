/**
 * A region with all that it may be told, over any store.
 *
 * @module
 */

import { abortable, andThen, type Awaitable } from "../../core/awaitable.ts";
import { toMilliseconds } from "../../core/lifetime.ts";
import { notify } from "../../core/notify.ts";
import { Engine, type Making, type Outcome, type SingleMaking } from "./engine.ts";
import { type Envelope, type Found, overdue, toEntry } from "./envelope.ts";
import type { RegionEvent } from "./events.ts";
import type { Flight } from "./flight.ts";
import type { Claim, Place } from "./place.ts";
import type { Ttl } from "./options.ts";
import type { Wish } from "./wish.ts";

/** For how long a refresh that was handed over is believed to be in the hands of others. */
const HANDED_OVER = 10_000;

/** A configured region over any store. */
export class FullEngine<V> extends Engine<V> {
  /** Until when a refresh is believed to be in the hands of others. */
  readonly handedOver: Map<string, number> = new Map();
  #place: Place<V> | Promise<Place<V>> | undefined;
  #mangle: ((key: string) => Awaitable<string>) | undefined;

  /** The same region as that engine is of. */
  constructor(plain: Engine<V>) {
    super(plain.options);
    // What is known of the entries is known to both.
    Object.assign(this, plain);
  }

  /**
   * Asks the store for something. Where the call can do without (`bypass`), the answer is `undefined` when the store fails
   * or is left alone. Mistakes of the program are thrown in any case.
   */
  async guard<T>(
    during: "read" | "write" | "lease",
    key: string | undefined,
    bypass: boolean,
    work: (place: Place<V>) => Awaitable<T>,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    const place = await this.place();
    try {
      return await abortable(place.attempt ? place.attempt(() => work(place), bypass) : work(place), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Error && error.name === "StoreError")) throw error;
      this.report({ type: "error", key, during, error });
      if (bypass) return undefined;
      throw error;
    }
  }

  /** Counts an event that is not of one key and passes it on. */
  report(event: RegionEvent): void {
    this.counters[event.type]++;
    if (this.options.onEvent) notify(this.options.onEvent, event);
  }

  override nameOf(key: string): Awaitable<string> {
    const { mangle } = this.options;
    const name = super.nameOf(key);
    if (this.#mangle || !mangle) return this.#mangle?.(key) ?? name;
    return import("./mangling.ts").then(({ mangling }) => (this.#mangle = mangling(mangle))(key));
  }

  /** Where the entries are. */
  place(): Awaitable<Place<V>> {
    return this.#place ??= this.#arrive().then((place) => this.#place = place);
  }

  /** Found entries, as the region's own strategy sees them, if it has one. */
  judged(key: string, found: Found<V> | undefined): Awaitable<Found<V> | undefined> {
    const { invalidation } = this.options;
    if (!invalidation || found?.entry.v === undefined) return found;
    const { entry } = found;
    return andThen(invalidation.judge(key, toEntry(found, this.now)), (invalid) => ({ entry, invalid }));
  }

  /** Not one whose claim was not found any more: others have deleted, written or invalidated the key. */
  override flightOf(name: string, token?: string, found?: Found<V>): Flight<Outcome<V>> | undefined {
    const flight = super.flightOf(name);
    if (token === undefined || flight?.token !== token) return flight;
    // A strategy of one's own judges the old value in the entry, not the claim.
    const isInvalid = found?.invalid === "hard" && !this.options.invalidation;
    return found?.entry.l === token && !isInvalid ? flight : undefined;
  }

  override async acquire(
    flight: Flight<Outcome<V>>,
    making: Making<V>,
    wait: boolean,
  ): Promise<Claim<V> | Outcome<V>> {
    const { key, name, wish, found } = making;
    const { signal } = flight;
    const won = await this.guard("lease", key, wish.bypass, async (place) => {
      const won = await place.acquire(name, {
        tags: wish.tags,
        wait,
        signal,
        isCurrent: () => this.flightOf(name) === flight,
        onHeld: (isHeld) => {
          flight.isHeld = isHeld;
        },
        isUseful: async (read) => this.isMade(await this.judged(key, read), making),
        tell: (what) => {
          if (what === "wait") this.tell("wait", key);
          else this.tell("lease", key, { outcome: what });
        },
      });
      if (signal.aborted && won !== "busy" && "end" in won) await won.end();
      return won;
    }, signal);
    if (won === "busy") return undefined;
    // Without the store there is nothing to claim.
    if (!won) return { stamp: {}, found, end: () => {} };
    if ("entry" in won) return [won.entry.v!];
    flight.token = won.token;
    won.began = this.now();
    return won;
  }

  /** Ends a claim. It is renewed until then, so that is tried also while the store is left alone; but nobody waits for it. */
  override async end(claim: Claim<V>, key: string, entry?: Envelope<V>, expiresAt?: number): Promise<void> {
    let isTried = false;
    const work = () => super.end(claim, key, entry, expiresAt);
    await this.guard(entry ? "write" : "lease", key, true, () => {
      isTried = true;
      return work();
    });
    if (!isTried) void Promise.resolve().then(work).catch(() => {});
  }

  override envelope(
    key: string,
    value: V,
    ttl: Ttl<V>,
    claim: Pick<Claim<V>, "stamp" | "began">,
  ): Envelope<V> | undefined {
    const entry = super.envelope(key, value, ttl, claim);
    const isTimed = entry && this.options.earlyRefresh && claim.began !== undefined;
    return isTimed ? { ...entry, d: entry.c - claim.began! } : entry;
  }

  override async fallBack(making: Making<V>, old: Found<V> | undefined): Promise<Outcome<V>> {
    return await super.fallBack(making, old ?? await this.#recall(making.name));
  }

  override refresh(making: SingleMaking<V>): void {
    if (this.isBeingMade(making)) return;
    const { background } = this.options;
    if (!background) return super.refresh(making);
    const { key, name, wish } = making;
    const flight = this.fly(name, wish, async (flight) => {
      let running: Promise<Outcome<V>> | undefined;
      const run = async () => (await (running ??= this.create(flight, making)))?.[0] as V;
      try {
        await background({ key, run });
      } catch (error) {
        if (!running) this.tell("error", key, { during: "create", error });
      }
      // Somebody else does it, some day; asking again at once would not make it faster.
      if (!running) this.handedOver.set(name, this.now() + HANDED_OVER);
      return running;
    });
    wish.waitUntil?.(flight.join().catch(() => {}));
  }

  /** Whether somebody makes the value already, here or elsewhere, or has been asked to. */
  isBeingMade({ name, found }: Making<V>): boolean {
    const moment = this.now();
    return !!this.flightOf(name) || found!.entry.u! > moment || this.handedOver.get(name)! > moment;
  }

  override isMade(there: Found<V> | undefined, making: Making<V>): boolean {
    const { found, isBackground } = making;
    // What is refreshed early is fresh itself.
    return super.isMade(there, making) && !(isBackground && there!.entry.c === found?.entry.c);
  }

  protected override isDue(found: Found<V>, over: number): boolean {
    if (over >= 0) return true;
    const { f, d = 0 } = found.entry;
    if (f === undefined) return false;
    const { refreshAhead = 0, earlyRefresh = 0, random = Math.random } = this.options;
    const moment = this.now();
    return f - moment <= toMilliseconds(refreshAhead) || moment - d * earlyRefresh * Math.log(random()) >= f;
  }

  override look(
    key: string,
    name: string,
    wish: Wish<V>,
    signal: AbortSignal | undefined,
  ): Awaitable<Found<V> | undefined> {
    return this.atHand ? this.judged(key, this.atHand.read(name)) : this.#lookAfar(key, name, wish, signal);
  }

  async #lookAfar(key: string, name: string, wish: Wish<V>, signal?: AbortSignal): Promise<Found<V> | undefined> {
    const isGood = (last: Found<V> | undefined) => overdue(last, this.now()) < wish.staleIfError;
    try {
      const found = await this.guard("read", key, wish.bypass, (place) => place.read(name), signal);
      if (found) return await this.judged(key, found);
    } catch (error) {
      if (signal?.aborted || !isGood(await this.#recall(name))) throw error;
    }
    const last = await this.#recall(name);
    return isGood(last) ? last : undefined;
  }

  /** What was seen last, while the store fails. */
  async #recall(name: string): Promise<Found<V> | undefined> {
    return (await this.place()).recall?.(name);
  }

  async #arrive(): Promise<Place<V>> {
    if (this.atHand) return new (await import("./local_place.ts")).LocalPlace(this.atHand, this.room);
    const { SharedPlace } = await import("./shared_place.ts");
    const { store, lease, breaker, random = Math.random } = this.options;
    const leases = this.scope === "process" ? undefined : typeof lease === "object" ? lease : {};
    const remembers = this.wish.staleIfError > 0;
    return new SharedPlace<V>(store!, this.prefix, { leases, breaker, remembers, now: this.now, random });
  }
}
