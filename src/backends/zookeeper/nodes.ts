/**
 * The nodes of one store: requests and transactions on the children of its root.
 *
 * @module
 */

import { unframe } from "../../core/frame.ts";
import { codeOf, Codes, type ZookeeperAcl, type ZookeeperStat, type ZookeeperWatcher } from "./client.ts";
import { type Asking, fail, type Session, toBuffer } from "./session.ts";

/** Counts removals: a node that was removed and made again has the numbers of the first one. */
const REMOVALS = "%%removals";
/** Is there if an entry ever had a lifetime, without which a listing need not look at the entries. */
const LIFETIMES = "%%lifetimes";

/** Holds what was pruned: that an entry has gone which had expired is no change. */
export const PRUNED = "%%pruned";

const EPHEMERAL = 1;
const PERSISTENT = 0;
const NOTHING = new Uint8Array(0);

/** A node, and what its data says. */
export interface Node {
  readonly stat: ZookeeperStat;
  readonly value: Uint8Array;
  readonly expiresAt: number | undefined;
}

/** One step of a transaction, on the child of this name. */
export type Step =
  | { readonly create: string; readonly data: Uint8Array; readonly expiresAt?: number | undefined }
  | { readonly set: string; readonly data: Uint8Array; readonly version?: number }
  | { readonly remove: string; readonly version?: number };

/** The children of the root. */
export interface Listing {
  /** The names of entries. */
  readonly names: readonly string[];
  /** How often children came or went. */
  readonly cversion: number;
  /** Whether an entry ever had a lifetime. */
  readonly mayExpire: boolean;
  /** Whether there is a note of what was pruned. */
  readonly isPruned: boolean;
}

/** Who may do what with new nodes. */
export type Permissions = "open" | "creator" | "read" | readonly ZookeeperAcl[];

/** The children of a root. */
export class Nodes {
  readonly #session: Session;
  readonly #root: string;
  readonly #permissions: Permissions;
  readonly #endsWithSession: boolean;
  #hasLifetimes = false;

  /**
   * Nodes below a path without a slash at its end; `""` is the servers' own root. With the last argument those that are
   * made with a lifetime end with the session, too.
   */
  constructor(session: Session, root: string, permissions: Permissions, endsWithSession: boolean) {
    this.#session = session;
    this.#root = root;
    this.#permissions = permissions;
    this.#endsWithSession = endsWithSession;
  }

  /** The path of a child. */
  path(name: string): string {
    return `${this.#root}/${name}`;
  }

