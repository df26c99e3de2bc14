/**
 * A client of libSQL, such as Turso's.
 *
 * @module
 */

import type { SqlClient, SqlResult, SqlStatement } from "./sql_client.ts";

/** A client of `@libsql/client`, or what looks like it. */
export interface LibsqlClient {
  /** Runs one statement. */
  execute(statement: never): Promise<unknown>;
  /** Runs several as one transaction. */
  batch(statements: never, mode: "write"): Promise<unknown>;
  /** Lets go of its connections. */
  close(): unknown;
}

interface Result {
  readonly rows: readonly Record<string, unknown>[];
  readonly rowsAffected: number;
}

const toStatement = ({ text, values }: SqlStatement) => ({ sql: text, args: values });
const toResult = ({ rows, rowsAffected }: Result): SqlResult => ({ rows, changes: rowsAffected });

/** The client. */
export function libsql(client: LibsqlClient): SqlClient {
  return {
    dialect: "sqlite",
    name: "libsql",
    // Each statement may be a message to a server; the number is what SQLite takes.
    maxValues: 32_000,
    run: async (statement) => toResult(await client.execute(toStatement(statement) as never) as Result),
    batch: async (statements) => {
      const results = await client.batch(statements.map(toStatement) as never, "write") as Result[];
      return results.map(toResult);
    },
    close: () => void client.close(),
  };
}
