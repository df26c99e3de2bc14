/**
 * A limited number of entries in memory: what `lru()` and `sieve()` are.
 *
 * @module
 */

import type {
  Backend,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  WriteOptions,
} from "./backend.ts";
import { type Clock, coarseNow } from "./clock.ts";
import { EvictionIndex, type EvictionPolicy, type Slot } from "./eviction_index.ts";
import { checkLimits, type EvictionLimits, type EvictionReason, toMeasure } from "./eviction_options.ts";
import { notify } from "./notify.ts";

/** How an {@linkcode EvictingBackend} behaves. */
export interface EvictingOptions<V> extends EvictionLimits<V> {
  /** Called after an entry went to make room or because it expired; what it throws is dropped. */
  readonly onEvict?:
    | ((key: string, value: V, reason: EvictionReason) => void)
    | undefined;
  /** The clock by which entries expire. @default {`Date.now`, looked at once per millisecond} */
  readonly now?: Clock | undefined;
}

/** A limited number of entries in memory; it answers synchronously. What has expired goes before anything alive. */
export class EvictingBackend<V> implements Backend<V> {
  readonly name: EvictionPolicy;
  readonly supports = {
    list: true,
    order: false,
    ttl: true,
    create: true,
    swap: true,
    stream: false,
    revision: true,
  };
  readonly now: Clock;
  readonly #index: EvictionIndex<V>;
  readonly #slots: Map<string, Slot<V>>;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #measure: ((value: V, key: string) => number) | undefined;
  readonly #onEvict: EvictingOptions<V>["onEvict"];
  // Nobody is told of what goes, and nothing is measured: then one entry simply takes the place of another.
  readonly #isPlain: boolean;
  #changes = 0;

  constructor(policy: EvictionPolicy, options: EvictingOptions<V>) {
    checkLimits(policy, options, ["now"]);
    this.name = policy;
    this.now = options.now ?? coarseNow;
    this.#index = new EvictionIndex(policy);
    this.#slots = this.#index.slots;
    this.#maxEntries = options.maxEntries;
    this.#maxBytes = options.maxBytes ?? Infinity;
    this.#measure = toMeasure(policy, options);
    this.#onEvict = options.onEvict;
    this.#isPlain = this.#measure === undefined && this.#onEvict === undefined;
  }

  readSync(key: string): V | undefined {
    const slot = this.#live(key);
    if (slot === undefined) return undefined;
    this.#index.use(slot);
    return slot.value;
  }

  writeSync(key: string, value: V, expiresAt?: number): boolean {
    const size = this.#measure === undefined ? 0 : this.#measure(value, key);
    const slot = this.#live(key);
    const index = this.#index;
    if (expiresAt !== undefined && expiresAt <= this.now()) {
      if (slot !== undefined) this.#remove(slot);
      return true;
    }
    if (slot === undefined && !key.isWellFormed()) return false;
    this.#changes++;
    if (slot === undefined) {
      if (this.#isPlain && this.#slots.size === this.#maxEntries && expiresAt === undefined && index.isTimeless) {
        index.replace(index.victim()!, key, value, 0);
        return true;
      }
      const gone = this.#makeRoom(1, size);
      index.add(key, value, size, expiresAt);
      if (gone !== undefined) this.#report(gone);
      return true;
    }
    slot.value = value;
    slot.version = undefined;
    index.expire(slot, expiresAt);
    index.use(slot);
    if (slot.size === size) return true;
    index.resize(slot, size);
    const gone = this.#makeRoom(0, 0, slot);
    if (gone !== undefined) this.#report(gone);
    return true;
  }

  read(key: string, options?: ReadOptions): Entry<V> | undefined {
    const value = this.readSync(key);
    if (value === undefined || !options?.details) {
      return value === undefined ? undefined : { value };
    }
    const slot = this.#slots.get(key)!;
    return { value, expiresAt: slot.expiresAt, version: versionOf(slot) };
  }

  write(key: string, value: V, options?: WriteOptions): boolean {
    if (options?.condition && !this.#holds(key, options.condition)) {
      return false;
    }
    return this.writeSync(key, value, options?.expiresAt);
  }

