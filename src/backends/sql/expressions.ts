/**
 * Parts of statements: keys, moments, versions, and which rows count.
 *
 * @module
 */

import { keyRange } from "../sqlite/key_range.ts";
import { type Draft, quote } from "./draft.ts";
import type { Place } from "./place.ts";
import type { SqlValue } from "./sql_client.ts";

/** What stands for "never" where a moment must be given; Django writes it too. */
export const FOREVER = Date.UTC(9999, 11, 31, 23, 59, 59);

/** Which keys a statement is about. */
export interface KeyRequest {
  readonly prefix?: string | undefined;
  readonly after?: string | undefined;
}

/** Writes parts of statements about a place. */
export class Expressions {
  readonly place: Place;
  readonly isPostgres: boolean;

  constructor(place: Place) {
    this.place = place;
    this.isPostgres = place.dialect === "postgres";
  }

  /** Of the filter and of what else has to hold. */
  where(draft: Draft, table: string, ...conditions: readonly (string | undefined)[]): string {
    return [...conditions.filter((one) => one !== undefined), ...this.filters(draft, table)].join(" AND ") || "TRUE";
  }

  filters(draft: Draft, table: string): string[] {
    return this.place.filters.map(({ name, type, value }) =>
      `${table}${quote(name)} ${value === null ? "IS NULL" : `= ${draft.bind(value, type)}`}`
    );
  }

  isKey(draft: Draft, table: string, key: string): string {
    return `${table}${quote(this.place.key)} = ${draft.bind(key, "text")}`;
  }

  isOneOf(draft: Draft, table: string, keys: readonly string[]): string {
    const column = `${table}${quote(this.place.key)}`;
    // A join; beside `= ANY` a table without statistics is read once for every key.
    if (this.isPostgres) return `${column} IN (SELECT unnest(${draft.bind(arrayLiteral(keys), "text::text[]")}))`;
    return `${column} IN (SELECT value FROM json_each(${draft.bind(JSON.stringify(keys))}))`;
  }

  /** The rows of `t` with these keys, in Postgres; unlike a condition it does not first bring equal keys together. */
  joined(draft: Draft, keys: readonly string[]): string {
    const list = `unnest(${draft.bind(arrayLiteral(keys), "text::text[]")}) AS everymapkeys (everymapwanted)`;
    return `${this.place.target} AS t JOIN ${list} ON ${quote(this.place.key)} = everymapwanted`;
  }

  /** In the order of bytes, whatever the order of the column. */
  inOrder(table: string): string {
    return `${table}${quote(this.place.key)} COLLATE ${this.isPostgres ? '"C"' : "BINARY"}`;
  }

  /** That the key starts with the prefix and comes after another one; `undefined` if no key does. */
  inRange(draft: Draft, table: string, { prefix = "", after }: KeyRequest): string | undefined {
    if (prefix.includes("\0")) return undefined;
    const column = this.inOrder(table);
    const [from, to] = keyRange(prefix);
    if (from === to) return undefined;
    const parts: string[] = [];
    if (from !== "") parts.push(`${column} >= ${draft.bind(from, "text")}`);
    if (typeof to === "string") parts.push(`${column} < ${draft.bind(to, "text")}`);
    // No key has U+0000, so one that comes after `a\0b` comes after `a`.
    if (after !== undefined) parts.push(`${column} > ${draft.bind(after.split("\0")[0]!, "text")}`);
    return parts.join(" AND ") || "TRUE";
  }

  /** That the entry is there at this moment; `undefined` if every row is. */
  isLive(draft: Draft, table: string, now: number): string | undefined {
    const { value, valueIsNullable } = this.place;
    const isFresh = this.isFresh(draft, table, now);
    const hasValue = value && valueIsNullable ? `${table}${quote(value.name)} IS NOT NULL` : undefined;
    return isFresh && hasValue ? `${isFresh} AND ${hasValue}` : isFresh ?? hasValue;
  }

