/**
 * A backend that reads from a local copy of another backend and writes through to it.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Backend, Entry, ListOptions, ReadOptions, RemoveOptions, WriteOptions } from "../../core/backend.ts";
import { clearKeys } from "../../core/clear_keys.ts";
import { layer } from "../../core/layer.ts";
import { StoreError } from "../../core/store_error.ts";
import { type Resolve, writeOrResolve } from "./conflicts.ts";
import { Freshness, type FreshnessOptions } from "./freshness.ts";
import { loadChanges, loadThese } from "./loading.ts";
import type { Changes, LocalEntries } from "./local_entries.ts";
import { WriteOrder } from "./write_order.ts";

/** A listing that hands out all that it is a listing of. */
export interface PassOptions<V> extends ListOptions {
  readonly onBegin?: (snapshot: ReadonlyMap<string, V>) => void;
}

/** How a {@linkcode Mirror} behaves. */
export interface MirrorOptions<V> extends FreshnessOptions {
  readonly onConflict: Resolve<V> | undefined;
}

/** A reload under way, and what this map has changed meanwhile: what the reload brings of that may be older. */
interface Reload {
  readonly changed: Set<string>;
  readonly cleared: string[];
}

/** What a change of the store answers, and what has become of the keys. */
type Outcome<T, V> = readonly [answer: T, changes: Changes<V>];

/** A local copy that follows a backend. */
export class Mirror<V> {
  /** What reads are answered from. */
  readonly local: LocalEntries<V>;
  /** When to ask. */
  readonly freshness: Freshness;
  readonly #far: Backend<V>;
  readonly #resolve: Resolve<V> | undefined;
  readonly #order = new WriteOrder();
  readonly #closing = new AbortController();
  // Asked for before the data, so that a race costs one more reload and never leaves an old copy.
  #revision: string | undefined;
  // Keys whose last change overlapped with a reload, so that nobody knows which of the two has seen more.
  #suspects = new Set<string>();
  #reload: Reload | undefined;
  #reloads = 0;

