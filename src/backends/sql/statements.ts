/**
 * The statements of a store.
 *
 * @module
 */

import { Draft, quote } from "./draft.ts";
import { Expressions, type KeyRequest } from "./expressions.ts";
import { READS_HEX } from "./hex.ts";
import { conflictClause, type Rows, toRows } from "./rows.ts";
import type { SqlStatement } from "./sql_client.ts";
import type { Column } from "./table.ts";

/** Statements that run as one; the first one answers. */
export type Batch = readonly SqlStatement[];

/** What a change answers with: columns of the changed rows, or how many there were. */
type Answer = { readonly rows: string } | "count";

/** Writes the statements of a store on one place. */
export class Statements extends Expressions {
  /** The entries of these keys that are live. */
  read(keys: string | readonly string[], now: number, details: boolean): SqlStatement {
    const draft = new Draft(this.place.dialect);
    const isSingle = typeof keys === "string";
    const isJoined = !isSingle && this.isPostgres;
    const from = isJoined ? this.joined(draft, keys) : this.place.target;
    const isWanted = isJoined ? undefined : isSingle ? this.isKey(draft, "", keys) : this.isOneOf(draft, "", keys);
    const where = this.where(draft, "", isWanted, this.isLive(draft, "", now));
    const fields = this.#fields(!isSingle, details, isJoined ? "t." : "");
    return draft.statement(`SELECT ${fields} FROM ${from} WHERE ${where}`, true);
  }

  has(key: string, now: number): SqlStatement {
    const draft = new Draft(this.place.dialect);
    const where = this.where(draft, "", this.isKey(draft, "", key), this.isLive(draft, "", now));
    return draft.statement(`SELECT 1 AS "n" FROM ${this.place.target} WHERE ${where}`, true);
  }

  /** Whether a row has the key that is none of the store's. */
  isTaken(key: string): SqlStatement {
    const draft = new Draft(this.place.dialect);
    const isOurs = this.filters(draft, "").join(" AND ");
    const where = `${this.isKey(draft, "", key)} AND NOT coalesce(${isOurs}, FALSE)`;
    return draft.statement(`SELECT 1 AS "n" FROM ${this.place.target} WHERE ${where}`, true);
  }

  /** Writes the row over what has its key, or only where nothing live has; answers its version. */
  put(row: Rows, now: number, condition: "always" | "absent", expiresAt: number | undefined): Batch {
    const draft = new Draft(this.place.dialect);
    const text = this.#upsert(draft, row, now, condition, expiresAt);
    return this.#change(draft, [text], { rows: `${this.version()} AS "n"` });
  }

  /** Writes all rows over what has their keys, or none if one of them belongs to a row outside of the filter. */
  putAll(groups: readonly Rows[], now: number, expiresAt: number | undefined): Batch {
    const { isGuarded, revision } = this.place;
    const expected = (rows: readonly Rows[]) => isGuarded ? rows.reduce((sum, { size }) => sum + size, 0) : undefined;
    if (this.isPostgres) {
      const draft = new Draft("postgres");
      const texts = groups.map((rows) => this.#upsert(draft, rows, now, "always", expiresAt));
      return this.#change(draft, texts, "count", expected(groups));
    }
    const batches = groups.map((rows) => {
      const draft = new Draft("sqlite");
      return this.#change(draft, [this.#upsert(draft, rows, now, "always", expiresAt)], "count", expected([rows]));
    });
    // The revision, which comes last, moves once.
    return batches.flatMap((batch, at) => revision && at < batches.length - 1 ? batch.slice(0, -1) : batch);
  }

  #upsert(
    draft: Draft,
    rows: Rows,
    now: number,
    condition: "always" | "absent",
    expiresAt: number | undefined,
  ): string {
    const { into, source } = toRows(this, draft, rows, expiresAt);
    const isAbsent = condition === "absent" ? this.isLive(draft, "t.", now) : undefined;
    const isOurs = this.place.isGuarded ? this.filters(draft, "t.") : [];
    const conditions = [...isAbsent === undefined ? [] : [`NOT (${isAbsent})`], ...isOurs];
    const unique = this.place.unique.map(quote).join(", ");
    const action = condition === "absent" && isAbsent === undefined
      ? "DO NOTHING"
      : `DO UPDATE SET ${conflictClause(this, rows)}${
        conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""
      }`;
    return `INSERT INTO ${this.place.target} AS t (${into}) ${source} ON CONFLICT (${unique}) ${action}`;
  }

