/**
 * Entries in a store of this process: everything is at hand, and a map tells who makes which value.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import type { Envelope, Epoch, Found, Stamp } from "./envelope.ts";
import type { InvalidationMode } from "./events.ts";
import type { Claim, ClaimOptions, Place } from "./place.ts";
import type { Room } from "./room.ts";

/** How many names of keys are remembered. */
const NAMES = 10_000;

/** Entries in a backend that answers at once. */
export class LocalPlace<V> implements Place<V> {
  readonly #backend: Backend<Envelope<V>>;
  readonly #prefix: string;
  readonly #room: Room;
  readonly #names = new Map<string, string>();

  constructor(backend: Backend<Envelope<V>>, prefix: string, room: Room) {
    this.#backend = backend;
    this.#prefix = prefix;
    this.#room = room;
  }

  /** The value if it is fresh and plain, by the shortest way. */
  hit(key: string, moment: () => number): V | undefined {
    const entry = this.#backend.readSync!(this.#name(key));
    if (entry === undefined || entry.t !== undefined) return undefined;
    if (entry.h !== this.#room.h || entry.s !== this.#room.s) return undefined;
    return entry.f === undefined || entry.f > moment() ? entry.v : undefined;
  }

  read(key: string): Found<V> | undefined {
    const entry = this.#backend.readSync!(this.#name(key));
    return entry && { entry, invalid: this.#judge(entry) };
  }

  readMany(keys: readonly string[]): Map<string, Found<V>> {
    const all = new Map<string, Found<V>>();
    for (const key of keys) {
      const found = this.read(key);
      if (found) all.set(key, found);
    }
    return all;
  }

  stamp(tags: readonly string[]): Stamp {
    const { h, s } = this.#room;
    return { h, s, t: tags.length > 0 ? tags.map((tag) => [tag, this.#room.tags.get(tag)]) : undefined };
  }

  write(entries: ReadonlyMap<string, Envelope<V>>, expiresAt?: number): void {
    for (const [key, entry] of entries) {
      this.#room.claims.delete(key);
      this.#backend.writeSync!(this.#name(key), entry, expiresAt);
    }
  }

  async remove(keys: readonly string[]): Promise<number> {
    let count = 0;
    for (const key of keys) {
      this.#room.claims.delete(key);
      if (await this.#backend.remove(this.#name(key))) count++;
    }
    return count;
  }

  async clear(prefix: string): Promise<void> {
    const found: string[] = [];
    for await (const key of this.#backend.list({ prefix: this.#prefix + prefix })) found.push(key);
    // In one step: who makes a value from now on has not seen what was there.
    for (const key of this.#room.claims.keys()) if (key.startsWith(prefix)) this.#room.claims.delete(key);
    await Promise.all(found.map((key) => this.#backend.remove(key)));
  }

  invalidate(mode: InvalidationMode): void {
    this.#room[mode === "hard" ? "h" : "s"] = ++lastEpoch;
  }

  invalidateTags(tags: readonly string[]): void {
    for (const tag of tags) this.#room.tags.set(tag, ++lastEpoch);
  }

  async acquire(
    key: string,
    { tags, isUseful, isCurrent, onHeld }: ClaimOptions<V>,
  ): Promise<Claim<V> | Found<V> | "busy"> {
    const { claims } = this.#room;
    const found = this.read(key);
    if (await isUseful(found)) return found!;
    if (!isCurrent()) return "busy";
    const stamp = this.stamp(tags);
    const isHeld = () => claims.get(key) === claim && !this.#judge(stamp);
    const claim: Claim<V> = {
      stamp,
      found,
      commit: (entry, expiresAt) => {
        if (!isHeld()) return false;
        this.write(new Map([[key, entry]]), expiresAt);
        return true;
      },
      release: () => {
        if (claims.get(key) === claim) claims.delete(key);
      },
    };
    claims.set(key, claim);
    onHeld(isHeld);
    return claim;
  }

  // Making a name costs more than finding it: a new string has no hash yet.
  #name(key: string): string {
    if (this.#prefix === "") return key;
    let name = this.#names.get(key);
    if (name === undefined) {
      if (this.#names.size >= NAMES) this.#names.clear();
      this.#names.set(key, name = this.#prefix + key);
    }
    return name;
  }

  #judge({ h, s, t }: Stamp): InvalidationMode | undefined {
    const isCurrent = ([tag, epoch]: readonly [string, Epoch]) => this.#room.tags.get(tag) === epoch;
    if (h !== this.#room.h || (t && !t.every(isCurrent))) return "hard";
    return s !== this.#room.s ? "soft" : undefined;
  }
}

// One count for all: an epoch is never right by accident.
let lastEpoch = 0;
