/**
 * Which of several servers has a key: consistent hashing, so that with one server more or less most keys stay.
 *
 * @module
 */

/** Points of each server on the ring: with so many their shares differ by a tenth or so. */
const POINTS = 160;

/** A ring of servers. */
export class Ring<S extends { readonly name: string }> {
  readonly #servers: readonly S[];
  readonly #points: Uint32Array;
  readonly #owners: readonly S[];

  /** A ring that depends on the servers' names alone, not on their order. */
  constructor(servers: readonly S[]) {
    this.#servers = servers;
    const points = servers.flatMap((server) =>
      Array.from({ length: POINTS }, (_, index) => [hashOf(`${server.name}-${index}`), server] as const)
    );
    points.sort(([a, one], [b, other]) => a - b || (one.name < other.name ? -1 : 1));
    this.#points = Uint32Array.from(points, ([point]) => point);
    this.#owners = points.map(([, owner]) => owner);
  }

  /** The server that has this key. */
  serverOf(key: string): S {
    if (this.#servers.length === 1) return this.#servers[0]!;
    const hash = hashOf(key);
    let [low, high] = [0, this.#points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return this.#owners[low % this.#owners.length]!;
  }
}

/** FNV-1a over the UTF-16 units, and MurmurHash3's last steps, which spread what differs in the end only. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
