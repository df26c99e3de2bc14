/**
 * The methods of a store in a table of a SQL database.
 *
 * @module
 */

import type {
  Backend,
  CallOptions,
  Entry,
  ListOptions,
  PrefixOptions,
  ReadOptions,
  RemoveOptions,
  Supports,
  WriteOptions,
} from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { StoreError } from "../../core/store_error.ts";
import { bounded } from "./bounded.ts";
import { createRevisionTable, createTable } from "./create_table.ts";
import { FOREVER } from "./expressions.ts";
import { isOtherTable, isSerializationFailure, OUTSIDE, refusal, toFailure } from "./failure.ts";
import { type PlaceOptions, revisionTableOf, toPlace } from "./place.ts";
import type { SqlResult } from "./sql_client.ts";
import { type Batch, EXPIRES, Statements, VERSION } from "./statements.ts";
import { lookAtTable } from "./table.ts";
import type { Values } from "./values.ts";

/** How a {@linkcode SqlBackend} behaves. */
export interface SqlBackendOptions<Raw> extends PlaceOptions {
  readonly create: boolean;
  readonly timeout: number;
  readonly ownsClient: boolean;
  readonly now: Clock;
  /** How values stand in rows. */
  readonly values: Values<Raw>;
}

const PAGE = 1000;
/** Keys in one statement, where the text of all of them is one value: Cloudflare D1 takes 2 MB. */
const MOST_KEYS = 1000;
const MOST_TRIES = 5;

/** A backend over one table; it looks at the table with its first call. */
export class SqlBackend<Raw> implements Backend<Raw> {
  readonly name: string;
  readonly supports: Supports;
  readonly maxKeyBytes: number | undefined;
  readonly now: Clock;
  readonly versions?: (options?: PrefixOptions) => Promise<Map<string, string>>;
  readonly #options: SqlBackendOptions<Raw>;
  #statements: Promise<Statements> | undefined;
  #isClosed = false;

  constructor(options: SqlBackendOptions<Raw>) {
    this.name = options.name;
    this.now = options.now;
    this.supports = {
      list: true,
      order: true,
      ttl: options.expiresColumn !== undefined,
      create: true,
      swap: true,
      stream: false,
      revision: options.revision,
    };
    // What fits into an index of Postgres.
    this.maxKeyBytes = options.client.dialect === "postgres" ? 2600 : undefined;
    this.#options = options;
    // Where the value is the version, telling it would be telling all values.
    if (options.client.dialect === "postgres" || options.versionColumn !== undefined) {
      this.versions = (range = {}) => this.#versions(range);
    }
  }

