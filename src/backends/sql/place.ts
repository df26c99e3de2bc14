/**
 * Which rows and columns of a table are a store.
 *
 * @module
 */

import { quote } from "./draft.ts";
import { refusal } from "./failure.ts";
import type { SqlClient, SqlDialect, SqlValue } from "./sql_client.ts";
import type { Column, TableShape } from "./table.ts";

/** What columns of values hold. */
export type SqlValueType = "bytes" | "text" | "json";

/** How a column keeps values; `loose`: as text, but for what looks like a number, which SQLite makes one. */
export type ColumnType = SqlValueType | "jsonb" | "loose";

/** What a store is told of its table. */
export interface PlaceOptions {
  readonly client: SqlClient;
  readonly name: string;
  readonly table: string;
  readonly schema: string | undefined;
  readonly keyColumn: string;
  readonly valueColumn: string;
  readonly valueType: SqlValueType | undefined;
  readonly rows: boolean;
  readonly where: Readonly<Record<string, SqlValue>>;
  readonly expiresColumn: string | undefined;
  readonly expiresUnit: "milliseconds" | "seconds";
  readonly versionColumn: string | undefined;
  readonly revision: boolean;
}

/** A column whose rows the store is limited to. */
export interface Filter {
  readonly name: string;
  readonly type: string;
  readonly value: SqlValue;
}

/** How a column keeps moments. */
export interface Expiry {
  readonly name: string;
  readonly kind: "instant" | "clock" | "text" | "number" | "integer";
  /** Milliseconds in what a number counts. */
  readonly unit: number;
  readonly nullable: boolean;
}

/** What changes with every write of a row: a column, the transaction in Postgres, or else the value itself. */
export type Versioning =
  | { readonly column: string; readonly kind: "int32" | "int53" | "text" | "uuid" }
  | "transaction"
  | "value";

/** The rows and columns of a store. */
export interface Place {
  readonly dialect: SqlDialect;
  /** The table as statements call it. */
  readonly target: string;
  readonly key: string;
  /** The column with the value, and its type; `undefined` where the row is the value. */
  readonly value: { readonly name: string; readonly type: ColumnType } | undefined;
  /** Whether rows without a value are to be overlooked. */
  readonly valueIsNullable: boolean;
  readonly columns: readonly Column[];
  /** As of {@linkcode TableShape}. */
  readonly localTypes: readonly string[];
  readonly filters: readonly Filter[];
  /** Columns of the unique index that finds the row to write over. */
  readonly unique: readonly string[];
  /** Whether a row outside of the filter may have a key of the store. */
  readonly isGuarded: boolean;
  readonly expiry: Expiry | undefined;
  readonly versioning: Versioning;
  /** The table of revisions and the name of the store's own, if it has one. */
  readonly revision: { readonly target: string; readonly name: string } | undefined;
}

