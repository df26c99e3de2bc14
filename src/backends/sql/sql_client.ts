/**
 * What a store needs of a SQL database: one statement with bound values, and for SQLite several of them as one transaction.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";

/** What a statement binds. */
export type SqlValue = string | number | boolean | bigint | Uint8Array | null;

/** One statement. */
export interface SqlStatement {
  /** Its text, with `$1` for values in Postgres and `?1` in SQLite. */
  readonly text: string;
  /** The values that it binds, the first one first. */
  readonly values: readonly SqlValue[];
  /** Whether it answers with rows; else with how many rows it changed. */
  readonly hasRows: boolean;
}

/** What a statement answers. */
export interface SqlResult {
  /** The rows by the names of their columns; empty without `hasRows`. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** How many rows it changed; in Postgres nobody asks. */
  readonly changes: number;
}

/** A kind of SQL. */
export type SqlDialect = "postgres" | "sqlite";

/**
 * A database as a store sees it. To bring another client, implement `run`, for SQLite also `batch`. Errors are thrown as
 * they are: a store knows them by their SQLSTATE in `code`, or by the name or number of SQLite's result.
 */
export interface SqlClient {
  /** Which SQL it speaks. */
  readonly dialect: SqlDialect;
  /** What messages call it, such as `d1`. @default {"sql"} */
  readonly name?: string | undefined;
  /** How many values a statement can bind, where one of many rows is better than many of one. @default {a row a statement} */
  readonly maxValues?: number | undefined;
  /** Keys that it cannot carry. @default {none} */
  readonly refusesKeys?: RegExp | undefined;
  /** Runs one statement. */
  run(statement: SqlStatement): Awaitable<SqlResult>;
  /** Runs all of them as one transaction, or none; SQLite only, because in Postgres one statement can do it. */
  batch?(statements: readonly SqlStatement[]): Awaitable<readonly SqlResult[]>;
  /** Lets go of its connections. */
  close?(): Awaitable<void>;
}
