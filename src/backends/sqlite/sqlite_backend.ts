/**
 * The methods of a store in an SQLite table.
 *
 * @module
 */

import { json } from "../../codecs/json.ts";
import type {
  ByteBackend,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  Supports,
  WriteOptions,
} from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import type { Codec } from "../../core/codec.ts";
import { encoded } from "../../core/encoded.ts";
import { StoreError } from "../../core/store_error.ts";
import { sqliteDriver, type SqliteRow } from "../../platform/sqlite_driver.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { toFailure } from "./failure.ts";
import { keyRange } from "./key_range.ts";
import type { Schema } from "./schema.ts";

const PAGE = 256;
/** After so many writes twice as many expired rows are dropped, so that they cannot pile up. */
const WRITES_PER_SWEEP = 64;
const PRUNE_STEP = 1000;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A backend over one table; it opens the file with its first call and answers synchronously. */
export class SqliteBackend implements ByteBackend {
  readonly name: string;
  readonly codec: Codec<unknown, Uint8Array> = json();
  readonly encoded = encoded;
  readonly supports: Supports;
  readonly now: Clock;
  readonly #file: string | URL;
  readonly #schema: Schema;
  readonly #options: ConnectionOptions;
  #connection: Connection | undefined;
  #isClosed = false;
  // The first write sweeps too: a process may be too short for another one.
  #writesToSweep = 1;

  constructor(name: string, file: string | URL, schema: Schema, now: Clock, options: ConnectionOptions) {
    this.name = name;
    this.supports = {
      list: true,
      order: true,
      ttl: true,
      create: true,
      swap: true,
      stream: false,
      revision: options.revision,
    };
    this.now = now;
    this.#file = file;
    this.#schema = schema;
    this.#options = options;
  }

  read(key: string, options?: ReadOptions): Entry<Uint8Array> | undefined {
    return this.#use("read", key, (open) => this.#read(open, key, options));
  }

