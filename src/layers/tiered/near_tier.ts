/**
 * The tier in front: copies that may be missing, but are never older than the tier behind.
 *
 * @module
 */

import { type Awaitable, isPending } from "../../core/awaitable.ts";
import type { Backend, CallOptions, Entry, PrefixOptions } from "../../core/backend.ts";
import { clearKeys } from "../../core/clear_keys.ts";
import type { Clock } from "../../core/clock.ts";
import { concurrently } from "../../core/concurrently.ts";

/** A key that somebody reads from the tier behind or changes there. */
interface Activity {
  readers: number;
  writers: number;
  /** Counts beginnings and ends of changes: a reader that sees it move has read what may be outdated. */
  generation: number;
  /** Whether changes overlapped: nobody can say which of them came last. */
  isDisputed: boolean;
}

/** Something that goes on with some keys; to be ended. */
export interface Ticket {
  readonly keys: readonly string[];
  readonly generations: readonly number[];
  readonly clearings: number;
}

/**
 * The near tier of `tiered()`. None of its failures goes further: a read that fails is a miss, a write that fails drops
 * the key, and a key that cannot be dropped is not read until it could be.
 */
export class NearTier<V> {
  readonly #near: Backend<V>;
  readonly #ttl: number;
  readonly #now: Clock;
  readonly #activities = new Map<string, Activity>();
  // The last change of each copy that is still under way.
  readonly #changing = new Map<string, PromiseLike<unknown>>();
  // Copies that should be gone but may still be there.
  readonly #outdated = new Set<string>();
  #isAllOutdated = false;
  #healing: Promise<void> | undefined;
  #clearing = 0;
  #clearings = 0;

  constructor(near: Backend<V>, ttl: number, now: Clock) {
    this.#near = near;
    this.#ttl = ttl;
    this.#now = now;
  }