  /** That the entry has not expired; `undefined` if none does. */
  isFresh(draft: Draft, table: string, now: number): string | undefined {
    const { expiry } = this.place;
    if (!expiry) return undefined;
    const column = `${table}${quote(expiry.name)}`;
    const left = expiry.kind === "text" ? this.#moment(column) : column;
    const right = expiry.kind === "text" ? draft.bind(now) : this.#toMoment(draft, now);
    return expiry.nullable ? `(${column} IS NULL OR ${left} > ${right})` : `${left} > ${right}`;
  }

  /** The moment as the column keeps it. */
  moment(draft: Draft, expiresAt: number | undefined): string {
    const { kind, unit, nullable } = this.place.expiry!;
    const isNever = expiresAt === undefined || expiresAt >= FOREVER;
    if (isNever && nullable) return "NULL";
    const moment = isNever ? FOREVER : expiresAt;
    if (kind === "text") return draft.bind(new Date(moment).toISOString().replace("T", " ").replace("Z", ""));
    if (kind === "integer") return draft.bind(Math.ceil(moment / unit), "bigint");
    return this.#toMoment(draft, moment);
  }

  /** The moment in milliseconds. */
  milliseconds(): string {
    const { name, unit, kind } = this.place.expiry!;
    const column = quote(name);
    if (kind === "text") return this.#moment(column);
    if (kind === "instant" || kind === "clock") return `(extract(epoch FROM ${column}) * 1000)::float8`;
    return this.isPostgres ? `${column}::float8 * ${unit}` : `${column} * ${unit}`;
  }

  /** The entry's version as text; of several sources of rows, each has columns of the server's own. */
  version(table = ""): string {
    const { versioning, value, columns, expiry } = this.place;
    if (versioning === "transaction") return `${table}xmin::text || ${table}ctid::text`;
    if (typeof versioning === "object") return `CAST(${quote(versioning.column)} AS TEXT)`;
    // A lifetime is part of an entry.
    const own = [value?.name, expiry?.name].filter((name) => name !== undefined);
    const parts = value ? own : columns.map(({ name }) => name);
    if (!this.isPostgres) return parts.map((name) => `quote(${quote(name)})`).join(" || ',' || ");
    return `encode(sha256(convert_to(ROW(${parts.map(quote).join(", ")})::text, 'UTF8')), 'hex')`;
  }

  /** A version that no other write has. */
  newVersion(draft: Draft): string {
    const { versioning } = this.place;
    if (typeof versioning !== "object") throw new TypeError("there is no column of versions");
    const value: SqlValue = versioning.kind === "int32"
      ? Math.floor(Math.random() * 2 ** 31)
      : versioning.kind === "int53"
      ? Math.floor(Math.random() * 2 ** 53)
      : crypto.randomUUID();
    return draft.bind(
      value,
      versioning.kind === "int53" ? "bigint" : versioning.kind === "int32" ? "int" : versioning.kind,
    );
  }

  /** A column of dates in milliseconds; SQLite keeps numbers in it, too, if that is what is written. */
  #moment(column: string): string {
    const date = `round((julianday(${column}) - 2440587.5) * 86400000)`;
    return `CASE typeof(${column}) WHEN 'text' THEN ${date} ELSE ${column} * ${this.place.expiry!.unit} END`;
  }

  #toMoment(draft: Draft, moment: number): string {
    const { kind, unit } = this.place.expiry!;
    if (kind === "instant") return `to_timestamp(${draft.bind(moment, "float8")} / 1000)`;
    if (kind === "clock") return `(to_timestamp(${draft.bind(moment, "float8")} / 1000) AT TIME ZONE 'UTC')`;
    return draft.bind(moment / unit, "float8");
  }
}

/** Texts as Postgres writes an array of them: one text, whatever a client makes of arrays. */
export function arrayLiteral(texts: readonly string[]): string {
  // Most have nothing to be escaped, and together they are looked through in a fraction of the time.
  if (!/["\\]/.test(texts.join(""))) return texts.length === 0 ? "{}" : `{"${texts.join('","')}"}`;
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}
