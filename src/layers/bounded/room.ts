/**
 * What is known of the keys in a backend that is bounded, and the removal of those that are too many.
 *
 * @module
 */

import { andThen, type Awaitable } from "../../core/awaitable.ts";
import type { Backend } from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { concurrently } from "../../core/concurrently.ts";
import { EvictionIndex, type EvictionPolicy, type Slot } from "../../core/eviction_index.ts";
import type { EvictionLimits, EvictionReason } from "../../core/eviction_options.ts";
import { notify } from "../../core/notify.ts";
import { byAge, type Found, takeStock } from "./stock.ts";

/** When a key was written last, by the count of a {@linkcode Room}. */
export type Mark = number;

/** What is known of the keys in a backend, and the removal of those that are too many. */
export class Room<V> {
  readonly #inner: Backend<V>;
  readonly #limits: EvictionLimits<V>;
  readonly #index: EvictionIndex<Mark>;
  readonly #sizeOf: (value: V, key: string) => number;
  readonly #onEvict: ((key: string, reason: EvictionReason) => void) | undefined;
  readonly #now: Clock;
  // Keys that are being written must not be chosen to go, and keys that go must be gone before they are written.
  readonly #changing = new Map<string, number>();
  readonly #going = new Map<string, Promise<void>>();
  #writes: Mark = 0;
  #isFilled = false;
  #filling: Promise<void> | undefined;
  // What the filling has come upon so far.
  #found: Map<string, Found> | undefined;

  constructor(
    inner: Backend<V>,
    limits: EvictionLimits<V>,
    policy: EvictionPolicy,
    sizeOf: (value: V, key: string) => number,
    onEvict: ((key: string, reason: EvictionReason) => void) | undefined,
  ) {
    this.#inner = inner;
    this.#sizeOf = sizeOf;
    this.#limits = limits;
    this.#onEvict = onEvict;
    this.#index = new EvictionIndex(policy);
    this.#now = inner.now ?? Date.now;
  }

  /** The moment a call begins: its answer says nothing of what is written later. */
  mark(): Mark {
    return this.#writes;
  }

