/**
 * A native `Map` as a backend: what `memory()` is, and what `new Store(new Map())` stands on.
 *
 * Values are kept as they are, in the map itself, so that the map can be used beside the store. Lifetimes and versions
 * stand apart from it and take room only for keys that have them.
 *
 * @module
 */

import type {
  Backend,
  Condition,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  WriteOptions,
} from "./backend.ts";
import type { Clock } from "./clock.ts";

/** How a {@linkcode MapBackend} behaves. */
export interface MapBackendOptions {
  /** What happens to values on the way in and out. @default {nothing} */
  readonly copy?: (<T>(value: T) => T) | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/** A native `Map` as a backend; it answers synchronously. */
export class MapBackend<V> implements Backend<V> {
  readonly name = "memory";
  readonly supports = { list: true, order: false, ttl: true, create: true, swap: true, stream: false, revision: true };
  readonly now: Clock;
  readonly #map: Map<string, V>;
  readonly #copy: <T>(value: T) => T;
  // Both are made when the first key needs one.
  #deadlines: Map<string, number> | undefined;
  #versions: Map<string, { readonly value: V; readonly version: string }> | undefined;
  #writesSincePruning = 0;
  #changes = 0;

  constructor(map: Map<string, V>, { copy = asIs, now = Date.now }: MapBackendOptions = {}) {
    this.#map = map;
    this.now = now;
    this.#copy = copy;
  }

  readSync(key: string): V | undefined {
    return this.#copy(this.#live(key));
  }

  writeSync(key: string, value: V, expiresAt?: number): void {
    this.#map.set(key, this.#copy(value));
    this.#changes++;
    if (this.#versions !== undefined) this.#versions.delete(key);
    if (expiresAt !== undefined) this.#expire(key, expiresAt);
    else if (this.#deadlines !== undefined) this.#deadlines.delete(key);
  }

  read(key: string, options?: ReadOptions): Entry<V> | undefined {
    const value = this.readSync(key);
    if (value === undefined || !options?.details) return value === undefined ? undefined : { value };
    return { value, expiresAt: this.#deadlines?.get(key), version: this.#versionOf(key) };
  }

  write(key: string, value: V, options?: WriteOptions): boolean {
    if (!this.#holds(key, options?.condition)) return false;
    this.writeSync(key, value, options?.expiresAt);
    return true;
  }

  remove(key: string, options?: RemoveOptions): boolean {
    if (this.#live(key) === undefined || !this.#holds(key, options?.condition)) return false;
    this.#remove(key);
    return true;
  }

  *list({ prefix = "" }: ListOptions = {}): Generator<string, void> {
    for (const key of this.#map.keys()) if (key.startsWith(prefix) && this.#live(key) !== undefined) yield key;
  }

  count(options?: PrefixOptions): number {
    this.prune();
    return options?.prefix ? [...this.list(options)].length : this.#map.size;
  }

  clear(options?: PrefixOptions): void {
    for (const key of this.list(options)) this.#remove(key);
  }

  prune(): number {
    const before = this.#map.size;
    for (const key of this.#deadlines?.keys() ?? []) this.#live(key);
    return before - this.#map.size;
  }

  revision(): string {
    return `${this.#changes}`;
  }

  versions(options?: PrefixOptions): Map<string, string> {
    const versions = new Map<string, string>();
    for (const key of this.list(options)) versions.set(key, this.#versionOf(key));
    return versions;
  }

  #live(key: string): V | undefined {
    const value = this.#map.get(key);
    if (this.#deadlines === undefined || value === undefined) return value;
    const deadline = this.#deadlines.get(key);
    if (deadline === undefined || deadline > this.now()) return value;
    this.#drop(key);
    return undefined;
  }

  #remove(key: string): void {
    this.#drop(key);
    this.#changes++;
  }

  // Expiry is no change: the entry was absent before.
  #drop(key: string): void {
    this.#map.delete(key);
    this.#deadlines?.delete(key);
    this.#versions?.delete(key);
  }

  #holds(key: string, condition?: Condition): boolean {
    if (condition === undefined) return true;
    const isThere = this.#live(key) !== undefined;
    return condition === "absent" ? !isThere : isThere && this.#versionOf(key) === condition.version;
  }

  // A key gets a version when somebody asks for it, and loses it with the next write.
  #versionOf(key: string): string {
    const versions = this.#versions ??= new Map();
    const value = this.#map.get(key)!;
    let known = versions.get(key);
    // The map may have been changed past the store.
    if (known?.value !== value) versions.set(key, known = { value, version: `${++lastVersion}` });
    return known!.version;
  }

  #expire(key: string, expiresAt: number): void {
    const deadlines = this.#deadlines ??= new Map();
    deadlines.set(key, expiresAt);
    // What expires unread goes too, without a timer: a look at all of them for eight times as many writes.
    if (++this.#writesSincePruning < 8 * deadlines.size) return;
    this.#writesSincePruning = 0;
    this.prune();
  }
}

// One function for all maps, so that calls of it can be inlined.
function asIs<T>(value: T): T {
  return value;
}

// One count for all maps: a version is never right by accident in another map.
let lastVersion = 0;
