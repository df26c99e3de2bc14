/**
 * The methods of a store in ZooKeeper.
 *
 * @module
 */

import { json } from "../../codecs/json.ts";
import type {
  ByteBackend,
  CallOptions,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  Supports,
  WatchListener,
  WriteOptions,
} from "../../core/backend.ts";
import { type Clock, isPast } from "../../core/clock.ts";
import type { Codec } from "../../core/codec.ts";
import { encoded } from "../../core/encoded.ts";
import { frame } from "../../core/frame.ts";
import { toFailure } from "./failure.ts";
import { sortedKeys } from "./sorted_keys.ts";
import type { Mirror } from "./mirror.ts";
import { NodeChanges } from "./node_changes.ts";
import { toKey, toNodeName } from "./node_names.ts";
import type { Node, Nodes, Step } from "./nodes.ts";
import type { Portions } from "./portions.ts";
import { pruningSteps } from "./pruning.ts";
import { type Asking, fail, type Session } from "./session.ts";
import { toNumber, versionOf } from "./versions.ts";

const PAGE = 100;

/** What the methods work with. */
export interface ZookeeperParts {
  readonly name: string;
  readonly session: Session;
  readonly nodes: Nodes;
  readonly mirror: Mirror;
  readonly portions: Portions;
  readonly now: Clock;
}

/** A backend over the children of a node. */
export class ZookeeperBackend implements ByteBackend {
  readonly name: string;
  readonly codec: Codec<unknown, Uint8Array> = json();
  readonly encoded = encoded;
  readonly supports: Supports = {
    list: true,
    order: true,
    ttl: true,
    create: true,
    swap: true,
    stream: false,
    revision: true,
  };
  readonly now: Clock;
  readonly #session: Session;
  readonly #nodes: Nodes;
  readonly #mirror: Mirror;
  readonly #portions: Portions;
  readonly #changes: NodeChanges;

  constructor({ name, session, nodes, mirror, portions, now }: ZookeeperParts) {
    this.name = name;
    this.now = now;
    this.#session = session;
    this.#nodes = nodes;
    this.#mirror = mirror;
    this.#portions = portions;
    this.#changes = new NodeChanges(nodes, now);
  }

