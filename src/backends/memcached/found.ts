/**
 * What a server has under a key, and the version of it: the server's own number, which server gave it, and how long it
 * holds.
 *
 * @module
 */

import { unframe } from "../../core/frame.ts";
import { type Asking, failure, type Reply } from "./connection.ts";
import { tokenOf } from "./reply_reader.ts";
import { isHashed } from "./wire_keys.ts";

/** What is kept of an entry. */
export interface Kept {
  readonly value: Uint8Array;
  /** Milliseconds since the epoch; `undefined` = never expires. */
  readonly expiresAt?: number | undefined;
}

/** An entry on a server. */
export interface Found extends Kept {
  /** What the server said of it, with its number if that was asked for. */
  readonly line: string;
}

/** The server's number for the entry, where it was asked for. */
export function casOf({ line }: Pick<Found, "line">): string {
  return tokenOf(line, "c") ?? "";
}

/** A version in its parts. */
export interface WireVersion {
  /** Which start of the server: it counts anew from there. */
  readonly epoch: string;
  /** The server's number. */
  readonly cas: string;
  /** When the entry expires, so that a condition on it needs no look at it. */
  readonly expiresAt?: number | undefined;
}

/**
 * The entry in a reply; `undefined` if it is that of another key.
 *
 * @throws {StoreError} `corrupt` if the frame around it is broken.
 */
export function foundIn(
  { asking, key, wireKey }: { readonly asking: Asking; readonly key: string; readonly wireKey: string },
  { line, value }: Reply,
): Found | undefined {
  try {
    const framed = unframe(value!);
    if (isHashed(wireKey) && framed.key !== key) return undefined;
    return { value: framed.payload, expiresAt: framed.expiresAt, line };
  } catch (cause) {
    throw failure(asking, "corrupt", "its frame is broken", cause);
  }
}

/** Whether an entry has not expired. */
export function isLive({ expiresAt }: Pick<Found, "expiresAt">, now: number): boolean {
  return expiresAt === undefined || expiresAt > now;
}

/** A version as callers see it. */
export function versionOf(
  { epoch, cas, expiresAt = "" }: WireVersion | { epoch: string; cas: string; expiresAt?: "" },
): string {
  return `${epoch}/${cas}/${expiresAt}`;
}

/** The parts of a version, if it is one. */
export function wireVersionOf(version: string): WireVersion | undefined {
  const [, epoch, cas, expiresAt] = /^([\d.-]*)\/(\d+)\/([\d.e+-]*)$/.exec(version) ?? [];
  if (epoch === undefined || cas === undefined) return undefined;
  return { epoch, cas, expiresAt: expiresAt ? Number(expiresAt) : undefined };
}
