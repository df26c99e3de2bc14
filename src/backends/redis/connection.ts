/**
 * One connection to a Redis server, as a client library keeps it.
 *
 * @module
 */

import { type Command, ReplyError } from "./wire.ts";

/** A connection that is open. */
export interface Connection {
  /** Runs the command, after those it was given before. What the server answers with an error, rejects as it is. */
  run(command: Command): Promise<unknown>;
  /** Lets go of it; what is under way is rejected. */
  close(): void;
}

/**
 * Opens a connection, or rejects, also when the signal says that it takes too long; `lost` is called once when it ends
 * without {@linkcode Connection.close}.
 */
export type Connect = (lost: () => void, signal: AbortSignal) => Promise<Connection>;

/** The error of a client library as what the server said, or `undefined` if it did not come from there. */
export function toReplyError(error: unknown): ReplyError | undefined {
  if (error instanceof ReplyError) return error;
  const message = error instanceof Error ? error.message : "";
  // Clients have classes of their own for it; what the server says starts with a word in capitals.
  return /^[A-Z][A-Z0-9]+ /.test(message) ? new ReplyError(message) : undefined;
}
