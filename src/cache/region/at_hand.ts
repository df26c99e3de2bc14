/**
 * Entries in a store of this process: everything is at hand.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import type { Envelope, Epoch, Found, Stamp } from "./envelope.ts";
import type { InvalidationMode } from "./events.ts";
import type { Claim } from "./place.ts";
import type { Room } from "./room.ts";

/** How many names of keys are remembered. */
const NAMES = 10_000;

/** Entries in a backend that answers at once. */
export class AtHand<V> {
  readonly backend: Backend<Envelope<V>>;
  /** What names in the backend start with. */
  readonly prefix: string;
  readonly #room: Room;
  readonly #names = new Map<string, string>();

  constructor(backend: Backend<Envelope<V>>, prefix: string, room: Room) {
    this.backend = backend;
    this.prefix = prefix;
    this.#room = room;
  }

  /** The value if it is fresh and has no tags, by the shortest way. */
  hit(key: string, moment: () => number): V | undefined {
    const entry = this.backend.readSync!(this.name(key));
    if (entry === undefined || entry.t !== undefined) return undefined;
    if (entry.h !== this.#room.h || entry.s !== this.#room.s) return undefined;
    return entry.f === undefined || entry.f > moment() ? entry.v : undefined;
  }

  read(key: string): Found<V> | undefined {
    const entry = this.backend.readSync!(this.name(key));
    return entry && { entry, invalid: this.#judge(entry) };
  }

  write(key: string, entry: Envelope<V>, expiresAt: number | undefined): void {
    this.backend.writeSync!(this.name(key), entry, expiresAt);
  }

  /** The right to write what was made, as long as it is the current one. */
  claim(key: string, found: Found<V> | undefined, tags: readonly string[], isCurrent: () => boolean): Claim<V> {
    return {
      stamp: this.stamp(tags),
      found,
      end: (entry, expiresAt) => {
        if (entry && isCurrent()) this.write(key, entry, expiresAt);
      },
    };
  }

  /** The epochs as of now. */
  stamp(tags: readonly string[]): Stamp {
    const { h, s, tags: epochs } = this.#room;
    return { h, s, t: tags.length > 0 ? tags.map((tag) => [tag, epochs.get(tag)]) : undefined };
  }

  // Making a name costs more than finding it: a new string has no hash yet.
  name(key: string): string {
    if (this.prefix === "") return key;
    let name = this.#names.get(key);
    if (name === undefined) {
      if (this.#names.size >= NAMES) this.#names.clear();
      this.#names.set(key, name = this.prefix + key);
    }
    return name;
  }

  #judge({ h, s, t }: Stamp): InvalidationMode | undefined {
    const isCurrent = ([tag, epoch]: readonly [string, Epoch]) => this.#room.tags.get(tag) === epoch;
    if (h !== this.#room.h || (t && !t.every(isCurrent))) return "hard";
    return s !== this.#room.s ? "soft" : undefined;
  }
}