  read(key: string, options?: ReadOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#run(
      "read",
      key,
      options,
      (asking) =>
        this.#nodes.get(asking, toNodeName(key)).then((node) =>
          this.#changes.isLive(node) ? toEntry(node, options?.details) : undefined
        ),
    );
  }

  has(key: string, options?: CallOptions): Promise<boolean> {
    return this.#run(
      "read",
      key,
      options,
      async (asking) => this.#changes.isLive(await this.#nodes.get(asking, toNodeName(key))),
    );
  }

  write(key: string, raw: Uint8Array, options: WriteOptions = {}): Promise<string | boolean> {
    const { expiresAt, condition, signal } = options;
    if (isPast(expiresAt, this.now)) return this.#writeExpired(key, options);
    return this.#run("write", key, { signal }, async (asking) => {
      const name = toNodeName(key);
      const data = this.#toData(asking, name, raw, expiresAt);
      if (condition === undefined) return await this.#changes.put(asking, name, data, expiresAt);
      if (condition === "absent") return await this.#changes.add(asking, name, data, expiresAt);
      return await this.#changes.change(asking, name, (node) => {
        if (!node || versionOf(node.stat) !== condition.version) return false;
        return { set: name, data, version: node.stat.version, expiresAt };
      });
    });
  }

  remove(key: string, { condition, signal }: RemoveOptions = {}): Promise<boolean> {
    return this.#run("remove", key, { signal }, async (asking) => {
      const name = toNodeName(key);
      if (condition) {
        return await this.#changes.change(asking, name, (node) => {
          if (!node || versionOf(node.stat) !== condition.version) return false;
          return { remove: name, version: node.stat.version };
        }) !== false;
      }
      return await this.#changes.remove(asking, name);
    });
  }

  async *list({ prefix = "", after, limit = Infinity, signal }: ListOptions = {}): AsyncIterable<string> {
    let left = limit;
    const names = await this.#run("list", undefined, { signal }, (asking) => this.#nodes.names(asking));
    const keys = sortedKeys((names?.names ?? []).flatMap((name) => toKey(name) ?? []), { prefix, after });
    for (let at = 0; at < keys.length; at += PAGE) {
      const page = keys.slice(at, at + PAGE);
      const live = names!.mayExpire ? await this.readMany(page, { signal }) : undefined;
      for (const key of page) {
        if (live && !live.has(key)) continue;
        if (--left < 0) return;
        yield key;
      }
    }
  }

  readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<Uint8Array>>> {
    return this.#run("read", undefined, options, async (asking) => {
      const nodes = await Promise.all(
        keys.map((key) => this.#nodes.get({ ...asking, key }, toNodeName(key))),
      );
      const found = new Map<string, Entry<Uint8Array>>();
      for (const [index, key] of keys.entries()) {
        const node = nodes[index];
        if (this.#changes.isLive(node)) found.set(key, toEntry(node, options?.details));
      }
      return found;
    });
  }

  /** In one transaction where they fit into one. */
  async writeMany(entries: ReadonlyMap<string, Uint8Array>, options?: Omit<WriteOptions, "condition">): Promise<void> {
    const { expiresAt, signal } = options ?? {};
    if (isPast(expiresAt, this.now)) return void await this.removeMany([...entries.keys()], { signal });
    await this.#run("write", undefined, { signal }, async (asking) => {
      const all = Array.from(entries, ([key, raw]) => {
        const name = toNodeName(key);
        return { name, data: this.#toData({ ...asking, key }, name, raw, expiresAt) };
      });
      if (expiresAt !== undefined) await this.#nodes.noteLifetime(asking);
      for (const some of this.#portions.of(all)) {
        // Most writes are of keys that are there.
        let steps = some.map(({ name, data }): Step => ({ set: name, data }));
        for (let isFirst = true; !await this.#changes.succeeds(asking, steps, !isFirst); isFirst = false) {
          const areThere = await this.#nodes.areThere(asking, some.map(({ name }) => name));
          steps = some.map(({ name, data }, index): Step =>
            areThere[index] ? { set: name, data } : { create: name, data, expiresAt }
          );
        }
      }
    });
  }

  removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    return this.#run("remove", undefined, options, async (asking) => {
      const nodes = await Promise.all(keys.map((key) => this.#nodes.get({ ...asking, key }, toNodeName(key))));
      const live = keys.filter((_, index) => this.#changes.isLive(nodes[index]));
      let count = 0;
      for (const some of this.#portions.of(live.map((key) => ({ name: toNodeName(key), key })))) {
        if (await this.#changes.succeeds(asking, some.map(({ name }) => ({ remove: name })))) count += some.length;
        else for (const { key } of some) if (await this.remove(key, options)) count++;
      }
      return count;
    });
  }

  clear({ prefix = "", signal }: PrefixOptions = {}): Promise<void> {
    return this.#run("clear", undefined, { signal }, async (asking) => {
      for (let isDone = false; !isDone;) {
        const names = (await this.#nodes.names(asking))?.names ?? [];
        isDone = true;
        const entries = names.flatMap((name) => toKey(name)?.startsWith(prefix) ? { name } : []);
        for (const some of this.#portions.of(entries)) {
          isDone = await this.#changes.succeeds(asking, some.map(({ name }) => ({ remove: name }))) && isDone;
        }
      }
    });
  }

  touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    if (isPast(expiresAt, this.now)) return this.remove(key, options);
    return this.#run("touch", key, options, async (asking) => {
      const name = toNodeName(key);
      return await this.#changes.change(asking, name, (node) => {
        if (!node) return false;
        const data = this.#toData(asking, name, node.value, expiresAt);
        return { set: name, data, version: node.stat.version, expiresAt };
      }) !== false;
    });
  }

  take(key: string, options?: CallOptions): Promise<Entry<Uint8Array> | undefined> {
    return this.#run("remove", key, options, async (asking) => {
      const name = toNodeName(key);
      let taken: Node | undefined;
      const answer = await this.#changes.change(asking, name, (node) => {
        taken = node;
        return node ? { remove: name, version: node.stat.version } : false;
      });
      return answer === false ? undefined : toEntry(taken!, true);
    });
  }

  /** Drops what has expired; a note of it keeps the revision where it is. */
  prune(options?: CallOptions): Promise<number> {
    return this.#run("prune", undefined, options, async (asking) => {
      const listing = await this.#nodes.names(asking);
      if (!listing?.mayExpire) return 0;
      let count = 0;
      const entries = listing.names.flatMap((name) => toKey(name) === undefined ? [] : { name });
      for (const some of this.#portions.of(entries)) {
        const names = some.map(({ name }) => name);
        const pruning = await pruningSteps(this.#nodes, asking, names, this.now);
        // If somebody was faster it can wait for the next time.
        if (pruning.count > 0 && await this.#changes.succeeds(asking, pruning.steps)) count += pruning.count;
      }
      return count;
    });
  }

  revision(options?: CallOptions): Promise<string> {
    return this.#run("read", undefined, options, (asking) => this.#mirror.revision(asking));
  }

  versions({ prefix = "", signal }: PrefixOptions = {}): Promise<Map<string, string>> {
    return this.#run("read", undefined, { signal }, async (asking) => {
      const versions = new Map<string, string>();
      for (const [name, { version, expiresAt }] of await this.#mirror.entries(asking)) {
        const key = toKey(name);
        if (key?.startsWith(prefix) && !isPast(expiresAt, this.now)) versions.set(key, version);
      }
      return versions;
    });
  }

  watch(listener: WatchListener, options?: CallOptions): Promise<() => void> {
    return this.#run("watch", undefined, options, (asking) => this.#mirror.watch(asking, listener));
  }

  close(): void {
    this.#mirror.close();
    this.#session.close();
  }

  async #run<T>(
    operation: string,
    key: string | undefined,
    options: CallOptions | undefined,
    work: (asking: Asking) => Promise<T>,
  ): Promise<T> {
    const asking = { store: this.name, operation, key, signal: options?.signal };
    try {
      return await work(asking);
    } catch (error) {
      throw toFailure(error, asking);
    }
  }

  async #writeExpired(key: string, { condition, signal }: WriteOptions): Promise<boolean> {
    if (condition === "absent") return await this.read(key, { signal }) === undefined;
    return await this.remove(key, { condition, signal }) || condition === undefined;
  }

  #toData(asking: Asking, name: string, raw: Uint8Array, expiresAt: number | undefined): Uint8Array {
    const data = frame({ payload: raw, expiresAt });
    if (!this.#portions.fits(name, data)) throw fail(asking, "too-large", "it does not fit into one request");
    return data;
  }
}

function toEntry({ value, expiresAt, stat }: Node, details: boolean | undefined): Entry<Uint8Array> {
  return details ? { value, expiresAt, version: versionOf(stat), createdAt: toNumber(stat.mtime) } : { value };
}
