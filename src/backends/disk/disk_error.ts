/**
 * What an error of a file system means to a store.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { errorCode } from "../../platform/file_system.ts";

interface Meaning {
  readonly code: StoreErrorCode;
  readonly reason: string | undefined;
  /** Whether the same call may succeed later. @default {what the code says} */
  readonly retryable?: boolean;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  EACCES: { code: "denied", reason: "the system denies access" },
  EPERM: { code: "denied", reason: "the system denies access" },
  ELOOP: { code: "denied", reason: "a symbolic link is in the way" },
  EROFS: { code: "read-only", reason: "the file system is read-only" },
  EFBIG: { code: "too-large", reason: "the file would be too large" },
  ENOSPC: { code: "unavailable", reason: "the disk is full" },
  EDQUOT: { code: "unavailable", reason: "the quota is used up" },
  EMFILE: { code: "unavailable", reason: "too many files are open" },
  ENFILE: { code: "unavailable", reason: "too many files are open" },
  EIO: { code: "unavailable", reason: "the disk fails" },
  EISDIR: { code: "unavailable", reason: "a folder is where the file should be", retryable: false },
  ENOTDIR: { code: "unavailable", reason: "a file is where a folder should be", retryable: false },
  ENAMETOOLONG: { code: "invalid-key", reason: "the path is too long for the file system" },
};

/** The error that a caller gets: what was refused on purpose as it is, what the system says by its code. */
export function diskError(store: string, operation: string, key: string | undefined, cause: unknown): unknown {
  if (cause instanceof StoreError || cause instanceof TypeError) return cause;
  const code = errorCode(cause);
  const meaning = MEANINGS[code] ?? { code: "unavailable", reason: code && `the system says ${code}` || undefined };
  return new StoreError(meaning.code, { store, operation, key, cause, ...meaning });
}
