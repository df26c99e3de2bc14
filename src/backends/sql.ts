/**
 * A table of a SQL database as a store: SQLite in the process, libSQL, Cloudflare D1, Postgres; a table that is made for it,
 * or one that is there and has other columns.
 *
 * Every call is one statement, or in SQLite one transaction, and so is a call for many entries. Names are quoted, values
 * bound. A key is text without U+0000; in Postgres it has at most 2,600 bytes. Listings are in the order of the keys' bytes;
 * in Postgres an index on the key with `COLLATE "C"` makes them fast, which a table that is made here has.
 *
 * Without a column of versions, the version of an entry is in Postgres that of its row (`xmin`), and in SQLite its value
 * and lifetime: there a `replace()` cannot tell an entry from an equal one that was written since.
 *
 * @module
 */

import { json } from "../codecs/json.ts";
import type { Backend, ByteBackend } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { encoded } from "../core/encoded.ts";
import { checkOptions } from "../core/options.ts";
import { checkName } from "./sql/names.ts";
import { revisionTableOf, type SqlValueType } from "./sql/place.ts";
import { fromPostgresUrl } from "./sql/postgres_url.ts";
import type { SqlRow } from "./sql/rows.ts";
import { SqlBackend } from "./sql/sql_backend.ts";
import type { SqlValue } from "./sql/sql_client.ts";
import { type SqlSource, toSqlClient } from "./sql/to_sql_client.ts";
import { columnValues, rowValues } from "./sql/values.ts";

export type { D1Like } from "./sql/d1.ts";
export type { LibsqlClient } from "./sql/libsql.ts";
export type { LocalSqliteDatabase } from "./sql/local_sqlite.ts";
export type { PgLike } from "./sql/pg.ts";
export type { SqlValueType } from "./sql/place.ts";
export type { PostgresJsClient } from "./sql/postgres_js.ts";
export type { SqlRow } from "./sql/rows.ts";
export type { SqlClient, SqlDialect, SqlResult, SqlStatement, SqlValue } from "./sql/sql_client.ts";
export type { SqlSource } from "./sql/to_sql_client.ts";