  remove(key: string, options?: RemoveOptions): boolean {
    const slot = this.#live(key);
    if (
      slot === undefined ||
      (options?.condition && !this.#holds(key, options.condition))
    ) return false;
    this.#remove(slot);
    return true;
  }

  *list({ prefix = "", limit = Infinity }: ListOptions = {}): Iterable<string> {
    let left = limit;
    for (const key of this.#slots.keys()) {
      if (left <= 0) return;
      if (!key.startsWith(prefix) || this.#live(key) === undefined) continue;
      left--;
      yield key;
    }
  }

  has(key: string): boolean {
    return this.#live(key) !== undefined;
  }

  count({ prefix = "" }: PrefixOptions = {}): number {
    this.prune();
    if (prefix === "") return this.#slots.size;
    let count = 0;
    for (const key of this.#slots.keys()) if (key.startsWith(prefix)) count++;
    return count;
  }

  clear({ prefix = "" }: PrefixOptions = {}): void {
    for (const slot of this.#slots.values()) {
      if (slot.key.startsWith(prefix)) this.#remove(slot);
    }
  }

  touch(key: string, expiresAt: number | undefined): boolean {
    const slot = this.#live(key);
    if (slot === undefined) return false;
    if (expiresAt !== undefined && expiresAt <= this.now()) {
      this.#remove(slot);
      return true;
    }
    this.#changes++;
    slot.version = undefined;
    this.#index.expire(slot, expiresAt);
    this.#index.use(slot);
    return true;
  }

  take(key: string): Entry<V> | undefined {
    const slot = this.#live(key);
    if (slot === undefined) return undefined;
    const { value, expiresAt } = slot;
    this.#remove(slot);
    return { value, expiresAt };
  }

  prune(): number {
    const now = this.now();
    let count = 0;
    for (
      let slot = this.#index.expired(now);
      slot !== undefined;
      slot = this.#index.expired(now)
    ) {
      this.#drop(slot);
      count++;
    }
    return count;
  }

  revision(): string {
    return `${this.#changes}`;
  }

  #live(key: string): Slot<V> | undefined {
    const slot = this.#slots.get(key);
    if (
      slot === undefined || slot.expiresAt === undefined ||
      slot.expiresAt > this.now()
    ) return slot;
    this.#drop(slot);
    return undefined;
  }

  #remove(slot: Slot<V>): void {
    this.#index.delete(slot);
    this.#changes++;
  }

  // Expiry is no change: the entry was absent before.
  #drop(slot: Slot<V>): void {
    const { key, value } = slot;
    this.#index.delete(slot);
    if (this.#onEvict !== undefined) {
      notify(this.#onEvict, key, value, "expired");
    }
  }

  /** Evicts until there is room; what has to be reported once all is done. */
  #makeRoom(
    entries: number,
    bytes: number,
    keep?: Slot<V>,
  ): Parameters<EvictionReport<V>>[] | undefined {
    const index = this.#index;
    let gone: Parameters<EvictionReport<V>>[] | undefined;
    while (
      this.#slots.size + entries > this.#maxEntries ||
      index.bytes + bytes > this.#maxBytes
    ) {
      const expired = index.expired(this.now());
      const slot = expired ?? index.victim(keep && ((slot) => slot === keep));
      if (slot === undefined) break;
      if (this.#onEvict !== undefined) {
        (gone ??= []).push([
          slot.key,
          slot.value,
          expired ? "expired" : "limit",
        ]);
      }
      index.delete(slot);
    }
    return gone;
  }

  #report(gone: Parameters<EvictionReport<V>>[]): void {
    for (const one of gone) notify(this.#onEvict!, ...one);
  }

  #holds(
    key: string,
    condition: NonNullable<WriteOptions["condition"]>,
  ): boolean {
    const slot = this.#live(key);
    if (condition === "absent") return slot === undefined;
    return slot !== undefined && versionOf(slot) === condition.version;
  }
}

type EvictionReport<V> = NonNullable<EvictingOptions<V>["onEvict"]>;

// A key gets a version when somebody asks for it, and loses it with the next write.
function versionOf(slot: Slot<unknown>): string {
  return slot.version ??= `${++lastVersion}`;
}

// One count for all: a version is never right by accident elsewhere.
let lastVersion = 0;
