/**
 * A local Map that follows a shared store: settings, flags and small tables at the speed of memory, changed anywhere, seen
 * everywhere.
 *
 * @module
 */

import type { CallOptions, ListOptions } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { type Duration, toMilliseconds } from "../core/lifetime.ts";
import { notify } from "../core/notify.ts";
import { checkOptions } from "../core/options.ts";
import { Store } from "../core/store.ts";
import { StoreError } from "../core/store_error.ts";
import type { ValueBackend } from "../core/store_options.ts";
import type { Conflict, Resolve } from "./durable_map/conflicts.ts";
import type { Freshness } from "./durable_map/freshness.ts";
import { type ChangeOrigin, type DurableChange, LocalEntries } from "./durable_map/local_entries.ts";
import { Mirror, type MirrorOptions, type PassOptions } from "./durable_map/mirror.ts";
import { WarmCopy } from "./durable_map/warm_copy.ts";

export type { ChangeOrigin, Conflict, DurableChange, Resolve };

/** How a {@linkcode DurableMap} behaves. */
export interface DurableMapOptions<V> extends CallOptions {
  /**
   * When the map asks the store whether anything has changed: `true` before each read; `false` never, until `sync()`;
   * `maxStaleness` when the last answer is older than so many milliseconds, or than a duration. Readers that come at once
   * share a question. @default {true}
   */
  readonly autosync?: boolean | { readonly maxStaleness: number | Duration } | undefined;
  /** Whether a store that can tell of changes by itself is listened to; with `autosync: true` reads ask no more then. @default {true} */
  readonly watch?: boolean | undefined;
  /** What reads do while the store does not answer: they answer from the local Map, or reject. @default {"stale"} */
  readonly onOutage?: "stale" | "throw" | undefined;
  /** How long reads do not ask again when the store did not answer, in milliseconds; for `onOutage: "stale"`. @default {1000} */
  readonly retryAfter?: number | Duration | undefined;
  /** A store near by, such as a folder, that gets a copy of everything and is started from while the other one is down. @default {none} */
  readonly local?: Store<V> | undefined;
  /** Called after values have changed in the local Map, with those of one step; what it throws is dropped. */
  readonly onChange?: ((changes: readonly DurableChange<V>[], origin: ChangeOrigin) => unknown) | undefined;
  /**
   * Makes `set`, `setMany`, `delete` and `deleteMany` find out whether somebody else has changed the key since this map saw
   * it, and says what it shall have then. Needs `supports.swap`; many keys are many round trips. @default {the last write stays}
   */
  readonly onConflict?: Resolve<V> | undefined;
  /** Called when the store does not answer, and when the copy in `local` fails; what it throws is dropped. */
  readonly onError?: ((error: unknown) => unknown) | undefined;
  /** The clock by which entries expire and answers age. @default {the store's} */
  readonly now?: Clock | undefined;
}

/**
 * A {@linkcode Store} that answers reads from a local `Map` and writes through to another store. Whatever changes there
 * comes to the map with the next read, if the store's `revision()` has moved; only what has changed is fetched where the
 * store tells changes or versions. Own writes are visible as soon as they are acknowledged.
 *
 * - `snapshot` is the local Map itself: synchronous, and as fast as a `Map` is.
 * - Values are shared by all readers, so they are not to be changed in place.
 * - Own changes of one key happen in the order they were asked for.
 * - There are no streams, and the order of keys is that of no store: `keys({ after })` and `readable()` are `unsupported`.
 *
 * @example
 * ```ts
 * import { DurableMap, memory, Store } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * const shared = memory<boolean>();
 * const flags = await DurableMap.open(new Store(shared));
 * await new Store(shared).set("dark-mode", true); // somebody else
 * assertEquals(await flags.get("dark-mode"), true);
 * for (const [flag, isOn] of flags.snapshot) assertEquals([flag, isOn], ["dark-mode", true]);
 * await flags.close();
 * ```
 */
export class DurableMap<V> extends Store<V> {
  readonly #local: LocalEntries<V>;
  readonly #freshness: Freshness;
  readonly #ends: readonly (() => unknown)[];
  #closing: Promise<void> | undefined;

  private constructor(mirror: Mirror<V>, store: Store<V>, now: Clock, ends: readonly (() => unknown)[]) {
    super(mirror.backend() as ValueBackend<V>, { ttl: store.ttl, now });
    this.#local = mirror.local;
    this.#freshness = mirror.freshness;
    this.#ends = ends;
  }

