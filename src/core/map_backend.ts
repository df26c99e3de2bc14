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
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  WriteOptions,
} from "./backend.ts";
import { type Clock, coarseNow } from "./clock.ts";

/** How a {@linkcode MapBackend} behaves. */
export interface MapBackendOptions {
  /** Whether values are copied on the way in and out, as a remote store would. @default {false} */
  readonly clone?: boolean | undefined;
  /** The clock by which entries expire. @default {`Date.now`, looked at once per millisecond} */
  readonly now?: Clock | undefined;
}

/** A native `Map` as a backend; it answers synchronously. */
export class MapBackend<V> implements Backend<V> {
  readonly name = "memory";
  readonly supports = { list: true, order: false, ttl: true, create: true, swap: true, stream: false, revision: true };
  readonly now: Clock;
  readonly #map: Map<string, V>;
  readonly #copy: ((value: V) => V) | undefined;
  // Both are made when the first key needs one.
  #deadlines: Map<string, number> | undefined;
  #versions: Map<string, { readonly value: V; readonly version: string }> | undefined;
  #sweep: Iterator<[string, number]> | undefined;
  #changes = 0;

  constructor(map: Map<string, V>, options: MapBackendOptions = {}) {
    this.#map = map;
    this.now = options.now ?? coarseNow;
    this.#copy = options.clone ? structuredClone : undefined;
  }

  readSync(key: string): V | undefined {
    const value = this.#deadlines === undefined ? this.#map.get(key) : this.#live(key);
    return this.#copy === undefined || value === undefined ? value : this.#copy(value);
  }

  writeSync(key: string, value: V, expiresAt?: number): void {
    this.#map.set(key, this.#copy === undefined ? value : this.#copy(value));
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
    if (options?.condition && !this.#holds(key, options.condition)) return false;
    this.writeSync(key, value, options?.expiresAt);
    return true;
  }

  remove(key: string, options?: RemoveOptions): boolean {
    if (this.#live(key) === undefined || (options?.condition && !this.#holds(key, options.condition))) return false;
    this.#drop(key);
    return true;
  }

  *list({ prefix = "", limit = Infinity }: ListOptions = {}): Iterable<string> {
    let left = limit;
    for (const key of this.#map.keys()) {
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
    if (prefix === "") return this.#map.size;
    let count = 0;
    for (const key of this.#map.keys()) if (key.startsWith(prefix)) count++;
    return count;
  }

  clear({ prefix = "" }: PrefixOptions = {}): void {
    for (const key of this.#map.keys()) if (key.startsWith(prefix)) this.#drop(key);
  }

  touch(key: string, expiresAt: number | undefined): boolean {
    if (this.#live(key) === undefined) return false;
    this.#changes++;
    this.#versions?.delete(key);
    if (expiresAt === undefined) this.#deadlines?.delete(key);
    else this.#expire(key, expiresAt);
    return true;
  }

  take(key: string): Entry<V> | undefined {
    const entry = this.read(key);
    if (entry) this.#drop(key);
    return entry;
  }

  prune(): number {
    const before = this.#map.size;
    const now = this.now();
    for (const [key, deadline] of this.#deadlines ?? []) if (deadline <= now) this.#drop(key);
    return before - this.#map.size;
  }

  revision(): string {
    return `${this.#changes}`;
  }

  #live(key: string): V | undefined {
    const value = this.#map.get(key);
    if (this.#deadlines === undefined || value === undefined) return value;
    const deadline = this.#deadlines.get(key);
    if (deadline === undefined || deadline > this.now()) return value;
    this.#drop(key);
    return undefined;
  }

  #drop(key: string): void {
    this.#map.delete(key);
    this.#deadlines?.delete(key);
    this.#versions?.delete(key);
    this.#changes++;
  }

  #holds(key: string, condition: NonNullable<WriteOptions["condition"]>): boolean {
    if (condition === "absent") return this.#live(key) === undefined;
    return this.#live(key) !== undefined && this.#versionOf(key) === condition.version;
  }

  // A key gets a version when somebody asks for it, and loses it with the next write.
  #versionOf(key: string): string {
    const versions = this.#versions ??= new Map();
    const value = this.#map.get(key)!;
    let known = versions.get(key);
    // The map may have been changed past the store.
    if (known === undefined || known.value !== value) versions.set(key, known = { value, version: `${++lastVersion}` });
    return known.version;
  }

  #expire(key: string, expiresAt: number): void {
    const deadlines = this.#deadlines ??= new Map();
    deadlines.set(key, expiresAt);
    // A look at one lifetime every few writes that have one: what expired unread goes too, without a timer.
    if ((this.#changes & 3) !== 0) return;
    const step = (this.#sweep ??= deadlines.entries()).next();
    if (step.done) this.#sweep = undefined;
    else if (step.value[1] <= this.now()) this.#drop(step.value[0]);
  }
}

// One count for all maps: a version is never right by accident in another map.
let lastVersion = 0;
