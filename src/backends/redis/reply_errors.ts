/**
 * What the errors of a Redis server mean to a store; loaded for the first one.
 *
 * @module
 */

import type { StoreErrorCode } from "../../core/store_error.ts";

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

/** What the error of this message means, and that in a few words for people. */
export function meaningOf(message: string): readonly [StoreErrorCode, string] {
  // Not only at the start: around an error in a script older servers put words of their own.
  const word = Object.keys(MEANINGS).find((word) => new RegExp(`\\b${word}\\b`).test(message));
  if (word !== undefined) return MEANINGS[word]!;
  const known = TEXTS.find(([text]) => text.test(message));
  if (known) return [known[1], known[2]];
  return ["unavailable", `the server answered ${/^[A-Z]+/.exec(message) ?? "an error"}`];
}
