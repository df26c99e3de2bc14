/**
 * What an error of a SQL database or its client means to a store.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { MEANINGS } from "../sqlite/failure.ts";

/** Where something failed. */
export interface FailureContext {
  readonly store: string;
  readonly operation: string;
  readonly key?: string | undefined;
}

type Meaning = readonly [code: StoreErrorCode, reason: string, retryable?: boolean];

const DOWN: Meaning = ["unavailable", "the database cannot be reached"];
const ENDED: Meaning = ["closed", "its client is closed"];
const NO_TABLE: Meaning = ["unavailable", "there is no such table", false];
const NO_COLUMN: Meaning = ["unsupported", "its table has other columns"];
const CONSTRAINT: Meaning = ["conflict", "a constraint of the table forbids it", false];
/** What the statement means that fails where a row outside of the filter has the key. */
export const OUTSIDE: Meaning = ["conflict", "a row outside of the filter has this key", false];

// https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest beginning counts.
const SQLSTATES: Readonly<Record<string, Meaning>> = {
  "08": DOWN,
  "22": ["unsupported", "its column does not take this value"],
  "22001": ["too-large", "its column is too short for it"],
  "22012": OUTSIDE,
  "22021": ["unsupported", "its column keeps text, and no U+0000"],
  "22P05": ["unsupported", "its column keeps text, and no U+0000"],
  "23": CONSTRAINT,
  "25006": ["read-only", "the database or the transaction is read-only"],
  "28": ["denied", "the database refuses the user or the password"],
  "3D000": ["unavailable", "there is no such database", false],
  "3F000": NO_TABLE,
  "40": ["conflict", "others changed the same rows at the same time", true],
  "42501": ["denied", "the user may not do this"],
  "42703": NO_COLUMN,
  "428C9": NO_COLUMN,
  "42P01": NO_TABLE,
  "42P10": ["unsupported", "its table has no unique index on the key"],
  "53": ["unavailable", "the database is out of resources"],
  "54": ["too-large", "it is more than the database takes"],
  "55P03": ["locked", "others have locked it for too long"],
  "57014": ["timeout", "the database canceled it"],
  "57P": ["unavailable", "the database is shutting down or starting"],
  "58": ["unavailable", "the disk of the database failed"],
  "XX001": ["corrupt", "the database is damaged"],
  "XX002": ["corrupt", "the database is damaged"],
};

const CLIENT_CODES: Readonly<Record<string, Meaning>> = {
  CONNECTION_CLOSED: DOWN,
  CONNECTION_DESTROYED: DOWN,
  CONNECTION_ENDED: ENDED,
  CONNECT_TIMEOUT: ["timeout", "the database does not answer"],
  CLIENT_CLOSED: ENDED,
  ERR_INVALID_STATE: ENDED,
};

const SQLITE_CODES: Readonly<Record<string, number>> = {
  ERROR: 1,
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  NOMEM: 7,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  AUTH: 23,
  NOTADB: 26,
};

interface Failure {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly errcode?: unknown;
  readonly rawCode?: unknown;
  readonly message?: unknown;
  readonly errors?: readonly unknown[];
  readonly meaning?: Meaning;
}

/** Why a table will not do, for whichever calls wait to hear. */
export function refusal(...meaning: Meaning): Error {
  return Object.assign(new Error(meaning[1]), { meaning });
}

/** The error as the store's own; a mistake of the program comes back as it is. */
export function toFailure(error: unknown, context: FailureContext): unknown {
  if (error instanceof StoreError) return error;
  const meaning = meaningOf(error);
  if (!meaning) return error;
  const [code, reason, retryable] = meaning;
  return new StoreError(code, { ...context, reason, retryable, cause: error });
}

/** Whether another call may do better with another look at the table. */
export function isOtherTable(error: unknown): boolean {
  const meaning = meaningOf(error);
  return meaning === NO_TABLE || meaning?.[0] === "unsupported";
}

/** Whether the database took everything back, so that the same statement may be sent again. */
export function isSerializationFailure(error: unknown): boolean {
  return /^40(001|P01)$/.test(`${codeOf(error)}`);
}

function meaningOf(error: unknown): Meaning | undefined {
  const failure = (error ?? {}) as Failure;
  if (failure.meaning) return failure.meaning;
  const { errors } = failure;
  const code = codeOf(error);
  const message = typeof failure.message === "string" ? failure.message : "";
  const result = sqliteCode(failure, message);
  if (result !== undefined) return sqliteMeaning(result, message);
  if (typeof code === "string") {
    if (Object.hasOwn(CLIENT_CODES, code)) return CLIENT_CODES[code];
    if (/^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]+$/.test(code)) {
      return SQLSTATES[code] ?? SQLSTATES[code.slice(0, 3)] ?? SQLSTATES[code.slice(0, 2)] ??
        ["unavailable", `the database says SQLSTATE ${code}`, false];
    }
    if (/^E[A-Z_]+$/.test(code) && !code.startsWith("ERR_")) return DOWN;
    if (/^ERR_POSTGRES_.*TIMEOUT/.test(code)) return CLIENT_CODES["CONNECT_TIMEOUT"];
    if (/^ERR_POSTGRES_CONNECTION/.test(code)) return DOWN;
  }
  // Several addresses of one host were tried.
  if (errors?.length) return meaningOf(errors[0]);
  if (
    /closed database|database is not open|after calling end|is closed|was closed and is not queryable/i.test(message)
  ) {
    return ENDED;
  }
  if (/timeout exceeded|timeout expired/i.test(message)) return CLIENT_CODES["CONNECT_TIMEOUT"];
  if (/^Connection terminated|^D1_ERROR|not queryable|^Client has encountered a connection error/i.test(message)) {
    return DOWN;
  }
  // A client over HTTP says only that `fetch` failed.
  if (typeof code === "string" && /^(SERVER_ERROR|HRANA_|WEBSOCKET)/.test(code)) return DOWN;
  if (error instanceof TypeError && /fetch|request/i.test(message)) return DOWN;
  return undefined;
}

/** The code of an error: that of the server, which Bun's own client has in another place. */
export function codeOf(error: unknown): unknown {
  const { code, errno } = (error ?? {}) as Failure;
  return code === "ERR_POSTGRES_SERVER_ERROR" ? errno : code;
}

function sqliteCode({ code, errcode, rawCode }: Failure, message: string): number | undefined {
  const number = errcode ?? rawCode;
  if (typeof number === "number") return number & 0xff;
  const name = /\bSQLITE_([A-Z]+)/.exec(`${code} ${message}`)?.[1];
  return name === undefined ? undefined : SQLITE_CODES[name] ?? 1;
}

function sqliteMeaning(result: number, message: string): Meaning {
  if (/no such table/.test(message)) return NO_TABLE;
  if (/no such column|has no column/.test(message)) return NO_COLUMN;
  if (/ON CONFLICT clause does not match/.test(message)) return SQLSTATES["42P10"]!;
  if (/malformed JSON/.test(message)) return OUTSIDE;
  if (result === 19) return CONSTRAINT;
  return MEANINGS[result] ?? ["unavailable", `SQLite says ${result}`, false];
}
