/**
 * Makes the tables of a store where they are missing.
 *
 * @module
 */

import { quote } from "./draft.ts";
import { codeOf } from "./failure.ts";
import { type PlaceOptions, revisionTargetOf, targetOf } from "./place.ts";
import type { SqlClient, SqlValue } from "./sql_client.ts";

const TYPES = {
  postgres: {
    key: 'text COLLATE "C"',
    bytes: "bytea",
    text: "text",
    json: "jsonb",
    moment: "timestamptz",
    version: "bigint",
  },
  sqlite: { key: "TEXT", bytes: "BLOB", text: "TEXT", json: "TEXT", moment: "REAL", version: "INTEGER" },
} as const;

/** Of a table, of its type, and of their names. */
const ALREADY_THERE: readonly unknown[] = ["42P07", "42710", "23505"];

/** Makes the table of entries. */
export async function createTable(options: PlaceOptions): Promise<void> {
  const { client, table, schema, where, keyColumn, valueColumn, valueType = "bytes", expiresColumn, versionColumn } =
    options;
  const isPostgres = client.dialect === "postgres";
  const types = TYPES[client.dialect];
  const target = targetOf(schema, table);
  const columns = [
    `${quote(keyColumn)} ${types.key} NOT NULL`,
    ...Object.entries(where).map(([name, value]) => `${quote(name)} ${filterType(value, isPostgres)} NOT NULL`),
    ...expiresColumn === undefined ? [] : [`${quote(expiresColumn)} ${types.moment}`],
    ...versionColumn === undefined ? [] : [`${quote(versionColumn)} ${types.version} NOT NULL`],
    // Last, so that the others are read without walking through it.
    `${quote(valueColumn)} ${types[valueType]} NOT NULL`,
    `PRIMARY KEY (${[...Object.keys(where), keyColumn].map(quote).join(", ")})`,
  ];
  await create(client, `CREATE TABLE IF NOT EXISTS ${target} (${columns.join(", ")})${isPostgres ? "" : " STRICT"}`);
  if (expiresColumn === undefined) return;
  const index = quote(`${table.slice(0, 30)}_${expiresColumn.slice(0, 30)}`);
  const where_ = `(${quote(expiresColumn)}) WHERE ${quote(expiresColumn)} IS NOT NULL`;
  await create(
    client,
    isPostgres
      ? `CREATE INDEX IF NOT EXISTS ${index} ON ${target} ${where_}`
      : `CREATE INDEX IF NOT EXISTS ${targetOf(schema, index.slice(1, -1).replaceAll('""', '"'))} ON ${
        quote(table)
      } ${where_}`,
  );
}

/** Makes the table of revisions. */
export async function createRevisionTable(options: PlaceOptions): Promise<void> {
  const { client } = options;
  const isPostgres = client.dialect === "postgres";
  const { key, version } = TYPES[client.dialect];
  const columns = `"name" ${key} NOT NULL PRIMARY KEY, "revision" ${version} NOT NULL`;
  const strict = isPostgres ? "" : " STRICT";
  await create(client, `CREATE TABLE IF NOT EXISTS ${revisionTargetOf(options)} (${columns})${strict}`);
}

async function create(client: SqlClient, text: string): Promise<void> {
  try {
    await client.run({ text, values: [], hasRows: false });
  } catch (error) {
    // In Postgres two that make the same table at once may meet, in spite of IF NOT EXISTS.
    if (!ALREADY_THERE.includes(codeOf(error))) throw error;
  }
}

function filterType(value: SqlValue, isPostgres: boolean): string {
  if (typeof value === "string") return isPostgres ? "text" : "TEXT";
  if (typeof value === "boolean") return isPostgres ? "boolean" : "INTEGER";
  if (typeof value === "bigint" || Number.isInteger(value)) return isPostgres ? "bigint" : "INTEGER";
  return isPostgres ? "double precision" : "REAL";
}
