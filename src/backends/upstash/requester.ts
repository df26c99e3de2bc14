/**
 * What is known of the vendor's client without loading it, and what is wanted of it.
 *
 * @module
 */

import type { Command } from "../redis/wire.ts";

/**
 * Sends commands as one pipeline, once unless they are repeatable; answers the JSON that came. A signal that was aborted
 * makes it answer anything.
 */
export type Road = (
  commands: readonly Command[],
  options: { readonly signal: AbortSignal; readonly repeatable: boolean },
) => Promise<unknown>;

/** A client of `@upstash/redis`: `new Redis({ url, token })`. */
export interface UpstashClientLike {
  /** A pipeline, by which it is known. */
  pipeline(): object;
}

/** The part of the client that speaks HTTP; its own type keeps it from all but subclasses. */
export interface Requester {
  request(request: { path: string[]; body: unknown; signal: AbortSignal }): Promise<unknown>;
  readonly baseUrl?: string;
  readonly retry?: object;
  readonly options?: object;
  readonly headers?: Readonly<Record<string, string>>;
  upstashSyncToken?: string;
}

/** The part of the client that speaks HTTP. */
export function requesterOf(client: UpstashClientLike): Requester | undefined {
  return (client as unknown as { client?: Requester }).client;
}
