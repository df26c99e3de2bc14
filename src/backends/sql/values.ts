/**
 * How values stand in rows: in a column of their own, or as the rows themselves.
 *
 * @module
 */

import { refusal } from "./failure.ts";
import { toBytesFromHex } from "./hex.ts";
import { nameable, type Rows, type SqlRow } from "./rows.ts";
import type { SqlDialect } from "./sql_client.ts";
import { EXPIRES, KEY, type Statements, VERSION } from "./statements.ts";

/** Values of one kind on their way in and out. */
export interface Values<Raw> {
  /** What the row holds. */
  toRaw(row: Readonly<Record<string, unknown>>): Raw;
  /** The key of a row that was read with others. */
  keyOf(row: Readonly<Record<string, unknown>>): string;
  /** The entries as rows, each group for one statement. */
  toRows(entries: readonly (readonly [key: string, raw: Raw])[], to: Statements, maxValues?: number): Rows[];
}

const encoder = new TextEncoder();
/** How many times its own size a value may keep alive: some clients cut what they read out of one buffer of 8 KiB. */
const MOST_KEPT = 8;
const OURS: readonly string[] = [KEY, EXPIRES, VERSION];

/** Bytes in a column of bytes, of text or of JSON. */
export const columnValues: Values<Uint8Array> = {
  toRaw: ({ v, h }) => typeof h === "string" ? toBytesFromHex(h) : toBytes(v),
  keyOf: ({ k }) => k as string,
  toRows: (entries, to, maxValues) => {
    const width = 4 + to.place.filters.length;
    return grouped(entries, to, width, maxValues).map((group) => ({ size: group.length, entries: group }));
  },
};

/** Rows as they are. */
export const rowValues = (dialect: SqlDialect): Values<SqlRow> => ({
  toRaw: (row) => {
    const raw: SqlRow = {};
    for (const [name, value] of Object.entries(row)) {
      if (!OURS.includes(name)) raw[name] = isBytes(value, dialect) ? toBytes(value) : value;
    }
    return raw;
  },
  keyOf: (row) => row[KEY] as string,
  toRows: (entries, to, maxValues) => {
    const byColumns = new Map<string, { columns: readonly string[]; rows: SqlRow[] }>();
    for (const [key, raw] of entries) {
      const row = toRow(key, raw, to);
      const columns = Object.keys(row).sort();
      const name = JSON.stringify(columns);
      const group = byColumns.get(name) ?? { columns, rows: [] };
      byColumns.set(name, group);
      group.rows.push(row);
    }
    return [...byColumns.values()].flatMap(({ columns, rows }) =>
      grouped(rows, to, columns.length + 2, maxValues).map((rows) => ({ size: rows.length, columns, rows }))
    );
  },
});

/** As many for each statement as it can bind; in Postgres that is all of them. */
function grouped<T>(items: readonly T[], { isPostgres, place }: Statements, width: number, maxValues = 0): T[][] {
  // The filter may be bound once more.
  const size = isPostgres ? items.length : Math.max(1, Math.floor((maxValues - place.filters.length) / width));
  const groups: T[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}

function toRow(key: string, raw: SqlRow, to: Statements): SqlRow {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new TypeError("Cannot write: a row is an object");
  }
  const { place } = to;
  const names = nameable(to);
  const row: SqlRow = { [place.key]: key };
  const fixed = new Map<string, unknown>([
    [place.key, key],
    ...place.filters.map(({ name, value }) => [name, value] as const),
  ]);
  for (const [name, value] of fixed) row[name] = value;
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue;
    if (!names.includes(name)) {
      throw refusal("unsupported", `its table has no column ${JSON.stringify(name)} for values`);
    }
    if (fixed.has(name) && `${fixed.get(name)}` !== `${value}`) {
      throw new TypeError(
        `Cannot write: the column ${JSON.stringify(name)} of the row says something else than the store`,
      );
    }
    if (!to.isPostgres && !isBindable(value)) {
      const kind = value instanceof Date ? "Date" : Number.isNaN(value) ? "NaN" : typeof value;
      throw new TypeError(`Cannot write: SQLite keeps no ${kind} in a column`);
    }
    if (!fixed.has(name)) row[name] = value;
  }
  return row;
}

function isBindable(value: unknown): boolean {
  return value === null || value instanceof Uint8Array || typeof value === "string" ||
    typeof value === "bigint" && value === BigInt.asIntN(64, value) ||
    typeof value === "number" && !Number.isNaN(value);
}

// D1 answers bytes as an array of numbers, libSQL as a buffer; Postgres has arrays of its own.
function isBytes(value: unknown, dialect: SqlDialect): boolean {
  return value instanceof Uint8Array || dialect === "sqlite" && (value instanceof ArrayBuffer || Array.isArray(value));
}

function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, byteLength, constructor } = value;
    // A small part of a buffer would keep all of it alive; for larger ones a buffer of their own costs more than it saves.
    if (byteLength * MOST_KEPT < buffer.byteLength) return copyOf(value);
    return constructor === Uint8Array ? value : new Uint8Array(buffer, byteOffset, byteLength);
  }
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (Array.isArray(value)) return Uint8Array.from(value as number[]);
  return encoder.encode(typeof value === "string" ? value : `${value}`);
}

// In Node and Bun faster than by the constructor, whose way for short arrays is longer.
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}
