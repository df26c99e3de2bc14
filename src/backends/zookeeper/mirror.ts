/**
 * What is known of all nodes, kept by watches: one on the root, one on each node, each armed again once it has fired. It
 * gives the revision, the versions of all keys, and notice of every change, whoever makes it.
 *
 * @module
 */

import { abortable } from "../../core/awaitable.ts";
import type { WatchListener } from "../../core/backend.ts";
import { type Nodes, PRUNED } from "./nodes.ts";
import type { Asking, SessionEvent } from "./session.ts";
import { toHex, versionOf } from "./versions.ts";

/** What is known of an entry. */
export interface Known {
  readonly version: string;
  readonly expiresAt: number | undefined;
  /** The transaction that changed it last. */
  readonly changed: string;
}

/** What was pruned, as it stands in its node. */
export interface Pruned {
  /** How many children came or went by that. */
  readonly count: number;
  /** The last change of those that went. */
  readonly changed: string;
}

/** What a node of {@linkcode PRUNED} says. */
export function toPruned(value: Uint8Array | undefined): Pruned {
  const [count, changed = ""] = value ? new TextDecoder().decode(value).split(" ") : [];
  return { count: Number(count) || 0, changed };
}

/** A picture of the nodes. */
export class Mirror {
  readonly #nodes: Nodes;
  readonly #asking: Asking;
  readonly #pulse: number;
  readonly #known = new Map<string, Known>();
  readonly #stale = new Set<string>();
  readonly #watchers = new Map<string, () => void>();
  readonly #listeners = new Set<WatchListener>();
  #isListStale = true;
  #cversion = 0;
  #pruned: Pruned | undefined;
  // Counts the sessions: what one has begun the next one knows nothing of.
  #era = 0;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #isFollowing = false;
  #isSeeing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** A picture of nothing yet; `pulse` is how often the servers are asked for a sign of life while somebody watches, in ms. */
  constructor(nodes: Nodes, store: string, pulse: number) {
    this.#nodes = nodes;
    this.#asking = { store, operation: "watch" };
    this.#pulse = pulse;
  }

  /** Moves exactly when an entry was written or removed: by how many came and went, and by the last change of one. */
  async revision(asking: Asking): Promise<string> {
    await this.#refresh(asking);
    const { count, changed } = this.#pruned ?? toPruned(undefined);
    let last = changed;
    for (const known of this.#known.values()) if (known.changed > last) last = known.changed;
    return `${this.#cversion - count}.${last}`;
  }

  /** What is known of each node that is there now, by its name. */
  async entries(asking: Asking): Promise<ReadonlyMap<string, Known>> {
    await this.#refresh(asking);
    return this.#known;
  }

  /** Calls the listener soon after each change. */
  async watch(asking: Asking, listener: WatchListener): Promise<() => void> {
    // So that the same function may listen twice.
    const own: WatchListener = (isWatching) => listener(isWatching);
    this.#listeners.add(own);
    try {
      await this.#refresh(asking);
    } catch (error) {
      this.#listeners.delete(own);
      throw error;
    }
    this.#isSeeing = true;
    this.#beat();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) clearTimeout(this.#timer);
    };
  }

  /** Takes note of what happens to the session. */
  on(event: SessionEvent): void {
    if (event === "connected") return this.#wake();
    if (event === "expired") {
      // Its watches are gone with it.
      this.#era++;
      this.#known.clear();
      this.#stale.clear();
      this.#watchers.clear();
      this.#pruned = undefined;
      this.#isListStale = true;
    }
    this.#see(false);
    if (event === "expired") this.#wake();
  }