const TEXT_KEYS = /^(text|character varying|TEXT|.*CHAR\(?.*|.*CLOB)$/;

/**
 * The place, if the table fits.
 *
 * @throws {Error} A {@linkcode refusal} if it lacks what was asked for.
 */
export function toPlace(shape: TableShape, options: PlaceOptions): Place {
  const { client: { dialect }, keyColumn, valueColumn, rows, where, expiresColumn, versionColumn } = options;
  const refuse = (reason: string): never => {
    throw refusal("unsupported", reason);
  };
  const find = (name: string) =>
    shape.columns.find((column) => column.name === name) ?? refuse(`its table has no column ${quote(name)}`);

  const keyType = find(keyColumn).type;
  if (!TEXT_KEYS.test(keyType)) refuse(`its column ${quote(keyColumn)} does not hold text`);
  const filters = Object.entries(where).map(([name, value]) => ({ name, type: find(name).type, value }));
  const unique = uniqueOf(shape, keyColumn, filters);
  const value = rows ? undefined : find(valueColumn);
  return {
    dialect,
    target: targetOf(options.schema, options.table),
    key: keyColumn,
    value: value &&
      {
        name: valueColumn,
        type: valueTypeOf(value, options) ?? refuse(`its column ${quote(valueColumn)} holds neither bytes nor text`),
      },
    valueIsNullable: value?.nullable ?? false,
    columns: shape.columns,
    localTypes: shape.localTypes,
    filters,
    unique: unique ?? refuse(`its table has no unique index on ${quote(keyColumn)}`),
    isGuarded: filters.some(({ name }) => !unique?.includes(name)),
    expiry: expiresColumn === undefined
      ? undefined
      : expiryOf(find(expiresColumn), options) ?? refuse(`its column ${quote(expiresColumn)} holds no moments`),
    versioning: versionColumn === undefined ? shape.hasXmin ? "transaction" : "value" : {
      column: versionColumn,
      kind: versionKindOf(find(versionColumn)) ?? refuse(`its column ${quote(versionColumn)} holds no versions`),
    },
    revision: options.revision ? { target: revisionTargetOf(options), name: scopeOf(where) } : undefined,
  };
}

/** A table as statements call it. */
export function targetOf(schema: string | undefined, table: string): string {
  return schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`;
}

/** The table of revisions as statements call it. */
export function revisionTargetOf({ schema, table }: PlaceOptions): string {
  return targetOf(schema, revisionTableOf(table));
}

/** The name of the table of revisions. */
export function revisionTableOf(table: string): string {
  return `${table}_revision`;
}

// Stores of one table with different filters are different stores.
function scopeOf(where: PlaceOptions["where"]): string {
  const pairs = Object.entries(where).toSorted(([a], [b]) => a < b ? -1 : 1);
  const toText = (_: string, value: unknown) => typeof value === "bigint" ? `${value}` : value;
  return pairs.length === 0 ? "" : JSON.stringify(pairs, toText);
}

function uniqueOf(shape: TableShape, key: string, filters: readonly Filter[]): readonly string[] | undefined {
  const usable = [key, ...filters.filter(({ value }) => value !== null).map(({ name }) => name)];
  if (!shape.uniques) return [key];
  return shape.uniques
    .filter((names) => names.includes(key) && names.every((name) => usable.includes(name)))
    .toSorted((a, b) => b.length - a.length)[0];
}

function valueTypeOf({ type }: Column, { client, valueType }: PlaceOptions): ColumnType | undefined {
  const isPostgres = client.dialect === "postgres";
  if (type === "json" || type === "jsonb") return type;
  if (type === "bytea") return "bytes";
  // Characters of a fixed length come back with spaces that nobody wrote.
  if (isPostgres) return /^(text|character varying)$/.test(type) ? "text" : undefined;
  if (!(valueType ? valueType !== "bytes" : /TEXT|CHAR|CLOB|JSON/.test(type))) return "bytes";
  // https://sqlite.org/datatype3.html#determination_of_column_affinity
  return type === "" || /TEXT|CHAR|CLOB|BLOB/.test(type) && !/INT/.test(type) ? "text" : "loose";
}

function expiryOf({ name, type, nullable }: Column, { expiresUnit }: PlaceOptions): Expiry | undefined {
  const unit = expiresUnit === "seconds" ? 1000 : 1;
  const expiry = (kind: Expiry["kind"]): Expiry => ({ name, kind, unit, nullable });
  if (type === "timestamp with time zone") return expiry("instant");
  if (type === "timestamp without time zone") return expiry("clock");
  if (/^(bigint|integer|INT|INTEGER|BIGINT)$/.test(type)) return expiry("integer");
  if (/^(double precision|numeric|REAL|NUMERIC|DOUBLE|FLOAT)/.test(type)) return expiry("number");
  return /DATE|TIME|TEXT|CHAR/.test(type) ? expiry("text") : undefined;
}

function versionKindOf({ type }: Column) {
  if (type === "integer") return "int32";
  if (type === "bigint" || type === "numeric" || /INT|NUMERIC/.test(type)) return "int53";
  if (type === "uuid") return "uuid";
  return /^(text|character varying)$|TEXT|CHAR/.test(type) ? "text" : undefined;
}
