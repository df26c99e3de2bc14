/**
 * Which client somebody has brought, by what it can do.
 *
 * @module
 */

import { d1, type D1Like } from "./d1.ts";
import { libsql, type LibsqlClient } from "./libsql.ts";
import { localSqlite, type LocalSqliteDatabase } from "./local_sqlite.ts";
import { pg, type PgLike } from "./pg.ts";
import { postgresJs, type PostgresJsClient } from "./postgres_js.ts";
import type { SqlClient } from "./sql_client.ts";

/** Any client that a store can be made of. */
export type SqlSource =
  | SqlClient
  | LocalSqliteDatabase
  | LibsqlClient
  | D1Like
  | PostgresJsClient
  | PgLike;

/**
 * The client as a store sees it.
 *
 * @throws {TypeError} If it is none that is known.
 */
export function toSqlClient(source: SqlSource): SqlClient {
  const can = (name: string) => typeof (source as unknown as Record<string, unknown> | null)?.[name] === "function";
  if (isSqlClient(source)) return source;
  if (can("unsafe")) return postgresJs(source as PostgresJsClient);
  if (can("execute") && can("batch")) return libsql(source as LibsqlClient);
  if (can("prepare") && can("batch")) return d1(source as D1Like);
  if (can("prepare")) return localSqlite(source as LocalSqliteDatabase);
  if (can("query")) return pg(source as PgLike);
  throw new TypeError(
    "Cannot make sql: its client is none of node:sqlite, bun:sqlite, libSQL, D1, postgres, pg and PGlite, nor a SqlClient",
  );
}

function isSqlClient(source: SqlSource): source is SqlClient {
  const { dialect, run, batch } = (source ?? {}) as Partial<SqlClient>;
  return typeof run === "function" && (dialect === "postgres" || dialect === "sqlite" && typeof batch === "function");
}