  /** Takes note of a key that was found. */
  use(key: string, value?: V): void {
    const slot = this.#index.slots.get(key);
    if (slot) this.#index.use(slot);
    else if (value !== undefined) this.#index.add(key, 0, this.#sizeAnyway(key, value));
    else if (this.#limits.maxBytes === undefined) this.#index.add(key, 0, 0);
  }

  /** Takes note of a key that was not found. */
  forget(key: string, mark: Mark): void {
    if (this.#changing.has(key)) return;
    this.#found?.delete(key);
    const slot = this.#index.slots.get(key);
    if (slot && slot.value <= mark) this.#index.delete(slot);
  }

  /** Takes note that no key with this prefix is left. */
  forgetAll(prefix: string, mark: Mark): void {
    for (const keys of [this.#index.slots.keys(), this.#found?.keys() ?? []]) {
      for (const key of keys) if (key.startsWith(prefix)) this.forget(key, mark);
    }
  }

  /** Takes note that all that has expired is gone. */
  forgetExpired(): void {
    const index = this.#index;
    for (let slot = index.expired(this.#now()); slot; slot = index.expired(this.#now())) {
      if (this.#changing.has(slot.key)) index.expire(slot, undefined);
      else index.delete(slot);
    }
  }

  /** A question whose answer tells whether the key is there. */
  ask<T>(
    key: string,
    question: () => Awaitable<T | undefined>,
    valueOf?: (answer: T) => V,
  ): Awaitable<T | undefined> {
    const mark = this.mark();
    return andThen(question(), (answer) => {
      if (answer === undefined) this.forget(key, mark);
      else this.use(key, valueOf?.(answer));
      return answer;
    });
  }

  /** Takes note of a key that was written. */
  keep(key: string, size: number, expiresAt: number | undefined): void {
    const slot = this.#index.slots.get(key);
    if (!slot) {
      this.#index.add(key, ++this.#writes, size, expiresAt);
      return;
    }
    slot.value = ++this.#writes;
    this.#index.resize(slot, size);
    this.#index.expire(slot, expiresAt);
    this.#index.use(slot);
  }

  /** Takes note of a new lifetime. */
  prolong(key: string, expiresAt: number | undefined): void {
    this.use(key);
    const slot = this.#index.slots.get(key);
    if (slot) this.#index.expire(slot, expiresAt);
  }

  /** A change of these keys, during which none of them can be chosen to go. */
  async change<T>(keys: readonly string[], task: () => Awaitable<T>): Promise<T> {
    for (const key of keys) {
      this.#changing.set(key, (this.#changing.get(key) ?? 0) + 1);
    }
    try {
      for (const key of keys) if (this.#going.has(key)) await this.#going.get(key);
      return await task();
    } catch (error) {
      // It may have been written although the reply was lost: a key too many in the index does less harm than one too few.
      for (const key of keys) if (!this.#index.slots.has(key)) this.#index.add(key, ++this.#writes, 0, undefined, true);
      throw error;
    } finally {
      for (const key of keys) {
        const left = this.#changing.get(key)! - 1;
        if (left > 0) this.#changing.set(key, left);
        else this.#changing.delete(key);
      }
    }
  }

  /** Removes what is too much; a failure is left to the next time. */
  async make(): Promise<void> {
    try {
      if (!this.#isFilled) await (this.#filling ??= this.#fill().finally(() => this.#filling = undefined));
      const victims = this.#choose();
      if (victims.length > 0) await this.#evict(victims);
    } catch {
      // The write that makes room has succeeded, and says so.
    }
  }

  #choose(): [Slot<Mark>, EvictionReason][] {
    const index = this.#index;
    const { maxEntries, maxBytes = Infinity } = this.#limits;
    let entries = index.slots.size;
    let bytes = index.bytes;
    for (const key of this.#going.keys()) {
      const slot = index.slots.get(key);
      if (!slot) continue;
      entries--;
      bytes -= slot.size;
    }
    const chosen = new Map<Slot<Mark>, EvictionReason>();
    const isBusy = (slot: Slot<Mark>) => chosen.has(slot) || this.#changing.has(slot.key) || this.#going.has(slot.key);
    while (entries > maxEntries || bytes > maxBytes) {
      let slot = index.expired(this.#now());
      const reason = slot && !isBusy(slot) ? "expired" : "limit";
      if (reason === "limit") slot = index.victim(isBusy);
      if (!slot) break;
      chosen.set(slot, reason);
      // It comes once as expired; if it cannot be removed it is one of the others again.
      if (reason === "expired") index.expire(slot, undefined);
      entries--;
      bytes -= slot.size;
    }
    return [...chosen];
  }

  async #evict(victims: readonly (readonly [Slot<Mark>, EvictionReason])[]): Promise<void> {
    const inner = this.#inner;
    const keys = victims.map(([slot]) => slot.key);
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const key of keys) this.#going.set(key, promise);
    try {
      if (keys.length > 1 && inner.removeMany) await inner.removeMany(keys);
      else await concurrently(keys, (key) => inner.remove(key));
      for (const [slot] of victims) if (this.#index.slots.get(slot.key) === slot) this.#index.delete(slot);
    } finally {
      for (const key of keys) this.#going.delete(key);
      resolve();
    }
    const onEvict = this.#onEvict;
    if (onEvict) { for (const [{ key }, reason] of victims) notify(onEvict, key, reason); }
  }

  async #fill(): Promise<void> {
    const { slots } = this.#index;
    const found = this.#found = new Map<string, Found>();
    try {
      await takeStock(this.#inner, found, {
        isKnown: (key) => slots.has(key),
        sizeOf: (value, key) => this.#sizeAnyway(key, value),
      });
    } finally {
      this.#found = undefined;
    }
    // Backwards, so that the oldest one ends up as the first to go.
    for (const [key, { size, expiresAt }] of byAge(found).reverse()) {
      if (!slots.has(key)) this.#index.add(key, 0, size, expiresAt, true);
    }
    this.#isFilled = true;
  }

  /** The size of what is there already, too large or not. */
  #sizeAnyway(key: string, value: V): number {
    try {
      return this.#sizeOf(value, key);
    } catch {
      return this.#limits.maxBytes!;
    }
  }
}