  read(key: string, options?: ReadOptions): Promise<Entry<Raw> | undefined> {
    return this.#use("read", key, options, async (statements) => {
      const details = options?.details ?? false;
      const { rows } = await this.#run([statements.read(key, this.now(), details)]);
      return rows[0] && this.#entry(rows[0], details);
    });
  }

  async write(key: string, raw: Raw, options: WriteOptions = {}): Promise<string | boolean> {
    const { condition } = options;
    const expiresAt = this.#expiresAt(options);
    if (expiresAt !== undefined && expiresAt <= this.now()) return await this.#writeExpired(key, options);
    return await this.#use("write", key, options, async (statements) => {
      const rows = this.#options.values.toRows([[key, raw]], statements)[0]!;
      const now = this.now();
      const batch = condition === undefined || condition === "absent"
        ? statements.put(rows, now, condition ?? "always", expiresAt)
        : statements.replace(rows, now, condition.version, expiresAt);
      const version = (await this.#run(batch)).rows[0]?.["n"];
      if (version !== undefined) return `${version}`;
      if (statements.place.isGuarded && (condition === undefined || condition === "absent")) {
        // Nothing else keeps a write without a condition from happening, whatever has become of that row.
        const isTaken = !condition || (await this.#run([statements.isTaken(key)])).rows.length > 0;
        if (isTaken) throw refusal(...OUTSIDE);
      }
      return false;
    });
  }

  remove(key: string, options: RemoveOptions = {}): Promise<boolean> {
    return this.#use("remove", key, options, async (statements) => {
      return countOf(await this.#run(statements.remove(key, this.now(), options.condition?.version))) > 0;
    });
  }

  async *list({ prefix, after, limit = Infinity, signal }: ListOptions = {}): AsyncGenerator<string, void> {
    let last = after;
    for (let left = limit; left > 0; left -= PAGE) {
      const size = Math.min(left, PAGE);
      const keys = await this.#use("list", undefined, { signal }, async (statements) => {
        const page = statements.page(this.now(), { prefix, after: last }, size);
        return page ? (await this.#run([page])).rows.map(({ k }) => k as string) : [];
      });
      yield* keys;
      if (keys.length < size) return;
      last = keys.at(-1);
    }
  }

  readMany(keys: readonly string[], options?: ReadOptions): Promise<Map<string, Entry<Raw>>> {
    return this.#use("read", keys, options, async (statements) => {
      const details = options?.details ?? false;
      const now = this.now();
      const batch = this.#pages(keys).map((page) => statements.read(page, now, details));
      const { values } = this.#options;
      const found = new Map<string, Entry<Raw>>();
      for (const { rows } of await this.#runAll(batch)) {
        for (const row of rows) found.set(values.keyOf(row), this.#entry(row, details));
      }
      return found;
    });
  }

  async writeMany(entries: ReadonlyMap<string, Raw>, options: Omit<WriteOptions, "condition"> = {}): Promise<void> {
    const expiresAt = this.#expiresAt(options);
    if (expiresAt !== undefined && expiresAt <= this.now()) return void await this.removeMany([...entries.keys()]);
    await this.#use("write", [...entries.keys()], options, async (statements) => {
      // In one order everywhere, so that two writers do not wait for each other.
      const sorted = [...entries].sort(([a], [b]) => a < b ? -1 : 1);
      const { maxValues } = this.#options.client;
      const groups = this.#options.values.toRows(sorted, statements, maxValues);
      await this.#runAll(statements.putAll(groups, this.now(), expiresAt));
    });
  }

  removeMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    return this.#use("remove", keys, options, async (statements) => {
      const now = this.now();
      const batches = this.#pages(keys).map((page) => statements.removeMany(page, now));
      const results = await this.#runAll(batches.flat());
      // Each batch may have a second statement, for the revision.
      const changes = results.filter((_, at) => at % batches[0]!.length === 0);
      return changes.reduce((sum, result) => sum + countOf(result), 0);
    });
  }

  has(key: string, options?: CallOptions): Promise<boolean> {
    return this.#use("read", key, options, async (statements) => {
      return (await this.#run([statements.has(key, this.now())])).rows.length > 0;
    });
  }

  count(options: PrefixOptions = {}): Promise<number> {
    return this.#use("count", undefined, options, async (statements) => {
      const statement = statements.count(this.now(), options);
      return statement ? countOf(await this.#run([statement])) : 0;
    });
  }

  clear(options: PrefixOptions = {}): Promise<void> {
    return this.#use("clear", undefined, options, async (statements) => {
      for (const batch of statements.clear(this.now(), options)) await this.#run(batch);
    });
  }

  async touch(key: string, expiresAt: number | undefined, options?: CallOptions): Promise<boolean> {
    const moment = this.#expiresAt({ expiresAt });
    if (moment !== undefined && moment <= this.now()) return await this.remove(key, options);
    if (!this.supports.ttl) return await this.has(key, options);
    return await this.#use("touch", key, options, async (statements) => {
      return countOf(await this.#run(statements.touch(key, this.now(), moment))) > 0;
    });
  }

  take(key: string, options?: CallOptions): Promise<Entry<Raw> | undefined> {
    return this.#use("remove", key, options, async (statements) => {
      const { rows } = await this.#run(statements.take(key, this.now()));
      return rows[0] && this.#entry(rows[0], true);
    });
  }

  prune(options?: CallOptions): Promise<number> {
    return this.#use("prune", undefined, options, async (statements) => {
      const statement = statements.prune(this.now());
      return statement ? countOf(await this.#run([statement])) : 0;
    });
  }

  revision(options?: CallOptions): Promise<string> {
    return this.#use("read", undefined, options, async (statements) => {
      return `${(await this.#run([statements.revision()])).rows[0]?.["n"] ?? 0}`;
    });
  }

  #versions(range: PrefixOptions): Promise<Map<string, string>> {
    return this.#use("list", undefined, range, async (statements) => {
      const statement = statements.versions(this.now(), range);
      const rows = statement ? (await this.#run([statement])).rows : [];
      return new Map(rows.map(({ k, n }) => [k as string, `${n}`]));
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#options.ownsClient) await this.#options.client.close?.();
  }

  /** Does the work with the statements for the table as it is, within the time for it. */
  async #use<T>(
    operation: string,
    subject: string | readonly string[] | undefined,
    options: CallOptions | undefined,
    work: (statements: Statements) => Promise<T>,
  ): Promise<T> {
    const key = typeof subject === "string" ? subject : undefined;
    const { client: { refusesKeys }, timeout } = this.#options;
    if (this.#isClosed) throw this.#error("closed", operation, key);
    options?.signal?.throwIfAborted();
    for (const one of typeof subject === "string" ? [subject] : subject ?? []) {
      if (one.includes("\0")) throw this.#error("invalid-key", operation, one, "it has U+0000");
      if (refusesKeys?.test(one)) throw this.#error("invalid-key", operation, one, "its client cannot carry it");
    }
    const late = () => {
      // It may be the look at the table that hangs, for which all calls wait.
      this.#statements = undefined;
      return this.#error("timeout", operation, key, `no answer within ${timeout} ms`);
    };
    return await bounded(this.#try(operation, key, work), timeout, late, options?.signal);
  }

  async #try<T>(operation: string, key: string | undefined, work: (statements: Statements) => Promise<T>): Promise<T> {
    for (let left = MOST_TRIES;; left--) {
      try {
        return await work(await this.#look());
      } catch (error) {
        // The table may have been made or changed meanwhile.
        if (isOtherTable(error)) this.#statements = undefined;
        if (left <= 1 || !isSerializationFailure(error)) throw toFailure(error, { store: this.name, operation, key });
      }
    }
  }

  #look(): Promise<Statements> {
    if (this.#statements) return this.#statements;
    const looking = this.#makeStatements();
    this.#statements = looking;
    looking.catch(() => {
      if (this.#statements === looking) this.#statements = undefined;
    });
    return looking;
  }

  async #makeStatements(): Promise<Statements> {
    const { client, schema, table, create, revision } = this.#options;
    const missing = (name: string) => refusal("unavailable", `there is no table "${name}"`, false);
    let shape = await lookAtTable(client, schema, table);
    if (!shape && create) {
      await createTable(this.#options);
      shape = await lookAtTable(client, schema, table);
    }
    if (!shape) throw missing(table);
    if (revision && !await lookAtTable(client, schema, revisionTableOf(table))) {
      if (!create) throw missing(revisionTableOf(table));
      await createRevisionTable(this.#options);
    }
    return new Statements(toPlace(shape, this.#options));
  }

  /** Runs a change with what belongs to it, and answers what the change itself does. */
  async #run(batch: Batch): Promise<SqlResult> {
    return (await this.#runAll(batch))[0]!;
  }

  async #runAll(batch: Batch): Promise<readonly SqlResult[]> {
    const { client } = this.#options;
    if (batch.length === 1) return [await client.run(batch[0]!)];
    if (batch.length === 0) return [];
    return await client.batch!(batch);
  }

  #pages(keys: readonly string[]): (readonly string[])[] {
    if (this.#options.client.dialect === "postgres") return [keys];
    const pages: (readonly string[])[] = [];
    for (let at = 0; at < keys.length; at += MOST_KEYS) pages.push(keys.slice(at, at + MOST_KEYS));
    return pages;
  }

  #entry(row: Readonly<Record<string, unknown>>, details: boolean): Entry<Raw> {
    const value = this.#options.values.toRaw(row);
    if (!details) return { value };
    const expiresAt = row[EXPIRES] === undefined || row[EXPIRES] === null ? undefined : Number(row[EXPIRES]);
    const isNever = expiresAt === undefined || expiresAt >= FOREVER;
    return { value, version: `${row[VERSION]}`, expiresAt: isNever ? undefined : expiresAt };
  }

  #expiresAt({ expiresAt }: WriteOptions): number | undefined {
    if (expiresAt === undefined || expiresAt === Infinity) return undefined;
    if (!this.supports.ttl && expiresAt > this.now()) throw this.#error("unsupported", "use ttl");
    return expiresAt;
  }

  async #writeExpired(key: string, options: WriteOptions): Promise<boolean> {
    const { condition, signal } = options;
    if (condition === "absent") return !await this.has(key, { signal });
    return await this.remove(key, { condition, signal }) || condition === undefined;
  }

  #error(
    code: ConstructorParameters<typeof StoreError>[0],
    operation: string,
    key?: string,
    reason?: string,
  ): StoreError {
    return new StoreError(code, { store: this.name, operation, key, reason });
  }
}

/** How many rows: counted by the server, or as the client says. */
function countOf({ rows, changes }: SqlResult): number {
  const count = rows[0]?.["n"];
  return count === undefined ? changes : Number(count);
}
