/**
 * Names of tables and columns.
 *
 * @module
 */

import type { SqlDialect } from "./sql_client.ts";

/**
 * Refuses what is no name: quoted, any other text is one.
 *
 * @throws {TypeError} If it is none.
 */
export function checkName(what: string, name: unknown, dialect: SqlDialect): void {
  const isName = typeof name === "string" && name !== "" && !name.includes("\0") && name.isWellFormed();
  if (!isName) throw new TypeError(`Cannot make sql: ${what} has no legal name`);
  // Postgres would cut it off, and find another table.
  if (dialect === "postgres" && new TextEncoder().encode(name).length > 63) {
    throw new TypeError(`Cannot make sql: ${what} has a name of more than 63 bytes`);
  }
  if (dialect === "sqlite" && what === "table" && /^sqlite_/i.test(name)) {
    throw new TypeError("Cannot make sql: names of tables do not begin with sqlite_");
  }
}