  /** Writes the row over a live one that still has the version. */
  replace(rows: Rows, now: number, version: string, expiresAt: number | undefined): Batch {
    const draft = new Draft(this.place.dialect);
    const { assignments, key } = toRows(this, draft, rows, expiresAt);
    const where = this.#unchanged(draft, key, now, version);
    return this.#change(draft, [`UPDATE ${this.place.target} SET ${assignments()} WHERE ${where}`], {
      rows: `${this.version()} AS "n"`,
    });
  }

  touch(key: string, now: number, expiresAt: number | undefined): Batch {
    const draft = new Draft(this.place.dialect);
    const { versioning, expiry } = this.place;
    const set = [`${quote(expiry!.name)} = ${this.moment(draft, expiresAt)}`];
    if (typeof versioning === "object") set.push(`${quote(versioning.column)} = ${this.newVersion(draft)}`);
    const where = this.where(draft, "", this.isKey(draft, "", key), this.isLive(draft, "", now));
    return this.#change(draft, [`UPDATE ${this.place.target} SET ${set.join(", ")} WHERE ${where}`], "count");
  }

  remove(key: string, now: number, version?: string): Batch {
    const draft = new Draft(this.place.dialect);
    const where = version === undefined
      ? this.where(draft, "", this.isKey(draft, "", key), this.isLive(draft, "", now))
      : this.#unchanged(draft, key, now, version);
    return this.#change(draft, [`DELETE FROM ${this.place.target} WHERE ${where}`], "count");
  }

  take(key: string, now: number): Batch {
    const draft = new Draft(this.place.dialect);
    const where = this.where(draft, "", this.isKey(draft, "", key), this.isLive(draft, "", now));
    return this.#change(draft, [`DELETE FROM ${this.place.target} WHERE ${where}`], {
      rows: this.#fields(false, true),
    });
  }

  removeMany(keys: readonly string[], now: number): Batch {
    const draft = new Draft(this.place.dialect);
    const { target, key } = this.place;
    let isMeant = this.isOneOf(draft, "", keys);
    if (this.isPostgres) {
      // Rows are taken in the order in which they are written, lest a writer and this one wait for each other.
      const rows = `SELECT ${quote(key)} FROM ${target} WHERE ${this.where(draft, "", isMeant)}`;
      isMeant = `${quote(key)} IN (${rows} ORDER BY ${this.inOrder("")} FOR UPDATE)`;
    }
    const where = this.where(draft, "", isMeant, this.isLive(draft, "", now));
    return this.#change(draft, [`DELETE FROM ${target} WHERE ${where}`], "count");
  }

  /** Drops what has expired, which is no change, and then everything; nothing to do for a prefix that no key has. */
  clear(now: number, range: KeyRequest): readonly Batch[] {
    const draft = new Draft(this.place.dialect);
    const inRange = this.inRange(draft, "", range);
    if (inRange === undefined) return [];
    const text = `DELETE FROM ${this.place.target} WHERE ${this.where(draft, "", inRange)}`;
    const everything = this.#change(draft, [text], "count");
    const isQuiet = !this.place.revision || !this.place.expiry;
    return isQuiet ? [everything] : [[this.prune(now, range)!], everything];
  }

  /** Drops what has expired; `undefined` if nothing does. */
  prune(now: number, range: KeyRequest = {}): SqlStatement | undefined {
    const draft = new Draft(this.place.dialect);
    const inRange = this.inRange(draft, "", range);
    const isFresh = this.isFresh(draft, "", now);
    if (isFresh === undefined || inRange === undefined) return undefined;
    const where = this.where(draft, "", inRange, `NOT (${isFresh})`);
    return this.#counted(draft, `DELETE FROM ${this.place.target} WHERE ${where}`);
  }

  /** A page of live keys in the order of their bytes; `undefined` if no key can be in it. */
  page(now: number, range: KeyRequest, limit: number): SqlStatement | undefined {
    const draft = new Draft(this.place.dialect);
    const inRange = this.inRange(draft, "", range);
    if (inRange === undefined) return undefined;
    const { key, target } = this.place;
    const where = this.where(draft, "", inRange, this.isLive(draft, "", now));
    const text = `SELECT ${quote(key)} AS "k" FROM ${target} WHERE ${where} ORDER BY ${this.inOrder("")}`;
    return draft.statement(`${text} LIMIT ${draft.bind(limit, "int")}`, true);
  }

  /** The versions of all live keys; `undefined` if no key can be meant. */
  versions(now: number, range: KeyRequest): SqlStatement | undefined {
    const draft = new Draft(this.place.dialect);
    const inRange = this.inRange(draft, "", range);
    if (inRange === undefined) return undefined;
    const where = this.where(draft, "", inRange, this.isLive(draft, "", now));
    const fields = `${quote(this.place.key)} AS "k", ${this.version()} AS "n"`;
    return draft.statement(`SELECT ${fields} FROM ${this.place.target} WHERE ${where}`, true);
  }

  count(now: number, range: KeyRequest): SqlStatement | undefined {
    const draft = new Draft(this.place.dialect);
    const inRange = this.inRange(draft, "", range);
    if (inRange === undefined) return undefined;
    const where = this.where(draft, "", inRange, this.isLive(draft, "", now));
    return draft.statement(`SELECT count(*) AS "n" FROM ${this.place.target} WHERE ${where}`, true);
  }

  revision(): SqlStatement {
    const draft = new Draft(this.place.dialect);
    const { target, name } = this.place.revision!;
    const where = `"name" = ${draft.bind(name, "text")}`;
    return draft.statement(`SELECT CAST("revision" AS TEXT) AS "n" FROM ${target} WHERE ${where}`, true);
  }

  #unchanged(draft: Draft, key: string, now: number, version: string): string {
    const hasVersion = `${this.version()} = ${draft.bind(version, "text")}`;
    return this.where(draft, "", this.isKey(draft, "", key), hasVersion, this.isLive(draft, "", now));
  }

  #fields(withKey: boolean, details: boolean, table = ""): string {
    const { value, columns, key, expiry, versioning } = this.place;
    const fields: string[] = [];
    if (value) {
      const isHex = withKey && this.isPostgres && value.type === "bytes" && READS_HEX;
      const isCast = value.type === "json" || value.type === "jsonb" || value.type === "text" && !this.isPostgres;
      if (isHex) fields.push(`encode(${quote(value.name)}, 'hex') AS "h"`);
      else if (value.type === "loose") {
        // Of a number that is no whole one the text has fewer digits.
        const name = quote(value.name);
        fields.push(`CASE typeof(${name}) WHEN 'real' THEN ${name} ELSE CAST(${name} AS TEXT) END AS "v"`);
      } else fields.push(isCast ? `CAST(${quote(value.name)} AS TEXT) AS "v"` : `${quote(value.name)} AS "v"`);
      if (withKey) fields.push(`${quote(key)} AS "k"`);
    } else {
      const own = [expiry?.name, typeof versioning === "object" ? versioning.column : undefined];
      fields.push(...columns.filter(({ name }) => !own.includes(name)).map((column) => this.#column(column)));
      if (withKey) fields.push(`${quote(key)} AS "${KEY}"`);
    }
    if (details && expiry) fields.push(`${this.milliseconds()} AS "${EXPIRES}"`);
    if (details) fields.push(`${this.version(table)} AS "${VERSION}"`);
    return fields.join(", ");
  }

  /** The column; in SQLite whole numbers that a client would round, or refuse, are text. */
  #column({ name, type }: Column): string {
    const column = quote(name);
    if (this.isPostgres || /CHAR|CLOB|TEXT|BLOB/.test(type)) return column;
    const isLarge = `typeof(${column}) = 'integer' AND ${column} NOT BETWEEN -9007199254740991 AND 9007199254740991`;
    return `CASE WHEN ${isLarge} THEN CAST(${column} AS TEXT) ELSE ${column} END AS ${column}`;
  }

  #counted(draft: Draft, text: string): SqlStatement {
    if (!this.isPostgres) return draft.statement(text, false);
    return draft.statement(`WITH done AS (${text} RETURNING 1) SELECT count(*) AS "n" FROM done`, true);
  }

  /** The change and what it does to the revision. */
  #change(draft: Draft, texts: readonly string[], answer: Answer, expected?: number): Batch {
    const { revision } = this.place;
    const rows = answer === "count" ? undefined : answer.rows;
    const [text] = texts;
    if (!this.isPostgres) {
      const change = draft.statement(rows ? `${text} RETURNING ${rows}` : text!, rows !== undefined);
      const batch = [change];
      if (expected !== undefined) {
        const check = new Draft("sqlite");
        // What is no JSON fails, and takes everything back.
        const test = `CASE WHEN changes() = ${check.bind(expected)} THEN '1' ELSE 'less' END`;
        batch.push(check.statement(`SELECT json(${test})`, true));
      }
      return revision ? [...batch, this.#countUp("changes() > 0")] : batch;
    }
    const parts = texts.map((text, at) => `done${texts.length > 1 ? at : ""} AS (${text} RETURNING ${rows ?? "1"})`);
    // Other columns take another part of the statement.
    if (texts.length > 1) {
      parts.push(`done AS (${texts.map((_, at) => `SELECT 1 FROM done${at}`).join(" UNION ALL ")})`);
    }
    const first = `WITH ${parts.join(", ")}`;
    const counted = revision ? `, counted AS (${this.#countUp(`(SELECT count(*) FROM done) > 0`, draft).text})` : "";
    if (rows) {
      return [draft.statement(revision ? `${first}${counted} SELECT * FROM done` : `${text} RETURNING ${rows}`, true)];
    }
    const check = expected === undefined ? "" : ` / (count(*) = ${draft.bind(expected, "int")})::int`;
    return [draft.statement(`${first}${counted} SELECT count(*)${check} AS "n" FROM done`, true)];
  }

  /** Moves the revision on this condition; one that is lost starts anew, at a number that it never had. */
  #countUp(condition: string, draft: Draft = new Draft(this.place.dialect)): SqlStatement {
    const { target, name } = this.place.revision!;
    const values = `${draft.bind(name, "text")}, ${draft.bind(Math.floor(Math.random() * 2 ** 52), "bigint")}`;
    const text = `INSERT INTO ${target} AS r ("name", "revision") SELECT ${values} WHERE ${condition}
      ON CONFLICT ("name") DO UPDATE SET "revision" = r."revision" + 1`;
    return draft.statement(text, false);
  }
}

/** What the key of a whole row is called in answers; like the others it is a name that a client leaves alone that makes camels. */
export const KEY = "everymapkey";
/** What the moment of expiry is called in answers. */
export const EXPIRES = "everymapexpires";
/** What the version is called in answers. */
export const VERSION = "everymapversion";
