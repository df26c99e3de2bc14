/**
 * Rows on their way into a table.
 *
 * @module
 */

import { type Draft, quote } from "./draft.ts";
import { arrayLiteral, type Expressions } from "./expressions.ts";
import { refusal } from "./failure.ts";
import type { ColumnType, Place } from "./place.ts";
import type { Column } from "./table.ts";
import type { SqlValue } from "./sql_client.ts";

/** One row of a table, by the names of its columns. */
export type SqlRow = Record<string, unknown>;

/** Rows to write with one statement: values under keys, or whole rows with the same columns. */
export type Rows =
  | { readonly size: number; readonly entries: readonly (readonly [key: string, value: Uint8Array])[] }
  | { readonly size: number; readonly columns: readonly string[]; readonly rows: readonly SqlRow[] };

/** Parts of a statement that writes. */
export interface Writing {
  /** The columns. */
  readonly into: string;
  /** Where the rows come from. */
  readonly source: string;
  /** The columns set one by one, for a statement that only changes. */
  readonly assignments: () => string;
  /** The key of the first row. */
  readonly key: string;
}

const NUMBER = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The rows as parts of a statement, whose values are bound. */
export function toRows(to: Expressions, draft: Draft, rows: Rows, expiresAt: number | undefined): Writing {
  return "entries" in rows ? toValues(to, draft, rows, expiresAt) : toRecords(to, draft, rows, expiresAt);
}

/** What writing over a row sets. */
export function conflictClause({ place }: Expressions, rows: Rows): string {
  const names = "entries" in rows ? [place.value!.name] : settable(place.columns, rows.columns).map(({ name }) => name);
  const filters = place.filters.map(({ name }) => name);
  const set = names.filter((name) => name !== place.key && !filters.includes(name));
  const all = [...new Set([...set, ...ownColumns(place)])];
  // Something has to be set.
  if (all.length === 0) all.push(place.key);
  return all.map((name) => `${quote(name)} = excluded.${quote(name)}`).join(", ");
}

/** The columns that a row may name. */
export function nameable({ place }: Expressions): readonly string[] {
  const own = ownColumns(place);
  return place.columns.map(({ name }) => name).filter((name) => !own.includes(name));
}

function ownColumns({ expiry, versioning }: Expressions["place"]): string[] {
  return [...expiry ? [expiry.name] : [], ...typeof versioning === "object" ? [versioning.column] : []];
}

/** Of these columns what can be written: what numbers the rows stays as it is unless it is named. */
function settable(columns: readonly Column[], given: readonly string[]): readonly Column[] {
  return columns.filter(({ name, computed, primary, identity }) =>
    !computed && (given.includes(name) || !primary && !identity)
  );
}

function toValues(
  to: Expressions,
  draft: Draft,
  { entries }: Extract<Rows, { entries: unknown }>,
  expiresAt: number | undefined,
): Writing {
  const { key, value, filters } = to.place;
  const { type } = value!;
  const columns = [key, value!.name, ...filters.map(({ name }) => name), ...ownColumns(to.place)];
  const into = columns.map(quote).join(", ");
  const rest = () => [...filters.map((filter) => draft.bind(filter.value, filter.type)), ...own(to, draft, expiresAt)];
  const single = (raw: Uint8Array) => {
    if (type === "bytes") return to.isPostgres ? draft.bind(raw, "bytea") : `coalesce(${draft.bind(raw)}, x'')`;
    return draft.bind(toText(raw, type), type === "text" ? "text" : `text::${type}`);
  };
  const list = ([key, raw]: readonly [string, Uint8Array]) =>
    `(${[draft.bind(key, "text"), single(raw), ...rest()].join(", ")})`;
  const [[firstKey, firstValue]] = entries as readonly [readonly [string, Uint8Array]];
  const assignments = () => {
    const set = [value!.name, ...ownColumns(to.place)];
    const values = [single(firstValue), ...own(to, draft, expiresAt)];
    return set.map((name, index) => `${quote(name)} = ${values[index]}`).join(", ");
  };
  // The same values are not bound twice.
  if (!to.isPostgres || entries.length === 1) {
    return {
      into,
      key: firstKey,
      assignments,
      get source() {
        return `VALUES ${entries.map(list).join(", ")}`;
      },
    };
  }
  // One value with all bytes, cut by the server, is faster than a text with an array of bytes.
  const { bytes, starts, lengths } = joined(entries);
  const slice = `substring(${draft.bind(bytes, "bytea")} FROM x.s FOR x.l)`;
  const cut = type === "bytes" ? slice : `convert_from(${slice}, 'UTF8')${type === "text" ? "" : `::${type}`}`;
  const keys = draft.bind(arrayLiteral(entries.map(([key]) => key)), "text::text[]");
  const numbers = [starts, lengths].map((list) => draft.bind(`{${list}}`, "text::int[]")).join(", ");
  const source = `SELECT ${["x.k", cut, ...rest()].join(", ")} FROM unnest(${keys}, ${numbers}) AS x (k, s, l)`;
  return { into, key: firstKey, assignments, source };
}

