/**
 * One Redis hash with a field per entry; lifetimes stand in front of the values.
 *
 * @module
 */

import { changesOf, counterOf, type Shape } from "./shape.ts";

/** Entries as fields of the hash. */
export function hashShape(hash: string, revision: boolean): Shape {
  // The tag makes a cluster keep both in one place; a name that has one already keeps it.
  const tagged = /\{[^}]+\}/.test(hash) ? hash : `{${hash}}`;
  const counter = counterOf(tagged);
  const reading: Shape = {
    counter,
    keepsLifetimes: true,
    hidesTypes: false,
    call: (keys, args, now) => ({
      entries: "hash",
      counts: revision,
      keys: revision ? [hash, counter, changesOf(tagged)] : [hash],
      args: [`${now}`, `${keys.length}`, ...keys, ...args],
    }),
    get: (key) => ["HGET", hash, key],
    getMany: (keys) => ["HMGET", hash, ...keys],
    keyOf: (name) => name,
  };
  if (revision) return reading;
  return {
    ...reading,
    set: (key, text, expiresAt) => expiresAt === undefined ? ["HSET", hash, key, text] : undefined,
    setMany: (texts, expiresAt) => {
      if (expiresAt !== undefined) return undefined;
      const command = ["HSET", hash];
      texts.forEach((text, key) => command.push(key, text));
      return command;
    },
    clear: () => ["UNLINK", hash],
  };
}