/** Which table, and how {@linkcode sql} uses it. */
export interface SqlOptions {
  /** Name of the table. */
  readonly table: string;
  /** Name of the schema, in SQLite of the attached database. @default {where the database looks first} */
  readonly schema?: string | undefined;
  /**
   * Name of the column with the keys; it holds text, and with columns of `where` it is unique,
   * byte for byte. @default {"key"}
   */
  readonly keyColumn?: string | undefined;
  /** Name of the column with the values. @default {"value"} */
  readonly valueColumn?: string | undefined;
  /**
   * What the column of values holds. Text and JSON are there to be read by others, and take what a codec writes as text.
   * @default {what its type says; bytes in a table that is made}
   */
  readonly valueType?: SqlValueType | undefined;
  /** Whether the whole row is the value: {@linkcode SqlRowOptions}. @default {false} */
  readonly rows?: false | undefined;
  /** Values of columns that all entries have: rows with others are out of reach. @default {all rows} */
  readonly where?: Readonly<Record<string, SqlValue>> | undefined;
  /**
   * Name of a column with the moment of expiry: a timestamp (one without a time zone is in UTC), or a number. Without one
   * nothing expires. @default {"expires_at" with `create`, else none}
   */
  readonly expiresColumn?: string | undefined;
  /** What a number in that column counts since the epoch. @default {"milliseconds"} */
  readonly expiresUnit?: "milliseconds" | "seconds" | undefined;
  /**
   * Name of a column of numbers, text or UUIDs that gets a new value with every write.
   * @default {"version" with `create` in SQLite, else none}
   */
  readonly versionColumn?: string | undefined;
  /** Whether to make what is missing: the table, and with `revision` the one beside it. @default {false} */
  readonly create?: boolean | undefined;
  /**
   * Whether the store has a `revision()`, in a table `<table>_revision` with the columns `name` and `revision`. All writers
   * of the entries have to ask for it, or count up what is there themselves. @default {false}
   */
  readonly revision?: boolean | undefined;
  /** Milliseconds for a call; after that it rejects with `timeout`. @default {30_000} */
  readonly timeout?: number | undefined;
  /** Whether closing the store closes the client too, which others may use. @default {false} */
  readonly ownsClient?: boolean | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/** How {@linkcode sql} makes whole rows its values, but for the columns of expiry and version. */
export interface SqlRowOptions extends Omit<SqlOptions, "rows" | "valueColumn" | "valueType" | "create"> {
  /**
   * Whether the whole row is the value. A write replaces it: a column that the value does not name gets what a new row has
   * there, but for those that number the rows. Whole numbers beyond 2^53 come as text.
   */
  readonly rows: true;
}

const OPTIONS: readonly (keyof SqlOptions)[] = [
  "table",
  "schema",
  "keyColumn",
  "valueColumn",
  "valueType",
  "rows",
  "where",
  "expiresColumn",
  "expiresUnit",
  "versionColumn",
  "create",
  "revision",
  "timeout",
  "ownsClient",
  "now",
];

/**
 * A backend in a table. The client is a database of `node:sqlite` or `bun:sqlite`, a client of `@libsql/client`, a binding
 * to D1, what `postgres()` of the package `postgres` makes, Bun's `SQL`, a `Pool` or `Client` of `pg`, a `PGlite`, or a {@linkcode SqlClient} of one's own.
 *
 * What has expired stays in the table until `prune()`.
 *
 * @throws {TypeError} If an option is unknown or malformed, or the client is none that is known.
 * @throws {RangeError} If the timeout is no time.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from "node:sqlite";
 * import { Store } from "@everymap/everymap";
 * import { sql, type SqlRow } from "@everymap/everymap/backends/sql";
 * import { assertEquals } from "@std/assert";
 *
 * const database = new DatabaseSync(":memory:");
 * database.exec("CREATE TABLE flags (name TEXT PRIMARY KEY, enabled INTEGER, note TEXT)");
 * database.exec("INSERT INTO flags VALUES ('beta', 1, 'for friends')");
 *
 * const flags = new Store<SqlRow>(sql(database, { table: "flags", keyColumn: "name", rows: true }));
 * assertEquals(await flags.get("beta"), { name: "beta", enabled: 1, note: "for friends" });
 *
 * const cache = new Store<number[]>(sql(database, { table: "cache", create: true }));
 * await cache.set("primes", [2, 3, 5], { ttl: { hours: 1 } });
 * assertEquals(await cache.get("primes"), [2, 3, 5]);
 * ```
 */
export function sql(client: SqlSource, options: SqlRowOptions): Backend<SqlRow>;
/** A backend of bytes in a column of a table. */
export function sql(client: SqlSource, options: SqlOptions): ByteBackend;
export function sql(source: SqlSource, given: SqlOptions | SqlRowOptions): Backend<SqlRow> | ByteBackend {
  checkOptions("sql", given, OPTIONS);
  const { rows = false, ...options } = given as SqlOptions;
  const client = toSqlClient(source);
  const { table, schema, keyColumn = "key", valueColumn = "value", valueType, where = {} } = options;
  const { create = false, revision = false, timeout = 30_000, ownsClient = false, now = Date.now } = options;
  const { expiresColumn = create ? "expires_at" : undefined, expiresUnit = "milliseconds" } = options;
  const { versionColumn = create && client.dialect === "sqlite" ? "version" : undefined } = options;
  const names = {
    keyColumn,
    valueColumn,
    schema,
    expiresColumn,
    versionColumn,
    revision: revision ? revisionTableOf(table) : undefined,
  };
  checkName("table", table, client.dialect);
  for (const [what, name] of Object.entries(names)) if (name !== undefined) checkName(what, name, client.dialect);
  const columns = [keyColumn, ...rows ? [] : [valueColumn], expiresColumn, versionColumn, ...Object.keys(where)]
    .filter((name) => name !== undefined);
  if (new Set(columns).size < columns.length) throw new TypeError("Cannot make sql: a column is named twice");
  if (valueType !== undefined && !["bytes", "text", "json"].includes(valueType)) {
    throw new TypeError('Cannot make sql: valueType must be "bytes", "text" or "json"');
  }
  if (expiresUnit !== "milliseconds" && expiresUnit !== "seconds") {
    throw new TypeError('Cannot make sql: expiresUnit must be "milliseconds" or "seconds"');
  }
  if (rows && create) {
    throw new TypeError("Cannot make sql: a table for rows cannot be made, its columns are not known");
  }
  if (!(timeout > 0)) throw new RangeError("Cannot make sql: timeout must be more than 0 milliseconds");
  const name = `${client.name ?? "sql"}(${table})`;
  const settings = {
    client,
    name,
    table,
    schema,
    keyColumn,
    valueColumn,
    valueType,
    rows,
    where: checkWhere(where, client.dialect === "sqlite"),
    expiresColumn,
    expiresUnit,
    versionColumn,
    revision,
    create,
    timeout,
    ownsClient,
    now,
  };
  if (rows) return new SqlBackend({ ...settings, values: rowValues(client.dialect) });
  return new ByteSqlBackend({ ...settings, values: columnValues });
}

/**
 * The backend that a URL names: `postgres://user@host/database?table=settings&create=true`; the parameters are the options
 * but for `rows`, `where`, `ownsClient` and `now`, and `sslmode`, `application_name` and `max` for the package `postgres`,
 * which has to be installed.
 *
 * @throws {TypeError} If a parameter is unknown or none.
 */
export function sqlFromUrl(url: URL): Promise<ByteBackend> {
  return fromPostgresUrl(url, (client, options) => sql(client, options as unknown as SqlOptions));
}

class ByteSqlBackend extends SqlBackend<Uint8Array> implements ByteBackend {
  readonly codec = json();
  readonly encoded = encoded;
}

function checkWhere(where: Readonly<Record<string, SqlValue>>, isSqlite: boolean): Record<string, SqlValue> {
  const checked: Record<string, SqlValue> = {};
  for (const [name, value] of Object.entries(where)) {
    checkName("where", name, isSqlite ? "sqlite" : "postgres");
    if (value !== null && !["string", "number", "boolean", "bigint"].includes(typeof value)) {
      throw new TypeError(`Cannot make sql: where has no value that a column can hold for ${JSON.stringify(name)}`);
    }
    checked[name] = isSqlite && typeof value === "boolean" ? Number(value) : value;
  }
  return checked;
}