  /** The copy, if there is one. */
  read(key: string, options?: CallOptions): Awaitable<Entry<V> | undefined> {
    if (!this.#isReadable(key)) return undefined;
    return orElse(() => this.#near.read(key, options), undefined, options?.signal);
  }

  /** The copies that there are. */
  readMany(keys: readonly string[], options?: CallOptions): Awaitable<Map<string, Entry<V>>> {
    const near = this.#near;
    const wanted = keys.filter((key) => this.#isReadable(key));
    const found = new Map<string, Entry<V>>();
    if (wanted.length === 0) return found;
    if (near.readMany) return orElse(() => near.readMany!(wanted, options), found, options?.signal);
    const readEach = concurrently(wanted, async (key) => {
      const entry = await near.read(key, options);
      if (entry) found.set(key, entry);
    }, options);
    return orElse(() => readEach.then(() => found), found, options?.signal);
  }

  /** The start of a read from the tier behind. */
  beginRead(keys: readonly string[]): Ticket {
    return this.#begin(keys, (activity) => activity.readers++);
  }

  /** The end of a read: the keys whose entries may be kept here. */
  endRead(ticket: Ticket): string[] {
    const isOpen = this.#clearing === 0 && this.#clearings === ticket.clearings && !this.#isAllOutdated;
    return ticket.keys.filter((key, at) => {
      const activity = this.#activities.get(key)!;
      activity.readers--;
      this.#leave(key, activity);
      return isOpen && activity.writers === 0 && activity.generation === ticket.generations[at];
    });
  }

  /** The start of a change in the tier behind. */
  beginChange(keys: readonly string[]): Ticket {
    return this.#begin(keys, (activity) => {
      if (activity.writers++ > 0) activity.isDisputed = true;
      activity.generation++;
    });
  }

  /**
   * The end of a change: brings the copies up to date where nothing else went on, drops them elsewhere, or everywhere if
   * there is no `update`.
   */
  async endChange(ticket: Ticket, update?: (keys: readonly string[]) => Awaitable<unknown>): Promise<void> {
    const isOpen = this.#clearing === 0 && this.#clearings === ticket.clearings && !this.#isAllOutdated;
    const isClear = (key: string) => isOpen && !this.#activities.get(key)!.isDisputed;
    const clear = update ? ticket.keys.filter(isClear) : [];
    const rest = clear.length === 0 ? ticket.keys : ticket.keys.filter((key) => !isClear(key));
    try {
      if (clear.length > 0) await this.#change(clear, () => update!(clear));
      if (rest.length > 0) await this.drop(rest);
    } finally {
      for (const key of ticket.keys) {
        const activity = this.#activities.get(key)!;
        activity.generation++;
        if (--activity.writers === 0) activity.isDisputed = false;
        this.#leave(key, activity);
      }
    }
  }

  /** Keeps copies of what was read from the tier behind. */
  async keep(entries: ReadonlyMap<string, Entry<V>>): Promise<void> {
    const groups = new Map<number | undefined, Map<string, V>>();
    for (const [key, { value, expiresAt }] of entries) {
      const group = groups.get(expiresAt);
      if (group) group.set(key, value);
      else groups.set(expiresAt, new Map([[key, value]]));
    }
    // All at once: what is current now may not be so when another group has been written.
    await Promise.all(Array.from(groups, ([expiresAt, values]) => {
      return this.#change([...values.keys()], () => this.write(values, expiresAt));
    }));
  }

  /** Writes copies; for use within {@linkcode endChange}. */
  write(values: ReadonlyMap<string, V>, deadline: number | undefined): Awaitable<unknown> {
    const near = this.#near;
    const expiresAt = this.#cap(deadline);
    const kept = new Map([...values].filter(([key]) => this.#fits(key)));
    if (kept.size === 0) return undefined;
    if (expiresAt !== undefined && !near.supports.ttl) return this.#remove([...kept.keys()]);
    const [[key, value]] = kept as unknown as [[string, V]];
    if (kept.size === 1) return near.write(key, value, { expiresAt });
    if (near.writeMany) return near.writeMany(kept, { expiresAt });
    return concurrently(kept, ([key, value]) => near.write(key, value, { expiresAt }));
  }

  /** Gives a copy a new lifetime; for use within {@linkcode endChange}. */
  touch(key: string, deadline: number | undefined): Awaitable<unknown> {
    if (!this.#fits(key)) return undefined;
    // With a limit of its own a copy must not grow older than that.
    const isAble = this.#near.touch && this.#ttl === Infinity && (deadline === undefined || this.#near.supports.ttl);
    return isAble ? this.#near.touch!(key, deadline) : this.#near.remove(key);
  }

  /** Drops copies. */
  async drop(keys: readonly string[]): Promise<void> {
    const held = keys.filter((key) => this.#fits(key));
    if (held.length === 0) return;
    for (const key of held) this.#outdated.add(key);
    try {
      await this.#inTurn(held, () => this.#remove(held));
      for (const key of held) this.#outdated.delete(key);
    } catch {
      // Again, because an earlier turn may have taken them off: from now on they are not read.
      for (const key of held) this.#outdated.add(key);
    }
  }

  /** Drops the copies of everything that a clearing of the tier behind removes. */
  async clear<T>(options: PrefixOptions | undefined, clearFar: () => Awaitable<T>): Promise<T> {
    this.#clearing++;
    this.#clearings++;
    try {
      return await clearFar();
    } finally {
      const isPart = !this.#isAllOutdated;
      this.#isAllOutdated = true;
      await Promise.allSettled(this.#changing.values());
      await this.#heal(isPart ? options?.prefix : undefined);
      this.#clearing--;
      this.#clearings++;
    }
  }

  #isReadable(key: string): boolean {
    if (this.#isAllOutdated) {
      if (this.#clearing === 0) this.#healing ??= this.#heal().finally(() => this.#healing = undefined);
      return false;
    }
    return this.#fits(key) && !this.#outdated.has(key);
  }

  async #heal(prefix?: string): Promise<void> {
    try {
      await clearKeys(this.#near as Backend<unknown>, { prefix });
      this.#isAllOutdated = false;
    } catch {
      // All stays outdated, and unread.
    }
  }

  #begin(keys: readonly string[], start: (activity: Activity) => void): Ticket {
    const generations = keys.map((key) => {
      let activity = this.#activities.get(key);
      if (!activity) {
        activity = { readers: 0, writers: 0, generation: 0, isDisputed: false };
        this.#activities.set(key, activity);
      }
      start(activity);
      return activity.generation;
    });
    return { keys, generations, clearings: this.#clearings };
  }

  #leave(key: string, { readers, writers }: Activity): void {
    if (readers === 0 && writers === 0) this.#activities.delete(key);
  }

  #remove(keys: readonly string[]): Awaitable<unknown> {
    const near = this.#near;
    if (keys.length === 1) return near.remove(keys[0]!);
    return near.removeMany ? near.removeMany(keys) : concurrently(keys, (key) => near.remove(key));
  }

  /** A change of copies that leaves none behind if it fails. */
  async #change(keys: readonly string[], task: () => Awaitable<unknown>): Promise<void> {
    try {
      await this.#inTurn(keys, task);
      for (const key of keys) this.#outdated.delete(key);
    } catch {
      await this.drop(keys);
    }
  }

  /** Copies of one key are changed in the order asked for, even where the near tier is slow. */
  #inTurn(keys: readonly string[], task: () => Awaitable<unknown>): Awaitable<unknown> {
    const changing = this.#changing;
    const before = keys.flatMap((key) => changing.get(key) ?? []);
    const answer = before.length === 0 ? task() : Promise.allSettled(before).then(task);
    if (!isPending(answer)) return answer;
    for (const key of keys) changing.set(key, answer);
    const end = () => {
      for (const key of keys) if (changing.get(key) === answer) changing.delete(key);
    };
    return answer.then((value) => {
      end();
      return value;
    }, (error) => {
      end();
      throw error;
    });
  }

  #cap(expiresAt: number | undefined): number | undefined {
    return this.#ttl === Infinity ? expiresAt : Math.min(expiresAt ?? Infinity, this.#now() + this.#ttl);
  }

  #fits(key: string): boolean {
    const { maxKeyBytes } = this.#near;
    if (maxKeyBytes === undefined || key.length * 3 <= maxKeyBytes) return true;
    return new TextEncoder().encode(key).length <= maxKeyBytes;
  }
}

/** The answer, or another one if there is none because of a failure; an abort is not one. */
function orElse<T>(ask: () => Awaitable<T>, otherwise: T, signal: AbortSignal | undefined): Awaitable<T> {
  const fail = () => {
    signal?.throwIfAborted();
    return otherwise;
  };
  try {
    const answer = ask();
    return isPending(answer) ? answer.then(undefined, fail) : answer;
  } catch {
    return fail();
  }
}
