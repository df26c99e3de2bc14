/**
 * A native `Map` as a backend: what `memory()` is, and what `new Store(new Map())` stands on.
 *
 * A value with a lifetime or a version stands in a box, one without stands by itself. A map of the backend's own holds
 * both; a map that somebody else has holds the bare values, so that it can be used beside the store, and boxes for them
 * stand apart.
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
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/** A native `Map` as a backend; it answers synchronously. Without a map that is somebody's it has its own. */
export class MapBackend<V> implements Backend<V> {
  readonly name = "memory";
  readonly supports = { list: true, order: false, ttl: true, create: true, swap: true, stream: false, revision: true };
  readonly now: Clock;
  readonly #map: Map<string, V | Box<V>>;
  // The same map where it is our own.
  readonly #boxes = new Map<string, V | Box<V>>();
  #canExpire = false;
  #writesUntilPruning = 0;
  #changes = 0;

  constructor(map: Map<string, V> | undefined, { now = Date.now }: MapBackendOptions = {}) {
    this.#map = map ?? this.#boxes;
    this.now = now;
  }

  readSync(key: string): V | undefined {
    const slot = this.#live(key);
    return slot instanceof Box ? slot.value : slot;
  }

  writeSync(key: string, value: V, expiresAt?: number): boolean {
    const isOwn = this.#map === this.#boxes;
    const { size } = this.#boxes;
    // Somebody else's map is not touched for a key that is refused.
    if (!isOwn && !key.isWellFormed()) return false;
    const slot = expiresAt === undefined ? undefined : this.#boxes.get(key);
    // A box that is there takes the next value as well; that is cheaper than another one.
    if (isOwn && slot instanceof Box) slot.fill(value, expiresAt);
    else this.#put(key, expiresAt === undefined ? value : new Box(value, expiresAt));
    // Most keys have been there before, and to look at one takes half as long as to write.
    if (this.#boxes.size > size && !key.isWellFormed()) {
      this.#drop(key);
      return false;
    }
    this.#changes++;
    // What expires unread goes too, without a timer: a look at all entries for eight times as many writes.
    if (expiresAt !== undefined && --this.#writesUntilPruning < 0) {
      this.#canExpire = true;
      this.prune();
      this.#writesUntilPruning = 8 * this.#map.size;
    }
    return true;
  }

  read(key: string, options?: ReadOptions): Entry<V> | undefined {
    const value = this.readSync(key);
    if (value === undefined) return undefined;
    if (!options?.details) return { value };
    let slot = this.#get(key)!;
    if (!(slot instanceof Box)) this.#put(key, slot = new Box(slot));
    // An entry gets a version when somebody asks for it, and loses it with the next write.
    slot.version ??= `${++lastVersion}`;
    return { ...slot, value };
  }

  write(key: string, value: V, options?: WriteOptions): boolean {
    if (!this.#holds(key, options?.condition)) return false;
    return this.writeSync(key, value, options?.expiresAt);
  }

  remove(key: string, options?: RemoveOptions): boolean {
    if (this.#live(key) === undefined || !this.#holds(key, options?.condition)) return false;
    this.#drop(key);
    this.#changes++;
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
    for (const key of this.list(options)) this.remove(key);
  }

  prune(): number {
    const before = this.#map.size;
    if (this.#canExpire) { for (const key of this.#map.keys()) this.#live(key); }
    return before - this.#map.size;
  }

  revision(): string {
    return `${this.#changes}`;
  }

  versions(options?: PrefixOptions): Map<string, string> {
    const versions = new Map<string, string>();
    for (const key of this.list(options)) versions.set(key, this.read(key, { details: true })!.version!);
    return versions;
  }

  #live(key: string): V | Box<V> | undefined {
    const slot = this.#get(key);
    if (!(slot instanceof Box) || !(slot.expiresAt! <= this.now())) return slot;
    this.#drop(key);
    return undefined;
  }

  #holds(key: string, condition?: Condition): boolean {
    const slot = this.#live(key);
    if (!condition) return true;
    if (condition === "absent") return slot === undefined;
    return slot instanceof Box && slot.version === condition.version;
  }

  #get(key: string): V | Box<V> | undefined {
    const value = this.#map.get(key);
    if (this.#map === this.#boxes || value === undefined) return value;
    let box = this.#boxes.get(key);
    // The map may have been changed past the store.
    if (box instanceof Box && !Object.is(box.value, value)) this.#put(key, box = new Box(value as V, box.expiresAt));
    return box ?? value;
  }

  #put(key: string, slot: V | Box<V>): void {
    if (this.#map !== this.#boxes) {
      const isBox = slot instanceof Box;
      this.#map.set(key, isBox ? slot.value : slot);
      if (!isBox) return void this.#boxes.delete(key);
    }
    this.#boxes.set(key, slot);
  }

  #drop(key: string): void {
    this.#map.delete(key);
    this.#boxes.delete(key);
  }
}

/** A value with a lifetime or a version. */
class Box<V> {
  declare value: V;
  declare expiresAt: number | undefined;
  declare version: string | undefined;

  constructor(value: V, expiresAt?: number) {
    this.fill(value, expiresAt);
  }

  fill(value: V, expiresAt?: number): void {
    this.value = value;
    this.expiresAt = expiresAt;
    this.version = undefined;
  }
}

// One count for all maps: a version is never right by accident in another map.
let lastVersion = 0;
