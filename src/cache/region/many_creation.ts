/**
 * One call of a creator for many keys, each with a claim and with callers of its own.
 *
 * @module
 */

import { type Making, methodsOf, type Outcome, type Verdict } from "./engine.ts";
import type { Found } from "./envelope.ts";
import type { Flight } from "./flight.ts";
import type { FullEngine } from "./full_engine.ts";
import type { ManyCreator } from "./options.ts";
import type { Claim } from "./place.ts";
import type { Wish } from "./wish.ts";

interface Part<V> {
  readonly making: Making<V>;
  readonly flight: Flight<Outcome<V>>;
  readonly resolve: (outcome: Outcome<V> | PromiseLike<Outcome<V>>) => void;
  readonly reject: (reason: unknown) => void;
}

interface Claimed<V> {
  readonly part: Part<V>;
  readonly claim: Claim<V>;
}

/** One call of a creator for many keys. */
export class ManyCreation<V> {
  readonly #engine: FullEngine<V>;
  readonly #create: ManyCreator<V>;
  readonly #wish: Wish<V>;
  readonly #isBackground: boolean;
  readonly #parts: Part<V>[] = [];
  readonly #controller = new AbortController();
  #waitedFor = 0;

  constructor(engine: FullEngine<V>, create: ManyCreator<V>, wish: Wish<V>, isBackground: boolean) {
    this.#engine = engine;
    this.#create = create;
    this.#wish = wish;
    this.#isBackground = isBackground;
  }

  /** Takes a key in; others who ask for it wait from now on. */
  add(making: Making<V>): Flight<Outcome<V>> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome<V>>();
    const flight = this.#engine.fly(making.name, this.#wish, () => promise);
    // The flight hears of it too, one step later.
    promise.catch(() => {});
    this.#waitedFor++;
    flight.signal.addEventListener("abort", () => {
      reject(flight.signal.reason);
      if (--this.#waitedFor === 0) this.#controller.abort(flight.signal.reason);
    }, { once: true });
    this.#parts.push({ making, flight, resolve, reject });
    return flight;
  }

  /** Makes the values of all keys taken in. */
  start(): void {
    if (this.#parts.length === 0) return;
    const work = this.#run().catch((error) => {
      for (const { reject } of this.#parts) reject(error);
    });
    if (!this.#isBackground) return;
    // Nobody waits for these, so nobody can leave.
    for (const { flight } of this.#parts) flight.join().catch(() => {});
    this.#wish.waitUntil?.(work);
  }

  async #run(): Promise<void> {
    const wins = await Promise.all(this.#parts.map((part) => this.#acquire(part, false)));
    const mine = wins.filter((won) => won !== "busy" && won !== undefined);
    const busy = this.#parts.filter((_, index) => wins[index] === "busy");
    if (mine.length > 0) await this.#make(mine);
    // Own claims are settled by now: two processes never wait for each other.
    await Promise.all(busy.map(async (part) => {
      const won = this.#isBackground ? "busy" : await this.#acquire(part, true);
      if (won === "busy") part.resolve(undefined);
      else if (won) await this.#make([won]);
    }));
  }

  /** A claim, or nothing where the part is settled without one. */
  async #acquire(part: Part<V>, wait: boolean): Promise<Claimed<V> | "busy" | undefined> {
    const { making, flight } = part;
    try {
      const won = await this.#engine.acquire(flight, making, wait);
      if (!won) return "busy";
      if ("end" in won) return { part, claim: won };
      part.resolve(won);
    } catch (error) {
      await this.#fail(part, making.found, error);
    }
    return undefined;
  }

  async #make(claimed: readonly Claimed<V>[]): Promise<void> {
    const engine = this.#engine;
    const verdict: Verdict = {};
    const { signal } = this.#controller;
    for (const { part } of claimed) engine.tell(this.#isBackground ? "refresh" : "create", part.making.key);
    const keys = claimed.map(({ part }) => part.making.key);
    try {
      const made = new Map(
        await engine.run(keys[0]!, signal, () => this.#create(keys, { signal, ...methodsOf(verdict) })),
      );
      await Promise.all(claimed.map(async ({ part, claim }) => {
        const value = made.get(part.making.key);
        try {
          await engine.keep(claim, part.making, value!, verdict);
          part.resolve(value === undefined ? [] : [value]);
        } catch (error) {
          await engine.end(claim, part.making.key);
          part.reject(error);
        }
      }));
    } catch (error) {
      await Promise.all(claimed.map(async ({ part, claim }) => {
        await engine.end(claim, part.making.key);
        await this.#fail(part, claim.found ?? part.making.found, error);
      }));
    }
  }

  async #fail(part: Part<V>, found: Found<V> | undefined, error: unknown): Promise<void> {
    const { making, flight } = part;
    const last = flight.signal.aborted ? undefined : await this.#engine.fallBack(making, found);
    if (last) part.resolve(last);
    else part.reject(error);
  }
}
