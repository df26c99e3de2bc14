/**
 * One open database with the table of a store in it.
 *
 * @module
 */

import { StoreError, type StoreErrorContext } from "../../core/store_error.ts";
import {
  type SqliteDatabase,
  type SqliteDriver,
  sqliteResultCode,
  type SqliteStatement,
} from "../../platform/sqlite_driver.ts";
import { REVISION_SHAPE, type Schema, SHAPE_OF, type StatementName, TABLE_SHAPE } from "./schema.ts";

/** How a {@linkcode Connection} is made. */
export interface ConnectionOptions {
  readonly durable: boolean;
  readonly revision: boolean;
  readonly busyTimeout: number;
}

const BUSY = 5;
const READ_ONLY = 8;

/** An open database; every method is done when it returns. */
export class Connection {
  readonly #database: SqliteDatabase;
  readonly #schema: Schema;
  readonly #statements = new Map<string, SqliteStatement>();

  /** Opens the file; one that holds something else is left as it is. */
  constructor(
    driver: SqliteDriver,
    path: string,
    schema: Schema,
    context: StoreErrorContext,
    options: ConnectionOptions,
  ) {
    this.#schema = schema;
    this.#database = driver.open(path);
    try {
      this.#prepare(`PRAGMA busy_timeout = ${options.busyTimeout}`).get();
      const refuse = (reason: string): never => {
        throw new StoreError("unsupported", { ...context, reason });
      };
      if (this.#prepare("PRAGMA encoding").get()?.["encoding"] !== "UTF-8") refuse("its text is not in UTF-8");
      const isMade = this.#hasShape(schema.table, TABLE_SHAPE, refuse);
      const hasRevision = options.revision && this.#hasShape(schema.revisionTable, REVISION_SHAPE, refuse);
      this.#useLog(options.busyTimeout);
      this.#prepare(`PRAGMA synchronous = ${options.durable ? "FULL" : "NORMAL"}`).get();
      const missing = [
        ...isMade ? [] : schema.create,
        ...!options.revision || hasRevision ? [] : schema.createRevision,
      ];
      if (missing.length > 0) {
        this.transaction("IMMEDIATE", () => {
          for (const sql of missing) this.#prepare(sql).run();
        });
      }
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** The statement, prepared once. */
  statement(name: StatementName): SqliteStatement {
    let statement = this.#statements.get(name);
    if (!statement) {
      this.#statements.set(name, statement = this.#prepare(this.#schema.sql[name]));
      if (name === "value") statement.setReturnArrays?.(true);
    }
    return statement;
  }

  /** All of the work or nothing of it; a writer says so at once, because a reader cannot always become one. */
  transaction<T>(kind: "DEFERRED" | "IMMEDIATE", work: () => T): T {
    this.#cached(`BEGIN ${kind}`).run();
    try {
      const result = work();
      this.#cached("COMMIT").run();
      return result;
    } catch (error) {
      try {
        this.#cached("ROLLBACK").run();
      } catch {
        // SQLite has rolled back by itself, as it does on a full disk.
      }
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): SqliteStatement {
    return this.#database.prepare(sql);
  }

  #cached(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#prepare(sql));
    return statement;
  }

  #hasShape(table: string, expected: string, refuse: (reason: string) => never): boolean {
    const shape = this.#prepare(SHAPE_OF).get(table)?.["shape"];
    if (shape && shape !== expected) refuse(`its table ${JSON.stringify(table)} has other columns`);
    return Boolean(shape);
  }

  // Changing to the write-ahead log does not wait for other processes by itself.
  #useLog(patience: number): void {
    const deadline = Date.now() + patience;
    for (;;) {
      try {
        return void this.#prepare("PRAGMA journal_mode = WAL").get();
      } catch (error) {
        const code = sqliteResultCode(error);
        if (code === READ_ONLY) return;
        if (code !== BUSY || Date.now() >= deadline) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 10);
      }
    }
  }
}
