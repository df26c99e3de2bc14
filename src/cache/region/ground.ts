/**
 * What a configured region stands on: its options, where its entries are, what keys are called there, who is told.
 *
 * @module
 */

import { abortable, andThen, type Awaitable } from "../../core/awaitable.ts";
import type { Backend } from "../../core/backend.ts";
import { type Clock, coarseNow } from "../../core/clock.ts";
import { toMilliseconds } from "../../core/lifetime.ts";
import { MapBackend } from "../../core/map_backend.ts";
import { notify } from "../../core/notify.ts";
import { StoreError } from "../../core/store_error.ts";
import { type Envelope, type Found, toEntry } from "./envelope.ts";
import type { RegionEvent } from "./events.ts";
import { LocalPlace } from "./local_place.ts";
import type { RegionOptions } from "./options.ts";
import type { Place } from "./place.ts";
import { Room, roomOf } from "./room.ts";
import { type Wish, wishOf } from "./wish.ts";

/** What a configured region stands on. */
export class Ground<V> {
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
  protected readonly local: LocalPlace<V> | undefined;
  protected readonly isPlain: boolean;
  protected readonly wish: Wish<V>;
  protected readonly refreshAhead: number;
  /** Until when a refresh is believed to be in the hands of others. */
  readonly handedOver: Map<string, number> = new Map();
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
    this.wish = wishOf(options);
    this.refreshAhead = toMilliseconds(refreshAhead, "refreshAhead");
    this.isPlain = !mangle && !earlyRefresh && !invalidation && this.refreshAhead === 0;
    const isLocal = backend.readSync !== undefined && backend.writeSync !== undefined;
    const supports = backend.supports;
    // A lease must end by itself: with its entry, or by being swapped for another one.
    this.scope = !isLocal && lease !== false && supports.create && (supports.swap || supports.ttl)
      ? "shared"
      : "process";
    if (isLocal) {
      const prefix = store ? `${roomPrefix(name)}v:` : "";
      this.#place = this.local = new LocalPlace<V>(backend as Backend<Envelope<V>>, prefix, this.room);
    }
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

  /** Where the entries are. */
  place(): Awaitable<Place<V>> {
    return this.#place ??= import("./shared_place.ts").then(({ SharedPlace }) => {
      const { store, lease, breaker } = this.options;
      const { now, random } = this;
      const leases = this.scope === "process" ? undefined : typeof lease === "object" ? lease : {};
      const remembers = this.wish.staleIfError > 0;
      return this.#place = new SharedPlace<V>(store!, roomPrefix(this.name), {
        leases,
        breaker,
        remembers,
        now,
        random,
      });
    });
  }

  /** Found entries, as the region's own strategy sees them, if it has one. */
  judged(key: string, found: Found<V> | undefined): Awaitable<Found<V> | undefined> {
    const { invalidation } = this.options;
    if (!invalidation || found?.entry.v === undefined) return found;
    const { entry } = found;
    return andThen(invalidation.judge(key, toEntry(found, this.now)), (invalid) => ({ entry, invalid }));
  }

  /** What was seen last, while the store fails. */
  protected async recall(name: string): Promise<Found<V> | undefined> {
    return (await this.place()).recall?.(name);
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

/** What all keys of a region start with. */
export function roomPrefix(name: string): string {
  return `${name.replace(/[%:]/g, encodeURIComponent)}:`;
}
