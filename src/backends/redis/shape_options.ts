/**
 * How a store lies in Redis, as its options say it; the same for every road.
 *
 * @module
 */

import { hashShape } from "./hash_shape.ts";
import { keyShape } from "./key_shape.ts";
import type { Shape } from "./shape.ts";

/** Where in a Redis database a store has its entries. */
export interface ShapeOptions {
  /** What the names of its keys start with; nothing else is touched. @default {"", which is the whole database} */
  readonly prefix?: string | undefined;
  /** The name of one Redis hash with a field per entry, in place of a key per entry. @default {none} */
  readonly hash?: string | undefined;
  /**
   * Whether the store has a `revision()`. Every write counts it up in the same step, under `#revision:` and the name of
   * the place, so all who write need this option. A store of keys needs a prefix for it, in a cluster one with a
   * `{hash tag}`. @default {false}
   */
  readonly revision?: boolean | undefined;
}

/** Names of {@linkcode ShapeOptions}. */
export const SHAPE_OPTIONS: readonly string[] = ["prefix", "hash", "revision"];

/**
 * The shape that the options name.
 *
 * @throws {TypeError} If they name none.
 */
export function shapeOf(owner: string, { prefix, hash, revision = false }: ShapeOptions): Shape {
  const refuse = (reason: string) => new TypeError(`Cannot make ${owner}: ${reason}`);
  for (const name of [prefix, hash]) {
    if (name !== undefined && (typeof name !== "string" || !name.isWellFormed())) {
      throw refuse("prefix and hash must be strings without lone surrogates");
    }
  }
  if (typeof revision !== "boolean") throw refuse("revision must be true or false");
  if (hash !== undefined && prefix !== undefined) throw refuse("a hash has no prefix");
  if (hash === "") throw refuse("its hash needs a name");
  if (hash !== undefined) return hashShape(hash, revision);
  if (revision && !prefix) throw refuse("a revision needs a prefix or a hash");
  return keyShape(prefix ?? "", revision);
}
