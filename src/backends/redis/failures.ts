/**
 * What an error of Redis, or of the road to it, means to a store.
 *
 * @module
 */

import { StoreError, type StoreErrorCode, type StoreErrorContext } from "../../core/store_error.ts";
import { ReplyError, WireError } from "./wire.ts";

// By the word that a reply starts with; https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
const MEANINGS: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  WRONGTYPE: ["corrupt", "it holds a Redis type that is no value"],
  READONLY: ["read-only", "the server is a read-only replica"],
  OOM: ["unavailable", "the server is out of memory"],
  LOADING: ["unavailable", "the server is loading its data"],
  BUSY: ["unavailable", "the server is busy with a script"],
  MASTERDOWN: ["unavailable", "the replica has lost its primary"],
  CLUSTERDOWN: ["unavailable", "the cluster is down"],
  TRYAGAIN: ["unavailable", "the cluster is moving keys"],
  NOREPLICAS: ["unavailable", "too few replicas are there"],
  MISCONF: ["unavailable", "the server cannot save its data"],
  NOAUTH: ["denied", "the server asks for a password"],
  WRONGPASS: ["denied", "the server does not take the password"],
  NOPERM: ["denied", "the user may not do this"],
  MOVED: ["unsupported", "the key is on another server of a cluster"],
  ASK: ["unsupported", "the key is on another server of a cluster"],
  CROSSSLOT: ["unsupported", "a cluster keeps these keys apart: the prefix needs a {hash tag}"],
};

// Errors that say no more than ERR.
const TEXTS: readonly (readonly [RegExp, StoreErrorCode, string])[] = [
  [/exceeds maximum allowed size|invalid bulk length|too big/i, "too-large", "Redis keeps no value of this size"],
  [
    /unknown command|unknown redis command/i,
    "unsupported",
    "the server lacks a command; it must be Redis 6.2 or later",
  ],
  [/max number of clients/, "unavailable", "the server has too many clients"],
  [/AUTH|password/, "denied", "the server does not take the password"],
];

/** The error as the store's own; what is neither Redis nor the road comes back as it is. */
export function toFailure(error: unknown, context: StoreErrorContext): unknown {
  if (error instanceof WireError) {
    return new StoreError(error.code, { ...context, reason: error.message, cause: error.cause ?? error });
  }
  if (!(error instanceof ReplyError)) return error;
  const { message } = error;
  // Not only at the start: around an error in a script older servers put words of their own.
  const word = Object.keys(MEANINGS).find((word) => new RegExp(`\\b${word}\\b`).test(message));
  const known = word === undefined ? TEXTS.find(([text]) => text.test(message)) : [, ...MEANINGS[word]!] as const;
  const [, code, reason] = known ?? [, "unavailable", `the server answered ${/^[A-Z]+/.exec(message) ?? "an error"}`];
  return new StoreError(code as StoreErrorCode, { ...context, reason: reason as string, cause: error });
}
