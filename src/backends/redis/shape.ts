/**
 * How the entries of a store lie in Redis: what the two shapes have to say about it.
 *
 * @module
 */

import type { ScriptCall } from "./scripts.ts";
import type { Command } from "./wire.ts";

/**
 * A shape. The commands that change something are left out where a script has to do it, because a revision is counted
 * up or a lifetime is read in the same step. Moments are whole milliseconds since the epoch.
 */
export interface Shape {
  /** Where the revision is counted. */
  readonly counter: string;
  /** Whether a value carries its own lifetime. */
  readonly keepsLifetimes: boolean;
  /** Whether {@linkcode Shape.getMany} answers a wrong type as if it were a miss. */
  readonly hidesTypes: boolean;
  /** The call of a script on these entries. */
  call(keys: readonly string[], args: readonly string[], now: number): ScriptCall;
  get(key: string): Command;
  getMany(keys: readonly string[]): Command;
  has?(keys: readonly string[]): Command;
  types?(keys: readonly string[]): readonly Command[];
  set?(key: string, text: string, expiresAt: number | undefined): Command | undefined;
  setMany?(texts: ReadonlyMap<string, string>, expiresAt: number | undefined): Command | undefined;
  add?(key: string, text: string, expiresAt: number | undefined): Command;
  remove?(keys: readonly string[]): Command;
  touch?(key: string, expiresAt: number | undefined): Command | undefined;
  /** Removes all entries at once. */
  clear?(): Command;
  /** One step of a listing, answered by a cursor and names; a script does it where there is none. */
  page?(cursor: string, prefix: string, size: string): Command;
  /** The key behind a name of a listing. */
  keyOf(name: string): string;
}

/** The glob pattern of all names that start with the prefix. */
export function patternOf(prefix: string): string {
  // A half character has no bytes: the pattern ends before it, and whoever lists compares again.
  return `${prefix.split(/\p{Surrogate}/u)[0]!.replace(/[*?[\]\\^-]/g, "\\$&")}*`;
}

/** What the revision of the entries under this name is counted under; it shares their hash tag and starts differently. */
export function counterOf(name: string): string {
  return `${name.startsWith("#") ? "%" : "#"}revision:${name}`;
}

/** Where the keys are noted for which it was counted up; as the other one. */
export function changesOf(name: string): string {
  return `${name.startsWith("#") ? "%" : "#"}changes:${name}`;
}
