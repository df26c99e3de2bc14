/**
 * What an error of SQLite means to a store.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { type PathState, sqliteResultCode } from "../../platform/sqlite_driver.ts";

/** Where something failed. */
export interface FailureContext {
  readonly store: string;
  readonly operation: string;
  readonly key?: string | undefined;
  /** What stands where the database should be. */
  readonly look: () => PathState;
}

// https://sqlite.org/rescode.html
/** What the primary result codes mean. */
export const MEANINGS: Readonly<Record<number, readonly [StoreErrorCode, string]>> = {
  3: ["denied", "the file may not be used"],
  5: ["locked", "another process has been writing for too long"],
  6: ["locked", "another connection has been writing for too long"],
  7: ["unavailable", "out of memory"],
  8: ["read-only", "the file is read-only"],
  10: ["unavailable", "the disk failed"],
  11: ["corrupt", "the database is damaged"],
  13: ["unavailable", "the disk is full"],
  18: ["too-large", "SQLite keeps no value of this size"],
  23: ["denied", "the file may not be used"],
  26: ["corrupt", "it is not an SQLite database"],
};

const UNOPENED: Readonly<Record<PathState, readonly [StoreErrorCode, string]>> = {
  "folder": ["unavailable", "it is a folder"],
  "no parent": ["unavailable", "its folder does not exist"],
  "other": ["denied", "the file cannot be opened"],
};

/** The error as the store's own; what is no error of SQLite comes back as it is. */
export function toFailure(error: unknown, { look, ...context }: FailureContext): unknown {
  if (error instanceof StoreError) return error;
  // Deno, where a permission is missing.
  if (error instanceof Error && error.name === "NotCapable") {
    return new StoreError("denied", { ...context, reason: "no permission", cause: error });
  }
  const result = sqliteResultCode(error);
  if (result === undefined) return error;
  if (result === 14) {
    const [code, reason] = UNOPENED[look()];
    return new StoreError(code, { ...context, reason, retryable: false, cause: error });
  }
  const [code, reason] = MEANINGS[result] ?? ["unavailable", `SQLite says "${(error as Error).message}"`];
  return new StoreError(code, { ...context, reason, cause: error });
}
