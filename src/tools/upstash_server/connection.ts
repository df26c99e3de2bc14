/**
 * What the server needs of a connection to Redis.
 *
 * @module
 */

/** What Redis answers: text or bytes for strings, numbers, nothing, and lists of these; in a list an error is a value. */
export type RedisReply = string | Uint8Array | number | bigint | null | Error | readonly RedisReply[];

/** A connection to Redis. */
export interface RedisConnection {
  /**
   * Sends one command, over one connection and in the order of the calls, without waiting for earlier ones. Rejects with
   * the server's words as `message` where the server refuses.
   */
  send(command: readonly (string | Uint8Array)[]): Promise<unknown>;
  /**
   * Subscribes over a connection of its own and calls back for each message as Redis pushes it (`message`, channel, text),
   * the confirmations included, until the signal ends it, or until it ends by itself and says so. Without it subscriptions
   * are refused.
   */
  listen?(
    kind: "subscribe" | "psubscribe",
    names: readonly string[],
    push: (message: readonly RedisReply[]) => void,
    signal: AbortSignal,
    lost?: () => void,
  ): Promise<void>;
  /** Lets go of it. */
  close?(): Promise<void>;
}
