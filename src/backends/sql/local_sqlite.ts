/**
 * A database of `node:sqlite` or `bun:sqlite` as a client.
 *
 * @module
 */

import type { SqlClient, SqlResult, SqlStatement, SqlValue } from "./sql_client.ts";

/** A `DatabaseSync` of `node:sqlite`, a `Database` of `bun:sqlite`, or what looks like them. */
export interface LocalSqliteDatabase {
  /** A statement to run any number of times. */
  prepare(sql: string): {
    all(...values: never[]): unknown[];
    run(...values: never[]): unknown;
  };
  /** Lets go of the file. */
  close(): unknown;
}

interface Statement {
  all(...values: readonly SqlValue[]): Record<string, unknown>[];
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
}

// Texts differ with what a call asks for, and a little with the number of rows.
const MOST_STATEMENTS = 100;

/** The client; calls are done when they return. */
export function localSqlite(database: LocalSqliteDatabase): SqlClient {
  const statements = new Map<string, Statement>();
  const prepare = (text: string): Statement => {
    let statement = statements.get(text);
    if (!statement) {
      if (statements.size >= MOST_STATEMENTS) statements.clear();
      statements.set(text, statement = database.prepare(text) as unknown as Statement);
    }
    return statement;
  };
  const run = ({ text, values, hasRows }: SqlStatement): SqlResult => {
    const statement = prepare(text);
    if (hasRows) return { rows: statement.all(...values), changes: 0 };
    return { rows: [], changes: Number(statement.run(...values).changes) };
  };
  return {
    dialect: "sqlite",
    run,
    batch: (batch) => {
      // Unlike a transaction it may stand inside another one, which the program has begun.
      prepare("SAVEPOINT everymap").run();
      try {
        const results = batch.map(run);
        prepare("RELEASE everymap").run();
        return results;
      } catch (error) {
        try {
          prepare("ROLLBACK TO everymap").run();
          prepare("RELEASE everymap").run();
        } catch {
          // SQLite has rolled back by itself, as it does on a full disk.
        }
        throw error;
      }
    },
    close: () => void database.close(),
  };
}