  /** A child with its data, or `undefined`; the watcher is called once, when it changes or goes. */
  get(asking: Asking, name: string, watcher?: ZookeeperWatcher): Promise<Node | undefined> {
    const path = this.path(name);
    return this.#session.call<Node | undefined>(asking, (client, done) => {
      const take = (error: unknown, data?: Uint8Array | null, stat?: ZookeeperStat) => {
        if (error) return codeOf(error) === Codes.noNode ? done(undefined) : done(error);
        try {
          const { payload, expiresAt } = unframe(new Uint8Array(data ?? NOTHING));
          done(undefined, { stat: stat!, value: payload, expiresAt });
        } catch (cause) {
          done(fail(asking, "corrupt", "its frame is broken", cause));
        }
      };
      if (watcher) client.getData(path, watcher, take);
      else client.getData(path, take);
    });
  }

  /** Changes the data of a child, whatever it is; `undefined` if there is none. */
  set(asking: Asking, name: string, data: Uint8Array): Promise<ZookeeperStat | undefined> {
    return this.#session.call<ZookeeperStat | undefined>(
      asking,
      (client, done) =>
        client.setData(this.path(name), toBuffer(data), -1, (error, stat) => {
          if (error && codeOf(error) === Codes.noNode) done(undefined);
          else done(error, stat);
        }),
    );
  }

  /** Whether there are these children, one by one. */
  async areThere(asking: Asking, names: readonly string[]): Promise<boolean[]> {
    return await Promise.all(names.map(async (name) => await this.#stat(asking, this.path(name)) !== undefined));
  }

  /** A child, and the number of removals before it was looked at: while that stays, it is not another one of this name. */
  async look(asking: Asking, name: string): Promise<{ readonly node: Node | undefined; readonly removals: number }> {
    for (;;) {
      const [counter, node] = await Promise.all([this.#stat(asking, this.path(REMOVALS)), this.get(asking, name)]);
      if (counter) return { node, removals: counter.version };
      if (!node) return { node, removals: -1 };
      await this.make(asking);
    }
  }

  /** The names of all children; the watcher is called once, when one comes or goes. */
  async names(
    asking: Asking,
    watcher?: ZookeeperWatcher,
  ): Promise<Listing | undefined> {
    const path = this.#root || "/";
    try {
      return await this.#session.call(asking, (client, done) => {
        const take = (error: unknown, all: readonly string[] = [], stat?: ZookeeperStat) => {
          if (error) return done(error);
          const names = all.filter((name) => !name.startsWith("%%"));
          const mayExpire = all.includes(LIFETIMES);
          done(undefined, { names, cversion: stat!.cversion, mayExpire, isPruned: all.includes(PRUNED) });
        };
        if (watcher) client.getChildren(path, watcher, take);
        else client.getChildren(path, take);
      });
    } catch (error) {
      if (codeOf(error) === Codes.noNode) return undefined;
      throw error;
    }
  }

  /** How often children of the root came or went; all notices of changes before it have come when it is answered. */
  async cversion(asking: Asking): Promise<number | undefined> {
    return (await this.#stat(asking, this.#root || "/"))?.cversion;
  }

  /**
   * Does all steps as one, or none. With the number of removals it fails if there was another one since; with a removal
   * among its steps it counts as one.
   */
  async commit(asking: Asking, steps: readonly Step[], removals?: number): Promise<readonly ZookeeperStat[]> {
    const results = await this.#session.call<readonly { readonly stat?: ZookeeperStat }[]>(asking, (client, done) => {
      const transaction = client.transaction();
      // The client takes version 0 for none.
      const exactly = (version: number | undefined) => {
        const { ops } = transaction as { ops?: { version?: number }[] };
        if (version !== undefined) ops!.at(-1)!.version = version;
      };
      const counter = this.path(REMOVALS);
      if (steps.some((step) => "remove" in step)) {
        transaction.setData(counter, toBuffer(NOTHING));
        exactly(removals);
      } else if (removals !== undefined) {
        transaction.check(counter);
        exactly(removals);
      }
      for (const step of steps) {
        if ("create" in step) {
          const mode = this.#endsWithSession && step.expiresAt !== undefined ? EPHEMERAL : PERSISTENT;
          // With its data a moment later: the answer to a change says what the node is, that to a creation does not.
          transaction.create(this.path(step.create), toBuffer(NOTHING), this.#acls(), mode);
          transaction.setData(this.path(step.create), toBuffer(step.data));
          exactly(0);
        } else if ("set" in step) {
          transaction.setData(this.path(step.set), toBuffer(step.data));
          exactly(step.version);
        } else {
          transaction.remove(this.path(step.remove));
          exactly(step.version);
        }
      }
      transaction.commit(done);
    });
    return results.flatMap(({ stat }) => stat ?? []);
  }

  /** Makes the root, and what stands beside the entries. */
  async make(asking: Asking): Promise<void> {
    await this.#grow(asking, this.path(REMOVALS));
  }

  /** From the end of the path: who may not write above need not, where it is there. */
  async #grow(asking: Asking, path: string): Promise<void> {
    try {
      await this.#create(asking, path);
    } catch (error) {
      const above = path.slice(0, path.lastIndexOf("/"));
      if (codeOf(error) !== Codes.noNode || above === "") throw error;
      await this.#grow(asking, above);
      await this.#create(asking, path);
    }
  }

  /** Notes that an entry has a lifetime, before it has. */
  async noteLifetime(asking: Asking): Promise<void> {
    if (this.#hasLifetimes) return;
    const path = this.path(LIFETIMES);
    if (!await this.#stat(asking, path)) {
      try {
        await this.#create(asking, path);
      } catch (error) {
        if (codeOf(error) !== Codes.noNode) throw error;
        await this.make(asking);
        await this.#create(asking, path);
      }
    }
    this.#hasLifetimes = true;
  }

  async #create(asking: Asking, path: string): Promise<void> {
    try {
      await this.#session.call<void>(
        asking,
        (client, done) => client.create(path, toBuffer(NOTHING), this.#acls(), PERSISTENT, done),
      );
    } catch (error) {
      if (codeOf(error) !== Codes.nodeExists) throw error;
    }
  }

  async #stat(asking: Asking, path: string): Promise<ZookeeperStat | undefined> {
    return await this.#session.call<ZookeeperStat | null>(asking, (client, done) => client.exists(path, done)) ??
      undefined;
  }

  #acls(): readonly unknown[] {
    const { ACL, Id } = this.#session.module;
    if (this.#permissions === "open") return ACL.OPEN_ACL_UNSAFE;
    if (this.#permissions === "creator") return ACL.CREATOR_ALL_ACL;
    // Read by all, changed by who made it.
    if (this.#permissions === "read") return [...ACL.READ_ACL_UNSAFE, ...ACL.CREATOR_ALL_ACL];
    return this.#permissions.map(({ permissions, scheme, id }) => new ACL(permissions, new Id(scheme, id)));
  }
}
