/**
 * Who has to go when there is no room: keys in the order of their use, and the deadlines of those that have one.
 *
 * @module
 */

import { Deadlines } from "./deadlines.ts";

/**
 * How a victim is chosen: `lru` takes the least recently used; `sieve` (Zhang et al., NSDI 2024) takes the oldest that
 * was not used since it last looked, which keeps more hits and makes a hit cheaper.
 */
export type EvictionPolicy = "lru" | "sieve";

/** A key in an {@linkcode EvictionIndex}. */
export interface Slot<V> {
  key: string;
  value: V;
  /** What it takes of `maxBytes`. */
  size: number;
  /** Changed by {@linkcode EvictionIndex.expire} only. */
  expiresAt: number | undefined;
  version: string | undefined;
  isUsed: boolean;
  newer: Slot<V>;
  older: Slot<V>;
}

/** A `Map` whose keys are also linked in a ring, in the order in which they would go. */
export class EvictionIndex<V> {
  /** The keys in the order in which they were added; for looking only. */
  readonly slots: Map<string, Slot<V>> = new Map();
  /** The sizes of all. */
  bytes = 0;
  readonly #movesUsed: boolean;
  // Stands between the newest and the oldest, so that no link is ever missing.
  readonly #ends: Slot<V>;
  #hand: Slot<V>;
  #deadlines: Deadlines<Slot<V>> | undefined;

  constructor(policy: EvictionPolicy) {
    this.#movesUsed = policy === "lru";
    this.#ends = this.#hand = slotOf("", undefined as V, 0);
  }

  /** Adds a key that is not there, as the one that goes last, or `asOldest` as the one that goes first. */
  add(
    key: string,
    value: V,
    size: number,
    expiresAt?: number,
    asOldest = false,
  ): Slot<V> {
    const slot = slotOf(key, value, size);
    this.slots.set(key, slot);
    this.bytes += size;
    link(slot, asOldest ? this.#ends.newer : this.#ends);
    if (expiresAt !== undefined) this.expire(slot, expiresAt);
    return slot;
  }

  /**
   * Gives the place of a slot that has to go to another key: what `delete` and `add` do, without a new slot;
   * only while {@linkcode isTimeless}.
   */
  replace(slot: Slot<V>, key: string, value: V, size: number): void {
    const { slots } = this;
    slots.delete(slot.key);
    this.bytes += size - slot.size;
    if (this.#hand === slot) this.#hand = slot.newer;
    slot.key = key;
    slot.value = value;
    slot.size = size;
    slot.version = undefined;
    slot.isUsed = false;
    slots.set(key, slot);
    unlink(slot);
    link(slot, this.#ends);
  }

  /** Takes note of a use. */
  use(slot: Slot<V>): void {
    if (!this.#movesUsed) slot.isUsed = true;
    else if (this.#ends.older !== slot) {
      unlink(slot);
      link(slot, this.#ends);
    }
  }

  /** Gives a slot another size. */
  resize(slot: Slot<V>, size: number): void {
    this.bytes += size - slot.size;
    slot.size = size;
  }

  /** Gives a slot another deadline. */
  expire(slot: Slot<V>, expiresAt: number | undefined): void {
    if (slot.expiresAt === expiresAt) return;
    slot.expiresAt = expiresAt;
    if (expiresAt !== undefined) {
      (this.#deadlines ??= new Deadlines()).add(
        slot,
        expiresAt,
        this.slots.size,
      );
    }
  }

  /** Takes a slot out; its value may be gone with it. */
  delete(slot: Slot<V>): void {
    this.slots.delete(slot.key);
    this.bytes -= slot.size;
    if (this.#hand === slot) this.#hand = slot.newer;
    unlink(slot);
    if (slot.expiresAt === undefined) return;
    slot.expiresAt = undefined;
    // What is left of its deadline must not keep the value.
    slot.value = undefined as V;
  }

  /** Whether no key ever had a deadline. */
  get isTimeless(): boolean {
    return this.#deadlines === undefined;
  }

  /** One that has expired; the earliest first. */
  expired(now: number): Slot<V> | undefined {
    return this.#deadlines?.due(now);
  }

  /** The one to go, unless it is to be skipped; it stays until it is deleted. */
  victim(skip?: (slot: Slot<V>) => boolean): Slot<V> | undefined {
    const ends = this.#ends;
    // A second round finds those whose use the first one forgave.
    let rounds = 2;
    let slot = this.#hand;
    for (;;) {
      if (slot === ends) {
        if (rounds-- === 0) return undefined;
        slot = ends.newer;
        if (slot === ends) return undefined;
      }
      if (slot.isUsed) slot.isUsed = false;
      else if (!skip?.(slot)) break;
      slot = slot.newer;
    }
    if (!this.#movesUsed) this.#hand = slot;
    return slot;
  }
}

const nobody = undefined as unknown as Slot<never>;

function slotOf<V>(key: string, value: V, size: number): Slot<V> {
  const slot = {
    key,
    value,
    size,
    expiresAt: undefined,
    version: undefined,
    isUsed: false,
    newer: nobody,
    older: nobody,
  };
  slot.newer = slot.older = slot as Slot<never>;
  return slot as unknown as Slot<V>;
}

function link<V>(slot: Slot<V>, newer: Slot<V>): void {
  const older = newer.older;
  slot.newer = newer;
  slot.older = older;
  newer.older = older.newer = slot;
}

function unlink<V>(slot: Slot<V>): void {
  slot.newer.older = slot.older;
  slot.older.newer = slot.newer;
}
