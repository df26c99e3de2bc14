/**
 * The port between a store in Redis and the road to it: commands out, replies back, all text.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { CallOptions } from "../../core/backend.ts";
import type { StoreErrorCode } from "../../core/store_error.ts";

/** A command: its name and its arguments. */
export type Command = readonly string[];

/** What a command answers; a bulk string is its text. */
export type Reply = string | number | null | readonly Reply[];

/** What {@linkcode RedisWire.send} takes. */
export interface SendOptions extends CallOptions {
  /** Whether the commands may run twice without harm, so that they may be sent again if their reply got lost. @default {false} */
  readonly repeatable?: boolean | undefined;
}

/**
 * A road to one Redis database. Commands on the same key take effect in the order of the calls of `send`, also of calls
 * that were not awaited. What is to happen as a whole is one command (a script, `MSET`), so a wire needs no transactions.
 */
export interface RedisWire {
  /** Where it leads to, for messages: no credentials. */
  readonly name: string;
  /** Scripts that the server knows; another set when it may be another server, or one that forgot them. */
  readonly scripts: Set<string>;
  /**
   * Runs the commands in their order and answers all replies. If one of them fails, the others still run, and the first
   * failure is thrown: a {@linkcode ReplyError} as the server said it, a {@linkcode WireError} where there is no answer
   * to be had, the reason of the signal after an abort. Ends within a deadline in any case.
   */
  send(commands: readonly Command[], options?: SendOptions): Promise<readonly Reply[]>;
  /** Waits for what is under way, within its deadline, and lets go of sockets and timers. */
  close(): Awaitable<void>;
}

/** An error that Redis answered: `WRONGTYPE Operation against a key holding the wrong kind of value`. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";

  /** Takes the message of the server, without the arguments that it may quote. */
  constructor(message: string) {
    super(message.split(/,? with args beginning with/)[0]);
  }
}

/** A command has no answer: the server cannot be reached, does not answer in time, or lets nobody in. */
export class WireError extends Error {
  override readonly name = "WireError";
  /** What it means to a store. */
  declare readonly code: StoreErrorCode;

  /** Takes a few words for people, free of commands and credentials. */
  constructor(code: StoreErrorCode, reason: string, options?: ErrorOptions) {
    super(reason, options);
    Object.assign(this, { code });
  }
}
