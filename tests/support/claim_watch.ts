/**
 * A watch over the claims that regions write into their entries: no claim takes the place of one under a live lease, and
 * no creator runs without one. A claim that was superseded, by a write, a deletion or a hard invalidation, is none.
 *
 * @module
 */

import type { Envelope, Epoch } from "../../src/cache/region/envelope.ts";
import type { Backend, WriteOptions } from "../../src/core/backend.ts";
import type { Clock } from "../../src/core/clock.ts";
import { faulty } from "../../src/testing/faulty.ts";

/** Watches the claims of regions that have no name, over one store in memory. */
export class ClaimWatch {
  readonly #now: Clock;
  readonly #report: (broken: Error) => void;
  /** Tokens of claims whose holders know of them, until they have ended them, or tried to. */
  readonly #held = new Set<string>();
  /** Tokens of claims that others took over while they lived. */
  readonly #robbed = new Set<string>();
  /** Which claim an entry of a version is. */
  readonly #versions = new Map<string, string>();
  /** Claims won that no creator has run under, by region and key. */
  readonly #unused = new Map<string, number>();

  constructor(now: Clock, report: (broken: Error) => void) {
    this.#now = now;
    this.#report = report;
  }

  /** The store itself, where each step is one; it answers the versions of what it writes. */
  store(memory: Backend<unknown>): Backend<unknown> {
    const write = (key: string, value: unknown, options?: WriteOptions) => {
      const old = this.#liveClaim(memory, key);
      if (memory.write(key, value, options) === false) return false;
      const { l } = value as Partial<Envelope<unknown>>;
      if (old !== undefined && l !== undefined && l !== old) this.#rob(old, key);
      return (memory.read(key, { details: true }) as { version?: string } | undefined)?.version ?? true;
    };
    return Object.assign(faulty(memory, { fault: "none" }), { write });
  }

  /** The same as a region knows it, behind all that may fail. */
  region(store: Backend<unknown>, region: number): Backend<unknown> {
    const ending = async <T>(version: string | undefined, work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } finally {
        if (version !== undefined) this.#held.delete(this.#versions.get(version) ?? "");
      }
    };
    return {
      ...store,
      write: (key, value, options) => {
        const { l } = value as Partial<Envelope<unknown>>;
        const condition = typeof options?.condition === "object" ? options.condition.version : undefined;
        return ending(l === undefined ? condition : undefined, async () => {
          const answer = await store.write(key, value, options);
          if (l !== undefined && typeof answer === "string") this.#win(l, answer, region, key);
          return answer;
        });
      },
      remove: (key, options) => ending(options?.condition?.version, async () => await store.remove(key, options)),
    };
  }

  /** A creator starts in this region. */
  begin(region: number, key: string): void {
    const place = `${region} region:v:${key}`;
    const left = (this.#unused.get(place) ?? 0) - 1;
    if (left < 0) this.#report(new Error(`a creator of ${key} without a claim`));
    else this.#unused.set(place, left);
  }

  #win(token: string, version: string, region: number, key: string): void {
    this.#versions.set(version, token);
    if (this.#robbed.has(token)) this.#report(new Error(`a claim on ${key} was taken over before it was known`));
    if (this.#held.has(token)) return;
    this.#held.add(token);
    const place = `${region} ${key}`;
    this.#unused.set(place, (this.#unused.get(place) ?? 0) + 1);
  }

  #rob(token: string, key: string): void {
    if (this.#held.has(token)) this.#report(new Error(`two claims on ${key} at once`));
    this.#robbed.add(token);
  }

  #liveClaim(memory: Backend<unknown>, key: string): string | undefined {
    const { l, u = 0, h, t = [] } = (memory.readSync!(key) ?? {}) as Partial<Envelope<unknown>>;
    const epoch = (name: string) => memory.readSync!(`region:${name}`) as Epoch;
    const isValid = h === epoch("h") && t.every(([tag, began]) => (epoch(`t:${tag}`) ?? "") === began);
    return isValid && u > this.#now() ? l : undefined;
  }
}
