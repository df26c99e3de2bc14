/**
 * The part of `node-zookeeper-client` that a store needs, as types of its own.
 *
 * @module
 */

/** What ZooKeeper knows of a node; numbers of 8 bytes are big-endian. */
export interface ZookeeperStat {
  /** The transaction that made the node. */
  readonly czxid: Uint8Array;
  /** The transaction that changed its data last. */
  readonly mzxid: Uint8Array;
  /** When its data was changed, in milliseconds since the epoch. */
  readonly mtime: Uint8Array;
  /** How often its data was changed. */
  readonly version: number;
  /** How often children came or went. */
  readonly cversion: number;
}

/** Who may do what: 1 read, 2 write, 4 create, 8 delete, 16 administer. */
export interface ZookeeperAcl {
  /** Such as `world`, `auth`, `digest` or `ip`. */
  readonly scheme: string;
  /** Such as `anyone`, or `name:hash`. */
  readonly id: string;
  /** The sum of what is allowed. */
  readonly permissions: number;
}

/** Is called with an error, or with what was asked for. */
export type ZookeeperCallback<A extends unknown[]> = (error: unknown, ...answer: A) => void;

/** Is called once, when a node changes. */
export type ZookeeperWatcher = (event: unknown) => void;

/** Several steps as one. */
export interface ZookeeperTransaction {
  /** A node is made. */
  create(path: string, data: Uint8Array, acls: readonly unknown[], mode: number): unknown;
  /** The data of a node is changed. */
  setData(path: string, data: Uint8Array, version?: number): unknown;
  /** A node is there, with this version. */
  check(path: string, version?: number): unknown;
  /** A node is removed. */
  remove(path: string, version?: number): unknown;
  /** Does all steps, or none. */
  commit(callback: ZookeeperCallback<[results?: readonly { readonly stat?: ZookeeperStat }[]]>): void;
}

/** A client of `node-zookeeper-client`, made by its `createClient` and not connected yet. */
export interface ZookeeperClient {
  /** Starts to connect. */
  connect(): void;
  /** Ends the session. */
  close(): void;
  /** Listens to what happens to the session. */
  on(event: string, listener: () => void): unknown;
  /** Adds credentials. */
  addAuthInfo(scheme: string, auth: Uint8Array): void;
  /** Makes a node. */
  create(path: string, data: Uint8Array, acls: readonly unknown[], mode: number, callback: ZookeeperCallback<[]>): void;
  /** Looks at a node. */
  exists(path: string, callback: ZookeeperCallback<[stat?: ZookeeperStat | null]>): void;
  /** Reads a node. */
  getData(path: string, callback: ZookeeperCallback<[data?: Uint8Array | null, stat?: ZookeeperStat]>): void;
  /** Reads a node and watches it. */
  getData(
    path: string,
    watcher: ZookeeperWatcher,
    callback: ZookeeperCallback<[data?: Uint8Array | null, stat?: ZookeeperStat]>,
  ): void;
  /** Lists the children of a node. */
  getChildren(path: string, callback: ZookeeperCallback<[names?: readonly string[], stat?: ZookeeperStat]>): void;
  /** Lists the children of a node and watches them. */
  getChildren(
    path: string,
    watcher: ZookeeperWatcher,
    callback: ZookeeperCallback<[names?: readonly string[], stat?: ZookeeperStat]>,
  ): void;
  /** Changes a node. */
  setData(path: string, data: Uint8Array, version: number, callback: ZookeeperCallback<[stat?: ZookeeperStat]>): void;
  /** Begins several steps. */
  transaction(): ZookeeperTransaction;
}

/** The module itself. */
export interface ZookeeperModule {
  createClient(
    servers: string,
    options: { readonly sessionTimeout: number; readonly spinDelay: number },
  ): ZookeeperClient;
  readonly ACL: (new (permissions: number, id: unknown) => unknown) & {
    readonly OPEN_ACL_UNSAFE: readonly unknown[];
    readonly CREATOR_ALL_ACL: readonly unknown[];
    readonly READ_ACL_UNSAFE: readonly unknown[];
  };
  readonly Id: new (scheme: string, id: string) => unknown;
}

/** ZooKeeper's own numbers for what goes wrong. */
export const Codes = {
  connectionLoss: -4,
  operationTimeout: -7,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
} as const;

/** The number of an error of the client. */
export function codeOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "number" ? code : undefined;
}

/** The module, loaded with the first call. */
export async function loadZookeeper(): Promise<ZookeeperModule> {
  const loaded = await import("node-zookeeper-client") as unknown as
    & ZookeeperModule
    & { readonly default?: ZookeeperModule };
  return loaded.default ?? loaded;
}
