/**
 * What the client says went wrong, as errors of a store.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { codeOf, Codes } from "./client.ts";
import { type Asking, fail } from "./session.ts";

const KINDS: Readonly<Record<number, readonly [code: StoreErrorCode, reason: string]>> = {
  [Codes.connectionLoss]: ["unavailable", "connection lost; whether it was done is unknown"],
  [Codes.operationTimeout]: ["timeout", "the servers took too long"],
  [Codes.noAuth]: ["denied", "access denied"],
  [Codes.authFailed]: ["denied", "the servers refuse these credentials"],
  [Codes.invalidAcl]: ["denied", "the servers do not take this access list"],
  [Codes.sessionExpired]: ["unavailable", "the session has expired"],
};

/** The error for who asked; one that is a store's own already stays. */
export function toFailure(error: unknown, asking: Asking): unknown {
  if (error instanceof StoreError || asking.signal?.aborted && error === asking.signal.reason) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  const [kind, reason] = KINDS[code] ?? ["unavailable", `ZooKeeper says ${code}`];
  return fail(asking, kind, reason, error);
}
