/**
 * The table of a store and the statements on it.
 *
 * A rowid table, because `WITHOUT ROWID` halves the speed at 1 KB values. The value comes last, so that the other columns
 * are read without walking through it. `expires_at` is REAL, because a far moment kept as INTEGER may be too large to be
 * read back as a number. STRICT refuses what a foreign writer would leave behind as another type.
 *
 * @module
 */

/** The statements of one table. */
export interface Schema {
  /** Name of the table. */
  readonly table: string;
  /** Name of the table with the revision. */
  readonly revisionTable: string;
  /** Makes table and index. */
  readonly create: readonly string[];
  /** Makes the revision and the triggers that count it up. */
  readonly createRevision: readonly string[];
  /** Statements by what they do. */
  readonly sql: Readonly<Record<StatementName, string>>;
}

/** What the statements do. */
export type StatementName =
  | "value"
  | "entry"
  | "lifetime"
  | "put"
  | "add"
  | "replace"
  | "touch"
  | "remove"
  | "removeVersion"
  | "take"
  | "page"
  | "livePage"
  | "count"
  | "countRange"
  | "clear"
  | "clearRange"
  | "hasExpired"
  | "prune"
  | "pruneRange"
  | "hasRevision"
  | "revision"
  | "versions"
  | "uncount";

/** The columns as {@linkcode SHAPE_OF} tells them; a table that differs is somebody else's. */
export const TABLE_SHAPE =
  "key TEXT 1 1, expires_at REAL 0 0, version INTEGER 1 0, created_at REAL 1 0, value BLOB 1 0, STRICT";

/** The columns of a revision. */
export const REVISION_SHAPE = "revision INTEGER 1 0, STRICT";

/** The columns of the table named by the parameter, or no row. */
export const SHAPE_OF = `SELECT group_concat(name || ' ' || type || ' ' || "notnull" || ' ' || pk, ', ') ||
  (SELECT iif(strict, ', STRICT', '') FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE) AS shape
  FROM pragma_table_xinfo(?1)`;

/** The statements of the table with this name. */
export function schemaOf(table: string): Schema {
  const t = quote(table);
  const revisionTable = `${table}_revision`;
  const r = quote(revisionTable);
  const trigger = (event: string) =>
    `CREATE TRIGGER IF NOT EXISTS ${quote(`${revisionTable}_${event}`)} AFTER ${event} ON ${t}
      BEGIN UPDATE ${r} SET revision = revision + 1; END`;
  const insert = `INSERT INTO ${t} (key, expires_at, version, created_at, value)
    VALUES (?1, ?2, ?3, ?4, coalesce(?5, x''))
    ON CONFLICT (key) DO UPDATE SET expires_at = ?2, version = ?3, created_at = ?4, value = excluded.value`;
  const live = (now: string) => `(expires_at IS NULL OR expires_at > ${now})`;
  // A key with NUL is cut off there when it is read as text.
  const wholeKey = "key, iif(instr(CAST(key AS BLOB), x'00'), CAST(key AS BLOB), NULL) AS bytes";
  // As the lower bound of an index NULL would match nothing.
  const page = (condition: string) =>
    `SELECT ${wholeKey} FROM ${t}
      WHERE key >= max(?1, ifnull(?2, '')) AND key IS NOT ?2 AND key < ?3 ${condition} ORDER BY key LIMIT ?4`;
  const expired = `SELECT rowid FROM ${t} WHERE expires_at <= ?1`;
  return {
    table,
    revisionTable,
    create: [
      `CREATE TABLE IF NOT EXISTS ${t} (key TEXT NOT NULL PRIMARY KEY, expires_at REAL, version INTEGER NOT NULL,
        created_at REAL NOT NULL, value BLOB NOT NULL) STRICT`,
      `CREATE INDEX IF NOT EXISTS ${quote(`${table}_expires_at`)} ON ${t} (expires_at) WHERE expires_at IS NOT NULL`,
    ],
    createRevision: [
      `CREATE TABLE IF NOT EXISTS ${r} (revision INTEGER NOT NULL) STRICT`,
      // A table that was dropped and made again must not come to a revision that it had before.
      `INSERT INTO ${r} SELECT abs(random() % 4503599627370496) WHERE NOT EXISTS (SELECT 1 FROM ${r})`,
      trigger("INSERT"),
      trigger("UPDATE"),
      trigger("DELETE"),
    ],
    sql: {
      // By this name the value is found in a row that is an object and in one that is an array.
      value: `SELECT value AS "0" FROM ${t} WHERE key = ?1 AND ${live("?2")}`,
      entry: `SELECT value, expires_at, version, created_at FROM ${t} WHERE key = ?1`,
      lifetime: `SELECT expires_at FROM ${t} WHERE key = ?1`,
      // Node binds some empty arrays as NULL, hence `coalesce` around every value.
      put: insert,
      add: `${insert} WHERE expires_at <= ?6`,
      replace: `UPDATE ${t} SET expires_at = ?2, version = ?3, created_at = ?4, value = coalesce(?5, x'')
        WHERE key = ?1 AND version = ?7 AND ${live("?6")}`,
      touch: `UPDATE ${t} SET expires_at = ?2, version = ?3 WHERE key = ?1 AND ${live("?4")}`,
      remove: `DELETE FROM ${t} WHERE key = ?1 AND ${live("?2")}`,
      removeVersion: `DELETE FROM ${t} WHERE key = ?1 AND version = ?3 AND ${live("?2")}`,
      take: `DELETE FROM ${t} WHERE key = ?1 AND ${live("?2")} RETURNING value, expires_at, version, created_at`,
      // While nothing has expired the index on the keys alone answers, without a look at the rows.
      page: page(""),
      livePage: page(`AND ${live("?5")}`),
      count: `SELECT (SELECT count(*) FROM ${t}) - (SELECT count(*) FROM ${t} WHERE expires_at <= ?1) AS count`,
      countRange: `SELECT (SELECT count(*) FROM ${t} WHERE key >= ?2 AND key < ?3) -
        (SELECT count(*) FROM ${t} WHERE expires_at <= ?1 AND +key >= ?2 AND +key < ?3) AS count`,
      clear: `DELETE FROM ${t}`,
      clearRange: `DELETE FROM ${t} WHERE key >= ?1 AND key < ?2`,
      hasExpired: `SELECT 1 FROM ${t} WHERE expires_at <= ?1 LIMIT 1`,
      prune: `DELETE FROM ${t} WHERE rowid IN (${expired} LIMIT ?2)`,
      pruneRange: `DELETE FROM ${t} WHERE rowid IN (${expired} AND +key >= ?2 AND +key < ?3)`,
      hasRevision: `SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = '${
        `${revisionTable}_DELETE`.replaceAll("'", "''")
      }' COLLATE NOCASE`,
      revision: `SELECT revision FROM ${r}`,
      versions: `SELECT ${wholeKey}, version FROM ${t} WHERE key >= ?2 AND key < ?3 AND ${live("?1")}`,
      uncount: `UPDATE ${r} SET revision = revision - ?1`,
    },
  };
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
