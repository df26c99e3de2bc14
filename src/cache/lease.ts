/**
 * A lease: the right to be the only one who does something, until a deadline.
 *
 * @module
 */

import type { CallOptions } from "../core/backend.ts";
import { checkOptions } from "../core/options.ts";
import type { Store } from "../core/store.ts";
import { StoreError } from "../core/store_error.ts";
import { newToken } from "./region/owner.ts";
import { Pauses } from "./region/pause.ts";
import { Renewal } from "./region/renewal.ts";

/** How a {@linkcode Lease} behaves. */
export interface LeaseOptions {
  /** After how long a holder that died is given up, in milliseconds. @default {10_000} */
  readonly ttl?: number | undefined;
  /** Whether it is renewed while it is held, each third of the `ttl`. @default {true} */
  readonly renew?: boolean | undefined;
  /** The longest time between two attempts of who waits for it, in milliseconds. @default {250} */
  readonly pollInterval?: number | undefined;
}

/** What `lease.acquire()` takes. */
export interface AcquireOptions extends CallOptions {
  /** How long to wait for it, in milliseconds. @default {Infinity} */
  readonly wait?: number | undefined;
}

/** What stands in the store while it is held. */
interface Holding {
  readonly owner: string;
}

/**
 * A lease over any store that supports `create`: of all who want the same name in the same store, one holds it, until it
 * releases it or dies and the `ttl` passes. It lives in the store under its name; give leases a room of their own.
 *
 * A holder that was stopped for longer than the `ttl` may believe that it still holds the lease. What must not be done
 * twice then needs the {@linkcode fence}. Releasing a lease that was lost does nothing. An object holds once at a time.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { Lease } from "@everymap/everymap/cache/lease";
 * import { assertEquals } from "@std/assert";
 *
 * const store = new Store(memory());
 * const mine = await new Lease(store, "nightly report").acquire({ wait: 5000 }); // or: await using mine = …
 * assertEquals(await new Lease(store, "nightly report").tryAcquire(), false);
 * await mine.release();
 * assertEquals(await store.size, 0);
 * ```
 */
export class Lease implements AsyncDisposable {
  /** What it is called in its store. */
  readonly name: string;
  readonly #store: Store<unknown>;
  readonly #ttl: number;
  readonly #isRenewed: boolean;
  readonly #pollInterval: number;
  #owner: string | undefined;
  #renewal: Renewal | undefined;

  /**
   * A lease that nobody holds yet.
   *
   * @throws {TypeError} If an option is unknown.
   * @throws {StoreError} `unsupported`, if the store does not support `create` or `ttl`.
   */
  constructor(store: Store<unknown>, name: string, options: LeaseOptions = {}) {
    checkOptions("Lease", options, ["ttl", "renew", "pollInterval"]);
    const { ttl = 10_000, renew = true, pollInterval = 250 } = options;
    if (!(ttl > 0)) throw new RangeError("Cannot make Lease: ttl must be above 0");
    for (const feature of ["create", "ttl"] as const) {
      if (store.backend.supports[feature]) continue;
      throw new StoreError("unsupported", { store: store.backend.name, operation: `use ${feature}` });
    }
    this.name = name;
    this.#store = store;
    this.#ttl = ttl;
    this.#isRenewed = renew;
    this.#pollInterval = pollInterval;
  }

  /** Whether this object holds it, as far as it knows without asking. */
  get isHeld(): boolean {
    return this.#owner !== undefined;
  }

  /** Takes the lease if nobody has it; whether it did. */
  async tryAcquire(options: CallOptions = {}): Promise<boolean> {
    if (this.#owner !== undefined) return false;
    const owner = newToken();
    if (!await this.#store.add(this.name, { owner } satisfies Holding, { ttl: this.#ttl, signal: options.signal })) {
      return false;
    }
    this.#owner = owner;
    if (this.#isRenewed) this.#renewal = new Renewal(this.#ttl / 3, () => this.renew());
    return true;
  }

  /**
   * Takes the lease, and waits for it while somebody else has it; resolves to the lease.
   *
   * @throws {StoreError} `locked` if the time to wait is over.
   */
  async acquire({ wait = Infinity, signal }: AcquireOptions = {}): Promise<this> {
    const pauses = new Pauses(this.#pollInterval, Math.random);
    const end = performance.now() + wait;
    while (!await this.tryAcquire({ signal })) {
      if (performance.now() >= end) {
        const { name: store } = this.#store.backend;
        throw new StoreError("locked", { store, operation: "acquire", key: this.name, reason: "somebody else has it" });
      }
      await pauses.next(signal);
    }
    return this;
  }

  /** Begins its `ttl` anew; whether it is held still. Atomic where the store supports `swap`. */
  async renew(options: CallOptions = {}): Promise<boolean> {
    const owner = this.#owner;
    const version = await this.#check(options);
    if (version === undefined || owner === undefined) return false;
    const how = { ttl: this.#ttl, signal: options.signal };
    if (version === "") return await this.#store.touch(this.name, this.#ttl, options);
    if (await this.#store.replace(this.name, { owner } satisfies Holding, { ...how, version })) return true;
    return await this.isMine(options);
  }

  /** Whether the store says that this object holds it. */
  async isMine(options: CallOptions = {}): Promise<boolean> {
    return await this.#check(options) !== undefined;
  }

  /**
   * A number that is larger than every number of earlier holders: what is protected refuses smaller ones than it has seen.
   * It is counted in the store, under the lease's name with `#fence` behind it.
   *
   * @throws {StoreError} `conflict` if the lease is not held any more.
   */
  async fence(options: CallOptions = {}): Promise<number> {
    const count = await this.#store.update(`${this.name}#fence`, (last) => Number(last ?? 0) + 1, {
      ttl: Infinity,
      signal: options.signal,
    });
    // Counted while it was held: whoever holds it later counts on from here.
    if (await this.isMine(options)) return count as number;
    const { name: store } = this.#store.backend;
    throw new StoreError("conflict", { store, operation: "fence", key: this.name, reason: "the lease was lost" });
  }

  /** Gives the lease up; nothing happens if it was lost or never held. Atomic where the store supports `swap`. */
  async release(options: CallOptions = {}): Promise<void> {
    await this.#renewal?.stop();
    this.#renewal = undefined;
    const version = await this.#check(options);
    this.#owner = undefined;
    if (version === undefined) return;
    const condition = version === "" ? undefined : { version };
    await this.#store.backend.remove(this.name, { condition, signal: options.signal });
  }

  /** {@linkcode release}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** The version of what stands in the store, if it is this object's: `""` where there are no versions. */
  async #check(options: CallOptions): Promise<string | undefined> {
    const owner = this.#owner;
    if (owner === undefined) return undefined;
    const entry = await this.#store.entry(this.name, options);
    if ((entry?.value as Holding | undefined)?.owner === owner) {
      return this.#store.backend.supports.swap ? entry!.version! : "";
    }
    if (this.#owner === owner) this.#owner = undefined;
    return undefined;
  }
}