  write(key: string, raw: Uint8Array, { expiresAt, condition }: WriteOptions = {}): string | boolean {
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.#writeExpired(key, condition);
    return this.#use("write", key, (open) => {
      const version = newVersion();
      const row = [key, expiresAt ?? null, version, this.now(), raw] as const;
      if (condition === undefined) open.statement("put").run(...row);
      else {
        const { changes } = condition === "absent"
          ? open.statement("add").run(...row, this.now())
          : open.statement("replace").run(...row, this.now(), Number(condition.version));
        if (changes === 0) return false;
      }
      this.#sweep(open, 1);
      return `${version}`;
    });
  }

  remove(key: string, { condition }: RemoveOptions = {}): boolean {
    return this.#use("remove", key, (open) => {
      const { changes } = condition
        ? open.statement("removeVersion").run(key, this.now(), Number(condition.version))
        : open.statement("remove").run(key, this.now());
      return changes !== 0;
    });
  }

  *list({ prefix, after, limit = Infinity }: ListOptions = {}): Iterable<string> {
    const [from, to] = keyRange(prefix);
    let last = after ?? null;
    for (let left = limit; left > 0; left -= PAGE) {
      const size = Math.min(left, PAGE);
      // No statement stays open between two pages: a reader that takes its time holds up nobody.
      const keys = this.#use("list", undefined, (open) => {
        const now = this.now();
        const rows = open.statement("hasExpired").get(now)
          ? open.statement("livePage").all(from, last, to, size, now)
          : open.statement("page").all(from, last, to, size);
        return rows.map(keyOf);
      });
      yield* keys;
      if (keys.length < size) return;
      last = keys.at(-1)!;
    }
  }

  readMany(keys: readonly string[], options?: ReadOptions): Map<string, Entry<Uint8Array>> {
    return this.#use("read", undefined, (open) => {
      const found = new Map<string, Entry<Uint8Array>>();
      open.transaction("DEFERRED", () => {
        for (const key of keys) {
          const entry = this.#read(open, key, options);
          if (entry) found.set(key, entry);
        }
      });
      return found;
    });
  }

  writeMany(entries: ReadonlyMap<string, Uint8Array>, options?: Omit<WriteOptions, "condition">): void {
    const { expiresAt } = options ?? {};
    if (expiresAt !== undefined && expiresAt <= this.now()) return void this.removeMany([...entries.keys()]);
    this.#use("write", undefined, (open) => {
      const put = open.statement("put");
      const now = this.now();
      open.transaction("IMMEDIATE", () => {
        for (const [key, raw] of entries) put.run(key, expiresAt ?? null, newVersion(), now, raw);
      });
      this.#sweep(open, entries.size);
    });
  }

  removeMany(keys: readonly string[]): number {
    return this.#use("remove", undefined, (open) => {
      const remove = open.statement("remove");
      const now = this.now();
      return open.transaction("IMMEDIATE", () => {
        let count = 0;
        for (const key of keys) count += Number(remove.run(key, now).changes);
        return count;
      });
    });
  }

  has(key: string): boolean {
    return this.#use("read", key, (open) => this.#isLive(open.statement("lifetime").get(key)));
  }

  count({ prefix }: PrefixOptions = {}): number {
    return this.#use("count", undefined, (open) => {
      const row = prefix
        ? open.statement("countRange").get(this.now(), ...keyRange(prefix))
        : open.statement("count").get(this.now());
      return row!["count"] as number;
    });
  }

  clear({ prefix }: PrefixOptions = {}): void {
    this.#use("clear", undefined, (open) => {
      const range = keyRange(prefix);
      open.transaction("IMMEDIATE", () => {
        if (isCounted(open)) {
          // What had expired was gone before.
          uncount(open, open.statement("pruneRange").run(this.now(), ...range).changes);
        }
        if (prefix) open.statement("clearRange").run(...range);
        else open.statement("clear").run();
      });
    });
  }

  touch(key: string, expiresAt: number | undefined): boolean {
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.remove(key);
    return this.#use("touch", key, (open) => {
      const { changes } = open.statement("touch").run(key, expiresAt ?? null, newVersion(), this.now());
      return changes !== 0;
    });
  }

  take(key: string): Entry<Uint8Array> | undefined {
    return this.#use("remove", key, (open) => this.#entry(open.statement("take").get(key, this.now())));
  }

  prune(): number {
    return this.#use("prune", undefined, (open) => {
      let total = 0;
      for (let count = PRUNE_STEP; count === PRUNE_STEP; total += count) count = this.#drop(open, PRUNE_STEP);
      return total;
    });
  }

  revision(): string {
    return this.#use("read", undefined, (open) => `${open.statement("revision").get()!["revision"]}`);
  }

  versions({ prefix }: PrefixOptions = {}): Map<string, string> {
    return this.#use("list", undefined, (open) => {
      const rows = open.statement("versions").all(this.now(), ...keyRange(prefix));
      return new Map(rows.map((row) => [keyOf(row), `${row["version"]}`]));
    });
  }

  close(): void {
    this.#isClosed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }

  #use<T>(operation: string, key: string | undefined, work: (open: Connection) => T): T {
    try {
      return work(this.#connection ??= this.#open(operation, key));
    } catch (error) {
      const look = () => sqliteDriver()!.look(this.#path());
      throw toFailure(error, { store: this.name, operation, key, look });
    }
  }

  #open(operation: string, key: string | undefined): Connection {
    const context = { store: this.name, operation, key };
    if (this.#isClosed) throw new StoreError("closed", context);
    const driver = sqliteDriver();
    if (!driver) throw new StoreError("unsupported", { ...context, reason: "this runtime has no node:sqlite" });
    return new Connection(driver, this.#path(), this.#schema, context, this.#options);
  }

  #path(): string {
    return typeof this.#file === "string" ? this.#file : sqliteDriver()!.toPath(this.#file);
  }

  #read(open: Connection, key: string, options?: ReadOptions): Entry<Uint8Array> | undefined {
    if (options?.details) return this.#entry(open.statement("entry").get(key));
    const row = open.statement("value").get(key, this.now());
    return row && { value: row["0"] as Uint8Array };
  }

  #isLive(row: SqliteRow | undefined): boolean {
    const expiresAt = row?.["expires_at"] as number | null | undefined;
    return expiresAt === null || expiresAt !== undefined && expiresAt > this.now();
  }

  #entry(row: SqliteRow | undefined): Entry<Uint8Array> | undefined {
    if (row === undefined || !this.#isLive(row)) return undefined;
    const value = row["value"] as Uint8Array;
    return {
      value,
      version: `${row["version"]}`,
      expiresAt: (row["expires_at"] as number | null) ?? undefined,
      createdAt: row["created_at"] as number,
    };
  }

  #writeExpired(key: string, condition: WriteOptions["condition"]): boolean {
    if (condition === "absent") return !this.has(key);
    return this.remove(key, { condition }) || condition === undefined;
  }

  #sweep(open: Connection, writes: number): void {
    this.#writesToSweep -= writes;
    if (this.#writesToSweep > 0) return;
    this.#writesToSweep = WRITES_PER_SWEEP;
    try {
      this.#drop(open, 2 * (WRITES_PER_SWEEP + writes));
    } catch {
      // The write itself is done. Whatever is wrong, the next call says so; a later one sweeps.
    }
  }

  #drop(open: Connection, limit: number): number {
    const now = this.now();
    if (!open.statement("hasExpired").get(now)) return 0;
    return open.transaction("IMMEDIATE", () => {
      const changes = Number(open.statement("prune").run(now, limit).changes);
      if (isCounted(open)) uncount(open, changes);
      return changes;
    });
  }
}

function keyOf({ key, bytes }: SqliteRow): string {
  return bytes ? decoder.decode(bytes as Uint8Array) : key as string;
}

// Any store on the file may have asked for a revision, now or years ago.
function isCounted(open: Connection): boolean {
  return open.statement("hasRevision").get() !== undefined;
}

/** Takes back what the triggers counted in this transaction: that an entry expired is no change. */
function uncount(open: Connection, changes: number | bigint): void {
  open.statement("uncount").run(Number(changes));
}

/** A version that no other write has: a key that was removed and written again must not look unchanged. */
function newVersion(): number {
  return Math.floor(Math.random() * 2 ** 53);
}
