/**
 * A place in a store of this process. Who makes a value holds its key as long as its flight is the one that others wait
 * for; a change ends that in the same step.
 *
 * @module
 */

import type { AtHand } from "./at_hand.ts";
import type { Envelope, Found, Stamp } from "./envelope.ts";
import type { InvalidationMode } from "./events.ts";
import type { Flight } from "./flight.ts";
import type { Claim, ClaimOptions, Place } from "./place.ts";
import type { Room } from "./room.ts";

/** A place in a backend that answers at once. */
export class LocalPlace<V> implements Place<V> {
  readonly #entries: AtHand<V>;
  readonly #room: Room;

  constructor(entries: AtHand<V>, room: Room) {
    this.#entries = entries;
    this.#room = room;
  }

  read(key: string): Found<V> | undefined {
    return this.#entries.read(key);
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
    return this.#entries.stamp(tags);
  }

  write(entries: ReadonlyMap<string, Envelope<V>>, expiresAt?: number): void {
    for (const [key, entry] of entries) {
      this.#room.flights.delete(key);
      this.#entries.write(key, entry, expiresAt);
    }
  }

  async remove(keys: readonly string[]): Promise<number> {
    let count = 0;
    for (const key of keys) {
      this.#room.flights.delete(key);
      if (await this.#entries.backend.remove(this.#entries.name(key))) count++;
    }
    return count;
  }

  async clear(prefix: string): Promise<void> {
    const { backend, prefix: own } = this.#entries;
    const found: string[] = [];
    for await (const key of backend.list({ prefix: own + prefix })) found.push(key);
    // In one step: who makes a value from now on has not seen what was there.
    this.#end((key) => key.startsWith(prefix));
    await Promise.all(found.map((key) => backend.remove(key)));
  }

  invalidate(mode: InvalidationMode): void {
    this.#room[mode === "hard" ? "h" : "s"] = ++lastEpoch;
    this.#end(() => true);
  }

  invalidateTags(tags: readonly string[]): void {
    for (const tag of tags) this.#room.tags.set(tag, ++lastEpoch);
    this.#end((_, flight) => flight.tags.some((tag) => tags.includes(tag)));
  }

  async acquire(
    key: string,
    { tags, isUseful, isCurrent, onHeld }: ClaimOptions<V>,
  ): Promise<Claim<V> | Found<V> | "busy"> {
    const found = this.read(key);
    if (await isUseful(found)) return found!;
    if (!isCurrent()) return "busy";
    onHeld(isCurrent);
    return this.#entries.claim(key, found, tags, isCurrent);
  }

  #end(isMeant: (key: string, flight: Flight<unknown>) => boolean): void {
    const { flights } = this.#room;
    for (const [key, flight] of flights) if (isMeant(key, flight)) flights.delete(key);
  }
}

// One count for all: an epoch is never right by accident.
let lastEpoch = 0;
