/**
 * A database of Cloudflare D1 as a client.
 *
 * @module
 */

import type { SqlClient, SqlResult, SqlStatement } from "./sql_client.ts";

/** A binding to D1, or what looks like it. */
export interface D1Like {
  /** A statement. */
  prepare(sql: string): { bind(...values: never[]): unknown };
  /** Runs several as one transaction. */
  batch(statements: never): Promise<unknown>;
}

interface Prepared {
  bind(...values: unknown[]): Prepared;
  all(): Promise<Result>;
}

interface Result {
  readonly results: readonly Record<string, unknown>[];
  readonly meta: { readonly changes?: number };
}

const toResult = ({ results, meta }: Result): SqlResult => ({ rows: results, changes: meta.changes ?? 0 });

/** The client. */
export function d1(database: D1Like): SqlClient {
  const prepare = ({ text, values }: SqlStatement) => {
    // A column of numbers makes numbers of texts.
    const bindable = values.map((value) => typeof value === "bigint" ? `${value}` : value);
    return (database.prepare(text) as unknown as Prepared).bind(...bindable);
  };
  return {
    dialect: "sqlite",
    name: "d1",
    // https://developers.cloudflare.com/d1/platform/limits/
    maxValues: 100,
    run: async (statement) => toResult(await prepare(statement).all()),
    batch: async (statements) => (await database.batch(statements.map(prepare) as never) as Result[]).map(toResult),
  };
}
