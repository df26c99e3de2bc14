/**
 * A client of the package `postgres` (porsager).
 *
 * @module
 */

import type { SqlClient } from "./sql_client.ts";

/** What `postgres(…)` of the package `postgres` makes, or what looks like it. */
export interface PostgresJsClient {
  /** Runs one statement. */
  unsafe(text: string, values: never, options: never): PromiseLike<unknown>;
  /** How it was made. */
  readonly options?: object | undefined;
  /** Lets go of its connections. */
  end(options?: never): Promise<unknown>;
}

/** The client. */
export function postgresJs(client: PostgresJsClient): SqlClient {
  // Whoever turned it off has a pooler between that does not know of prepared statements.
  const { prepare = true } = (client.options ?? {}) as { prepare?: boolean };
  const options = { prepare } as never;
  return {
    dialect: "postgres",
    run: async ({ text, values }) => ({
      rows: await client.unsafe(text, values as never, options) as Record<string, unknown>[],
      changes: 0,
    }),
    close: async () => void await client.end({ timeout: 5 } as never),
  };
}
