/**
 * The local copy of a store: a native `Map` to read from, and beside it what is known of each entry.
 *
 * @module
 */

import type { Entry } from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { Deadlines } from "../../core/deadlines.ts";
import { isEqual } from "../../core/equality.ts";

/** What has become of keys: an entry, or none. */
export type Changes<V> = Iterable<readonly [key: string, entry: Entry<V> | undefined]>;

/** One key whose value is another one now. */
export interface DurableChange<V> {
  /** The key. */
  readonly key: string;
  /** The value now; `undefined` if there is none. */
  readonly value: V | undefined;
  /** The value before; `undefined` if there was none. */
  readonly before: V | undefined;
}

/** Who changed it: this map, somebody else by way of the store, or time. */
export type ChangeOrigin = "map" | "store" | "expiry";

interface Slot<V> {
  readonly key: string;
  readonly entry: Entry<V>;
  // Taken away when another slot comes in its place: what is left in the heap is no deadline then.
  expiresAt: number | undefined;
}

/** The entries of a store, in memory; what expires goes at its time. */
export class LocalEntries<V> {
  /** Told of each entry that is another one now, but for those that expire. */
  follower: ((key: string, entry: Entry<V> | undefined) => void) | undefined;
  readonly #now: Clock;
  readonly #onChange: (changes: DurableChange<V>[], origin: ChangeOrigin) => void;
  readonly #slots = new Map<string, Slot<V>>();
  #values = new Map<string, V>();
  // Somebody holds the map of values, and it has to stay as it is.
  #isShared = false;
  // Made when the first key needs it.
  #deadlines: Deadlines<Slot<V>> | undefined;

  constructor(now: Clock, onChange: (changes: DurableChange<V>[], origin: ChangeOrigin) => void) {
    this.#now = now;
    this.#onChange = onChange;
  }

  get(key: string): V | undefined {
    if (this.#deadlines !== undefined) this.#expire();
    return this.#values.get(key);
  }

  entry(key: string): Entry<V> | undefined {
    if (this.#deadlines !== undefined) this.#expire();
    return this.#slots.get(key)?.entry;
  }

  /** The version that is known, of an entry that may have expired. */
  versionOf(key: string): string | undefined {
    return this.#slots.get(key)?.entry.version;
  }

  /** All values as they are now; it stays so, because the next change works on a copy. */
  get snapshot(): ReadonlyMap<string, V> {
    if (this.#deadlines !== undefined) this.#expire();
    this.#isShared = true;
    return this.#values;
  }

  get size(): number {
    if (this.#deadlines !== undefined) this.#expire();
    return this.#values.size;
  }

  /** The keys that are there, and those that are about to expire. */
  keys(): Iterable<string> {
    return this.#slots.keys();
  }

  /**
   * Takes over what has become of keys, all in one step. A value from the store that equals the one that is there leaves
   * that in its place, so that whoever compares by identity sees what has changed.
   */
  apply(changes: Changes<V>, origin: Exclude<ChangeOrigin, "expiry">): void {
    const done: DurableChange<V>[] = [];
    for (const [key, entry] of changes) {
      const slot = this.#slots.get(key);
      if (entry === undefined) {
        if (!slot) continue;
        done.push({ key, value: undefined, before: this.#delete(slot) });
        this.follower?.(key, undefined);
        continue;
      }
      const before = slot?.entry.value;
      const isKept = slot && origin === "store" && (isSameVersion(slot.entry, entry) || isEqual(before, entry.value));
      const value = isKept ? before! : entry.value;
      this.#put(key, isKept ? { ...entry, value } : entry, slot);
      const isOther = !Object.is(value, before);
      if (isOther) done.push({ key, value, before });
      if (isOther || slot?.entry.expiresAt !== entry.expiresAt) this.follower?.(key, entry);
    }
    if (done.length > 0) this.#onChange(done, origin);
  }

  #put(key: string, entry: Entry<V>, old: Slot<V> | undefined): void {
    const { value, expiresAt } = entry;
    const slot: Slot<V> = { key, entry, expiresAt };
    if (old) old.expiresAt = undefined;
    this.#slots.set(key, slot);
    if (!old || !Object.is(old.entry.value, value)) this.#writable().set(key, value);
    if (expiresAt !== undefined) (this.#deadlines ??= new Deadlines()).add(slot, expiresAt, this.#slots.size);
  }

  #delete(slot: Slot<V>): V {
    slot.expiresAt = undefined;
    this.#slots.delete(slot.key);
    this.#writable().delete(slot.key);
    return slot.entry.value;
  }

  #expire(): void {
    const now = this.#now();
    const gone: DurableChange<V>[] = [];
    for (let slot = this.#deadlines!.due(now); slot !== undefined; slot = this.#deadlines!.due(now)) {
      gone.push({ key: slot.key, value: undefined, before: this.#delete(slot) });
    }
    if (gone.length > 0) this.#onChange(gone, "expiry");
  }

  #writable(): Map<string, V> {
    if (this.#isShared) {
      this.#values = new Map(this.#values);
      this.#isShared = false;
    }
    return this.#values;
  }
}

function isSameVersion(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.version !== undefined && a.version === b.version;
}
