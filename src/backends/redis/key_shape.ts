/**
 * One Redis key per entry, under a prefix; lifetimes are those of Redis.
 *
 * @module
 */

import { changesOf, counterOf, patternOf, type Shape } from "./shape.ts";
import type { Command } from "./wire.ts";

/** Entries as keys under the prefix. */
export function keyShape(prefix: string, revision: boolean): Shape {
  const counter = counterOf(prefix);
  const named = (keys: readonly string[]) => keys.map((key) => prefix + key);
  const about = (name: string, keys: readonly string[]): Command => {
    const command = [name];
    for (let at = 0; at < keys.length; at++) command.push(prefix + keys[at]!);
    return command;
  };
  const until = (expiresAt: number | undefined) => expiresAt === undefined ? [] : ["PXAT", `${expiresAt}`];
  const reading: Shape = {
    counter,
    keepsLifetimes: false,
    hidesTypes: true,
    call: (keys, args) => ({
      entries: "keys",
      counts: revision,
      keys: [...named(keys), ...(revision ? [counter, changesOf(prefix)] : [])],
      args,
    }),
    get: (key) => ["GET", prefix + key],
    getMany: (keys) => about("MGET", keys),
    has: (keys) => about("EXISTS", keys),
    types: (keys) => named(keys).map((name): Command => ["TYPE", name]),
    page: (cursor, inner, size) => ["SCAN", cursor, "MATCH", patternOf(prefix + inner), "COUNT", size],
    keyOf: (name) => name.slice(prefix.length),
  };
  if (revision) return reading;
  return {
    ...reading,
    set: (key, text, expiresAt) => ["SET", prefix + key, text, ...until(expiresAt)],
    setMany: (texts, expiresAt) => {
      if (expiresAt !== undefined) return undefined;
      const command = ["MSET"];
      texts.forEach((text, key) => command.push(prefix + key, text));
      return command;
    },
    add: (key, text, expiresAt) => ["SET", prefix + key, text, "NX", ...until(expiresAt)],
    remove: (keys) => about("UNLINK", keys),
    touch: (key, expiresAt) => expiresAt === undefined ? undefined : ["PEXPIREAT", prefix + key, `${expiresAt}`],
  };
}
