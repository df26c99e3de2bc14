/**
 * What comes back over HTTP as replies of Redis, or as what it means that none came.
 *
 * Nothing of the vendor's errors is passed on: their messages hold commands and values.
 *
 * @module
 */

import { type Reply, ReplyError, WireError } from "../redis/wire.ts";

/** No answer that is one; whether the commands ran is not known. */
export class LostAnswer extends WireError {
  /** Takes a few words for people. */
  constructor(reason: string, options?: ErrorOptions) {
    super("unavailable", reason, options);
  }
}

// What Upstash says beyond Redis; https://upstash.com/docs/redis/troubleshooting
const LIMITS: readonly (readonly [RegExp, WireError["code"], string])[] = [
  [/max request size|max record size/i, "too-large", "the request is larger than the server takes"],
  [/limit exceeded|quota|too many requests|rate limit/i, "unavailable", "a limit of the server is reached"],
  [/unauthorized|forbidden/i, "denied", "the server does not take the token"],
  [/^WRONGPASS/, "denied", "the server does not take the token"],
];

/** An error in words of the server. */
export function toSaid(text: unknown): ReplyError | WireError {
  const words = `${text}`;
  for (const [pattern, code, reason] of LIMITS) if (pattern.test(words)) return new WireError(code, reason);
  return /^[A-Z][A-Z0-9]+ /.test(words) ? new ReplyError(words) : new WireError("unavailable", "the server failed");
}

/**
 * The replies to so many commands; an error among them is a value.
 *
 * @throws {WireError} If the answer is none.
 */
export function toReplies(answer: unknown, count: number): (Reply | ReplyError | WireError)[] {
  const said = (answer as { error?: unknown } | null)?.error;
  if (said !== undefined) throw toSaid(said);
  if (!Array.isArray(answer) || answer.length !== count) throw new LostAnswer("the server sent no answer that is one");
  return answer.map((part: { result?: Reply; error?: unknown } | null) => {
    if (part?.result !== undefined) return part.result;
    if (part?.error === undefined) throw new LostAnswer("the server sent no answer that is one");
    return toSaid(part.error);
  });
}

/** What the vendor's client throws. */
export function toWireError(error: unknown): ReplyError | WireError {
  if (error instanceof WireError) return error;
  const { name, message } = error as Error;
  if (name === "UpstashError") return toSaid(message.split(", command was: ")[0]);
  // Such an error quotes what came.
  if (name === "UpstashJSONParseError") return new LostAnswer("the server sent no answer that is one");
  return new LostAnswer("the server cannot be reached, or the connection was lost", { cause: error });
}
