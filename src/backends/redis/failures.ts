/**
 * What an error of Redis, or of the road to it, means to a store.
 *
 * @module
 */

import { StoreError, type StoreErrorContext } from "../../core/store_error.ts";
import { ReplyError, WireError } from "./wire.ts";

/** The error as the store's own; what is neither Redis nor the road comes back as it is. */
export async function toFailure(error: unknown, context: StoreErrorContext): Promise<unknown> {
  // At hand, because a process that cannot reach anything may not be able to load anything, either.
  if (error instanceof WireError) {
    return new StoreError(error.code, { ...context, reason: error.message, cause: error.cause ?? error });
  }
  if (!(error instanceof ReplyError)) return error;
  const { meaningOf } = await import("./reply_errors.ts");
  const [code, reason] = meaningOf(error.message);
  return new StoreError(code, { ...context, reason, cause: error });
}