  /**
   * A map with everything that is in the store. It owns both stores: closing it closes them.
   *
   * @throws {TypeError} If an option is unknown or malformed.
   * @throws {RangeError} If a time is negative or `NaN`.
   * @throws {StoreError} `unsupported` if the store has no `revision()` or no listing, or no conditions for `onConflict`;
   *   or what the store says if it does not answer and there is no copy to start from.
   */
  static async open<V>(store: Store<V>, options: DurableMapOptions<V> = {}): Promise<DurableMap<V>> {
    const settings = settingsOf(store, options);
    const { local, onChange, onError, signal, watch = true } = options;
    const { backend } = store;
    let isOpen = false;
    const entries = new LocalEntries<V>(settings.now, (changes, origin) => {
      if (isOpen && onChange) notify(onChange, changes, origin);
    });
    const mirror = new Mirror(backend, entries, settings);
    const { freshness } = mirror;
    const ends: (() => unknown)[] = [() => mirror.close()];

    const copy = local && new WarmCopy(local, onError);
    const start = await copy?.load() ?? new Map();
    entries.apply(start, "map");
    if (copy) entries.follower = (key, entry) => copy.keep(key, entry);
    if (watch && backend.watch && settings.maxStaleness < Infinity) {
      freshness.isWatching = true;
      try {
        ends.push(await backend.watch(freshness.onWatch, { signal }));
      } catch (error) {
        freshness.isWatching = false;
        if (onError) notify(onError, error);
      }
    }
    try {
      await freshness.sync(signal);
    } catch (error) {
      if (start.size === 0 || settings.onOutage === "throw" || signal?.aborted) {
        for (const end of ends) await end();
        throw error;
      }
    }
    isOpen = true;
    ends.push(() => copy?.close(), () => store.close());
    return new DurableMap(mirror, store, settings.now, ends);
  }

  /**
   * All values as they are now, in a native `Map`; no question is asked. It stays as it is: when something changes, the next
   * call answers another one. To change it is a mistake that nobody catches.
   */
  get snapshot(): ReadonlyMap<string, V> {
    return this.#local.snapshot;
  }

  /** Whether the store did not answer when it was asked last, so that what reads answer may be old. */
  get stale(): boolean {
    return this.#freshness.isStale;
  }

  /** What the store said when it was asked last and did not answer; `undefined` while it does. */
  get error(): unknown {
    return this.#freshness.error;
  }

  /**
   * Asks the store now, and fetches what has changed.
   *
   * @throws {StoreError} If it does not answer, whatever `onOutage` says.
   */
  async sync(options?: CallOptions): Promise<void> {
    await this.#freshness.sync(options?.signal);
  }

  /** The value, or `undefined` if the key is absent. */
  // deno-lint-ignore require-await -- without one it is faster for values at hand
  override async get(key: string, options?: CallOptions): Promise<V | undefined> {
    if (options === undefined && !this.#freshness.isDue()) {
      const value = this.#local.get(key);
      if (value !== undefined) return value;
    }
    return super.get(key, options);
  }

  /** Keys and values as they are when it begins, whatever changes meanwhile. */
  override async *entries(options?: ListOptions): AsyncGenerator<[string, V], void> {
    let snapshot: ReadonlyMap<string, V>;
    const pass: PassOptions<V> = { ...options, onBegin: (now) => snapshot = now };
    for await (const key of this.keys(pass)) yield [key, snapshot!.get(key)!];
  }

  /** Lets go of both stores, after the copy is written; the data stays. Calls after it reject with `closed`. */
  override close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await super.close();
    const failures: unknown[] = [];
    for (const end of this.#ends) {
      try {
        await end();
      } catch (error) {
        // The other store has to be let go of all the same.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

function settingsOf<V>(store: Store<V>, options: DurableMapOptions<V>): MirrorOptions<V> {
  const { autosync = true, onOutage = "stale", onConflict, onError, now = store.now } = options;
  checkOptions("DurableMap", options, OPTIONS);
  if (onOutage !== "stale" && onOutage !== "throw") {
    throw new TypeError('Cannot make DurableMap: onOutage must be "stale" or "throw"');
  }
  const { name, supports } = store.backend;
  for (const need of ["revision", "list", ...onConflict ? ["swap", "create"] as const : []] as const) {
    if (supports[need]) continue;
    throw new StoreError("unsupported", { store: name, operation: "follow", reason: `it does not support ${need}` });
  }
  const maxStaleness = typeof autosync === "boolean"
    ? autosync ? 0 : Infinity
    : toMilliseconds(autosync.maxStaleness, "maxStaleness");
  const retryAfter = toMilliseconds(options.retryAfter ?? 1000, "retryAfter");
  for (const [word, time] of Object.entries({ maxStaleness, retryAfter })) {
    if (time < 0) throw new RangeError(`Cannot make DurableMap: ${word} must be 0 or more milliseconds`);
  }
  return { maxStaleness, onOutage, retryAfter, onError, onConflict, now };
}

const OPTIONS = [
  "autosync",
  "watch",
  "onOutage",
  "retryAfter",
  "local",
  "onChange",
  "onConflict",
  "onError",
  "now",
  "signal",
];