function toRecords(
  to: Expressions,
  draft: Draft,
  { columns, rows }: Extract<Rows, { columns: unknown }>,
  expiresAt: number | undefined,
): Writing {
  const { place, isPostgres } = to;
  const written = columns.filter((name) => !place.columns.find((column) => column.name === name)!.computed);
  const into = [...written, ...ownColumns(place)].map(quote).join(", ");
  const key = rows[0]![place.key] as string;
  const filters = place.filters.map(({ name }) => name);
  const changing = written.filter((name) => name !== place.key && !filters.includes(name));
  const setOwn = () =>
    own(to, draft, expiresAt).map((value, index) => `${quote(ownColumns(place)[index]!)} = ${value}`);
  const reset = () =>
    settable(place.columns, written)
      .filter(({ name }) => ![...written, ...filters, ...ownColumns(place), place.key].includes(name))
      .map(({ name, fallback }) => `${quote(name)} = ${fallback}`);
  if (!isPostgres) {
    const list = (row: SqlRow) => {
      const values = written.map((name) => draft.bind(row[name] as SqlValue));
      return `(${[...values, ...own(to, draft, expiresAt)].join(", ")})`;
    };
    return {
      into,
      key,
      get source() {
        return `VALUES ${rows.map(list).join(", ")}`;
      },
      assignments: () => {
        const set = changing.map((name) => `${quote(name)} = ${draft.bind(rows[0]![name] as SqlValue)}`);
        return [...set, ...reset(), ...setOwn()].join(", ") || `${quote(place.key)} = ${quote(place.key)}`;
      },
    };
  }
  // The server knows the types of its columns, and a text is a text to every client.
  const records = () =>
    `json_populate_recordset(NULL::${place.target}, ${draft.bind(toJson(rows, place), "text::json")}) AS r`;
  const fields = (names: readonly string[]) => names.map((name) => `r.${quote(name)}`);
  return {
    into,
    key,
    get source() {
      return `SELECT ${[...fields(written), ...own(to, draft, expiresAt)].join(", ")} FROM ${records()}`;
    },
    assignments: () => {
      const set = changing.length === 0
        ? []
        : [`(${changing.map(quote).join(", ")}) = (SELECT ${fields(changing).join(", ")} FROM ${records()})`];
      return [...set, ...reset(), ...setOwn()].join(", ") || `${quote(place.key)} = ${quote(place.key)}`;
    },
  };
}

/** The store's own columns of a new row: moment of expiry, version. */
function own(to: Expressions, draft: Draft, expiresAt: number | undefined): string[] {
  const { expiry, versioning } = to.place;
  return [
    ...expiry ? [to.moment(draft, expiresAt)] : [],
    ...typeof versioning === "object" ? [to.newVersion(draft)] : [],
  ];
}

function toText(raw: Uint8Array, type: ColumnType): string {
  let text: string | undefined;
  try {
    text = decoder.decode(raw);
  } catch {
    // Not UTF-8.
  }
  // As the server would say it; SQLite would cut the text off there.
  if (text === undefined || text.includes("\0")) throw Object.assign(new Error("it is not text"), { code: "22021" });
  if (type === "loose" && NUMBER.test(text) && `${Number(text)}` !== text) {
    // Read again, the number would be written otherwise.
    throw refusal("unsupported", "its column makes a number of it");
  }
  return text;
}

function toJson(rows: readonly SqlRow[], { columns, localTypes }: Place): string {
  const isLocal = (name: string) => columns.some((column) => column.name === name && localTypes.includes(column.type));
  return JSON.stringify(
    rows.map((row) => {
      const plain = Object.entries(row).map(([name, value]) =>
        [name, value instanceof Date && isLocal(name) ? onTheWall(value) : plainOf(value)] as const
      );
      return Object.fromEntries(plain);
    }),
    (_, value) => typeof value === "bigint" ? `${value}` : value,
  );
}

/** The value as JSON has it, or in words of Postgres. */
function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return `\\x${toHex(value)}`;
  return typeof value === "number" && !Number.isFinite(value) ? `${value}` : value;
}

/** What the clock on the wall shows, as if that were UTC; Postgres overlooks the Z. */
function onTheWall(date: Date): Date {
  const wall = new Date(0);
  wall.setUTCFullYear(date.getFullYear(), date.getMonth(), date.getDate());
  wall.setUTCHours(date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds());
  return wall;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function joined(entries: readonly (readonly [string, Uint8Array])[]) {
  let size = 0;
  for (const [, { length }] of entries) size += length;
  const bytes = new Uint8Array(size);
  const starts: number[] = [];
  const lengths: number[] = [];
  let at = 0;
  for (const [, raw] of entries) {
    bytes.set(raw, at);
    starts.push(at + 1);
    lengths.push(raw.length);
    at += raw.length;
  }
  return { bytes, starts, lengths };
}