  /** Forgets all who listen. */
  close(): void {
    this.#listeners.clear();
    clearTimeout(this.#timer);
  }

  /** Brings the picture up to now; who asks while that is going on waits for the next time. */
  #refresh(asking: Asking): Promise<void> {
    let refreshed = this.#next;
    if (!refreshed) {
      const { signal: _, ...others } = asking;
      const before = this.#running ?? Promise.resolve();
      refreshed = this.#next = before.catch(() => {}).then(() => {
        this.#next = undefined;
        return this.#running = this.#look(others).finally(() => this.#running = undefined);
      });
      refreshed.catch(() => {});
    }
    return Promise.resolve(abortable(refreshed, asking.signal));
  }

  async #look(asking: Asking): Promise<void> {
    for (let isFirst = true; isFirst || this.#isListStale || this.#stale.size > 0; isFirst = false) {
      const era = this.#era;
      const names = [...this.#stale];
      try {
        if (this.#isListStale) await this.#list(asking, era);
        // All notices of earlier changes come before this answer.
        else if (names.length === 0) {
          const cversion = await this.#nodes.cversion(asking);
          if (cversion !== this.#cversion) this.#isListStale = true;
        }
        for (const name of this.#stale) if (!names.includes(name)) names.push(name);
        this.#stale.clear();
        await Promise.all(names.map((name) => this.#get(asking, name, era)));
      } catch (error) {
        if (era === this.#era) { for (const name of names) this.#stale.add(name); }
        throw error;
      }
    }
  }

  async #list(asking: Asking, era: number): Promise<void> {
    this.#isListStale = false;
    try {
      let listing = await this.#nodes.names(asking, this.#watcherOf(""));
      if (!listing) {
        await this.#nodes.make(asking);
        listing = await this.#nodes.names(asking, this.#watcherOf(""));
      }
      if (era !== this.#era || !listing) throw new Error("the session ended meanwhile");
      this.#cversion = listing.cversion;
      const names = new Set(listing.names);
      for (const name of this.#known.keys()) if (!names.has(name)) this.#forget(name);
      for (const name of names) if (!this.#known.has(name)) this.#stale.add(name);
      if (listing.isPruned && !this.#pruned) this.#stale.add(PRUNED);
    } catch (error) {
      this.#isListStale = true;
      throw error;
    }
  }

  async #get(asking: Asking, name: string, era: number): Promise<void> {
    const node = await this.#nodes.get(asking, name, this.#watcherOf(name));
    if (era !== this.#era) return;
    if (name === PRUNED) this.#pruned = node && toPruned(node.value);
    else if (!node) this.#forget(name);
    else {
      const { stat, expiresAt } = node;
      this.#known.set(name, { version: versionOf(stat), expiresAt, changed: toHex(stat.mzxid) });
    }
  }

  #forget(name: string): void {
    this.#known.delete(name);
    this.#watchers.delete(name);
  }

  /** The same function each time: the client would call two of them both. No key's node has the name `""`. */
  #watcherOf(name: string): () => void {
    let watcher = this.#watchers.get(name);
    if (!watcher) {
      const era = this.#era;
      watcher = () => {
        if (era !== this.#era) return;
        if (name === "") this.#isListStale = true;
        else this.#stale.add(name);
        this.#wake();
      };
      this.#watchers.set(name, watcher);
    }
    return watcher;
  }

  /** Arms again what has fired, and then says that there was a change. */
  #wake(): void {
    if (this.#listeners.size === 0 || this.#isFollowing) return;
    this.#isFollowing = true;
    this.#refresh(this.#asking).then(
      () => {
        this.#isFollowing = false;
        this.#see(true);
        // Something may have fired since.
        if (this.#isListStale || this.#stale.size > 0) this.#wake();
      },
      () => {
        this.#isFollowing = false;
        this.#see(false);
        this.#beat();
      },
    );
  }

  #see(isSeeing: boolean): void {
    if (!isSeeing && !this.#isSeeing) return;
    this.#isSeeing = isSeeing;
    for (const listener of [...this.#listeners]) listener(isSeeing);
  }

  /** A server that has died says nothing, so that it is asked now and then; and after a failure all over again. */
  #beat(): void {
    clearTimeout(this.#timer);
    if (this.#listeners.size === 0) return;
    this.#timer = setTimeout(() => {
      if (!this.#isSeeing) this.#wake();
      else this.#nodes.cversion(this.#asking).catch(() => {});
      this.#beat();
    }, this.#isSeeing ? this.#pulse : Math.min(this.#pulse, 1000));
  }
}