  constructor(far: Backend<V>, local: LocalEntries<V>, options: MirrorOptions<V>) {
    this.#far = far;
    this.local = local;
    this.#resolve = options.onConflict;
    this.freshness = new Freshness(() => this.#pull(), options);
  }

  /** Ends what is under way. */
  close(): void {
    this.freshness.close();
    this.#closing.abort(new StoreError("closed", { store: this.#far.name, operation: "read" }));
  }

  /** The mirror as a backend of values. */
  backend(): Backend<V> {
    const far = this.#far;
    const own: Partial<Backend<V>> = {
      supports: { ...far.supports, order: false, stream: false },
      write: (key, value, options) => this.#write(key, value, options),
      remove: (key, options) => this.#remove(key, options),
      touch: (key, expiresAt, options) =>
        this.#change([key], options?.signal, async () => {
          const isThere = await far.touch!(key, expiresAt, options);
          const entry = this.local.entry(key);
          if (isThere && !entry) return [isThere, [await this.#look(key, options?.signal)]];
          return [isThere, [[key, isThere ? { ...entry!, expiresAt, version: undefined } : undefined]]];
        }),
      take: (key, options) =>
        this.#change([key], options?.signal, async () => [await far.take!(key, options), [[key, undefined]]]),
    };
    if (!this.#resolve) {
      Object.assign(
        own,
        {
          writeMany: (entries, options) =>
            this.#change([...entries.keys()], options?.signal, async () => {
              await far.writeMany!(entries, options);
              const { expiresAt } = options ?? {};
              return [undefined, [...entries].map(([key, value]) => [key, { value, expiresAt }] as const)];
            }),
          removeMany: (keys, options) =>
            this.#change(keys, options?.signal, async () => [await far.removeMany!(keys, options), keys.map(gone)]),
        } satisfies Partial<Backend<V>>,
      );
    }
    const outer = layer<V, V>(far, own, ["prune", "revision", "changes", "versions", "watch"]);
    // These are there whatever the other backend has.
    const always: Partial<Backend<V>> = {
      clear: (options) =>
        this.#change("all", options?.signal, async () => {
          const { prefix = "" } = options ?? {};
          // Derived from a listing it would leave what this map has not heard of.
          await clearKeys(far as Backend<unknown>, options);
          this.#reload?.cleared.push(prefix);
          return [undefined, [...this.local.keys()].filter((key) => key.startsWith(prefix)).map(gone)];
        }),
      read: (key, options) => this.#fresh(options, () => this.#read(key, options)),
      has: (key, options) => this.#fresh(options, () => this.local.get(key) !== undefined),
      readMany: (keys, options) =>
        this.#fresh(options, () => {
          const found = new Map<string, Entry<V>>();
          for (const key of keys) {
            const entry = this.local.entry(key);
            if (entry) found.set(key, entry);
          }
          return found;
        }),
      count: (options) =>
        this.#fresh(options, () => {
          const { prefix } = options ?? {};
          if (!prefix) return this.local.size;
          return [...this.local.snapshot.keys()].filter((key) => key.startsWith(prefix)).length;
        }),
      list: (options) => this.#list(options),
    };
    return Object.assign(outer, always);
  }

  async *#list(options: PassOptions<V> = {}): AsyncGenerator<string, void> {
    const { prefix = "", signal, onBegin } = options;
    if (this.freshness.isDue()) await this.freshness.check(signal);
    const { snapshot } = this.local;
    onBegin?.(snapshot);
    for (const key of snapshot.keys()) if (key.startsWith(prefix)) yield key;
  }

  #fresh<T>(
    options: { readonly signal?: AbortSignal | undefined } | undefined,
    answer: () => Awaitable<T>,
  ): Awaitable<T> {
    return this.freshness.isDue() ? this.freshness.check(options?.signal).then(answer) : answer();
  }

  #read(key: string, options?: ReadOptions): Awaitable<Entry<V> | undefined> {
    const entry = this.local.entry(key);
    const isKnown = entry ? entry.version !== undefined : this.#far.supports.create;
    if (!options?.details || isKnown) return entry;
    // Whoever wants to change what is there needs its version, or at least what it is now.
    const { signal } = options;
    return this.#change([key], signal, async () => {
      const seen = await this.#look(key, signal);
      return [seen[1], [seen]];
    }).catch((error) => {
      this.freshness.forgive(error, signal);
      return entry;
    });
  }

  #write(key: string, value: V, options: WriteOptions = {}): Promise<string | boolean> {
    const { expiresAt, condition, signal } = options;
    return this.#change([key], signal, async () => {
      if (this.#resolve && condition === undefined) {
        const [entry] = await writeOrResolve(this.#far, [key, value], this.local.entry(key), this.#resolve, options);
        return [entry?.version ?? true, [[key, entry]]];
      }
      const answer = await this.#far.write(key, value, options);
      // Somebody else was first, so the copy is wrong; whoever tries again must see what is there.
      if (answer === false) return [answer, [await this.#look(key, signal)]];
      const version = answer === true ? undefined : answer;
      return [answer, [[key, { value, expiresAt, version }]]];
    });
  }

  #remove(key: string, options: RemoveOptions = {}): Promise<boolean> {
    const { condition, signal } = options;
    return this.#change([key], signal, async () => {
      if (this.#resolve && condition === undefined) {
        const seen = this.local.entry(key);
        const [entry, isOwn] = await writeOrResolve(this.#far, [key, undefined], seen, this.#resolve, { signal });
        return [entry === undefined && isOwn, [[key, entry]]];
      }
      const isGone = await this.#far.remove(key, options);
      return [isGone, [condition && !isGone ? await this.#look(key, signal) : gone(key)]];
    });
  }

  async #look(key: string, signal?: AbortSignal): Promise<readonly [string, Entry<V> | undefined]> {
    return [key, await this.#far.read(key, { details: true, signal })];
  }

  /** Makes a change in its turn, and takes over what has become of its keys once the store has said so. */
  #change<T>(
    keys: readonly string[] | "all",
    signal: AbortSignal | undefined,
    make: () => Promise<Outcome<T, V>>,
  ): Promise<T> {
    return this.#order.run(keys, signal, async () => {
      const reloads = this.#reloads;
      const [answer, made] = await make();
      let changes = made;
      if (this.#resolve) {
        // Without its version the next change of a key could not be told from one over somebody else's.
        changes = await Promise.all(Array.from(made, async (change) => {
          const [key, entry] = change;
          return entry && entry.version === undefined ? await this.#look(key, signal) : change;
        }));
      }
      if (this.#reload || this.#reloads !== reloads) {
        // A reload may have seen more than this call has: what somebody else wrote after it.
        for (const [key] of changes) {
          this.#reload?.changed.add(key);
          this.#suspects.add(key);
        }
        this.freshness.distrust();
      }
      this.local.apply(changes, "map");
      return answer;
    });
  }

  /** Asks the store for its revision, and for what has changed if that has moved. */
  async #pull(): Promise<void> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const revision = await this.#far.revision!({ signal });
    const suspects = this.#suspects;
    if (revision === this.#revision && suspects.size === 0) return;
    const reload: Reload = { changed: new Set(), cleared: [] };
    this.#reload = reload;
    this.#suspects = new Set();
    let changes: Map<string, Entry<V> | undefined>;
    try {
      changes = revision === this.#revision
        ? await loadThese(this.#far, suspects, { signal })
        : await loadChanges(this.#far, this.local, { since: this.#revision, suspects, signal });
      signal.throwIfAborted();
    } catch (error) {
      for (const key of suspects) this.#suspects.add(key);
      throw error;
    } finally {
      this.#reload = undefined;
      this.#reloads++;
    }
    for (const key of changes.keys()) {
      if (!reload.changed.has(key) && !reload.cleared.some((prefix) => key.startsWith(prefix))) continue;
      // What this map has changed meanwhile, somebody else may have changed after it.
      changes.delete(key);
      this.#suspects.add(key);
    }
    this.#revision = revision;
    this.local.apply(changes, "store");
  }
}

function gone(key: string): readonly [string, undefined] {
  return [key, undefined];
}
