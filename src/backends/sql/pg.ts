/**
 * A client or pool of the package `pg`, and PGlite, which looks the same.
 *
 * @module
 */

import type { SqlClient } from "./sql_client.ts";

/** A `Pool` or `Client` of `pg`, a `PGlite`, or what looks like them. */
export interface PgLike {
  /** Runs one statement. */
  query(text: string, values: never): Promise<unknown>;
}

interface Emitter {
  on?(event: "error", listener: () => void): unknown;
  listenerCount?(event: "error"): number;
}

/** The client. */
export function pg(client: PgLike): SqlClient {
  const { end, close } = client as { end?(): Promise<unknown>; close?(): Promise<unknown> };
  const emitter = client as Emitter;
  // A connection that breaks while nobody uses it would end the process; the next call says what is wrong.
  if (emitter.listenerCount?.("error") === 0) emitter.on?.("error", () => {});
  return {
    dialect: "postgres",
    // PGlite takes it for a byte order mark, and drops it from what it reads.
    ...("waitReady" in client && { refusesKeys: /^\ufeff/ }),
    run: async ({ text, values }) => {
      const { rows } = await client.query(text, values as never) as { rows: Record<string, unknown>[] };
      return { rows, changes: 0 };
    },
    close: async () => void await (end ?? close)?.call(client),
  };
}
