/**
 * Which keys of Redis a command is about, and whether two groups of commands have to keep their order.
 *
 * @module
 */

import type { Command } from "../redis/wire.ts";

/** What commands use: keys, each with whether it may be changed; `undefined` for the whole database. */
export interface Use {
  readonly names: ReadonlyMap<string, boolean>;
  /** Whether keys that nobody can name are read. */
  readonly scans: boolean;
  /** Whether any key may be changed. */
  readonly changes: boolean;
}

const READING = /^(GET|MGET|EXISTS|TYPE|SCAN|HGET|HMGET|HSCAN|EVAL|EVALSHA)$/;

/** What these commands use; each group says whether it may run twice, which a script may only if it changes nothing. */
export function useOf(
  groups: Iterable<{ readonly commands: readonly Command[]; readonly repeatable: boolean }>,
): Use {
  const names = new Map<string, boolean>();
  let scans = false;
  let changes = false;
  for (const { commands, repeatable } of groups) {
    for (const command of commands) {
      const writes = !repeatable || !READING.test(command[0]!);
      changes ||= writes;
      const used = namesOf(command);
      if (!used) scans = true;
      else for (const name of used) if (writes || !names.has(name)) names.set(name, writes);
    }
  }
  return { names, scans, changes };
}

/** Whether both use the same key. */
export function meet(one: Use, other: Use): boolean {
  if (one.scans || other.scans) return true;
  const [fewer, more] = one.names.size < other.names.size ? [one, other] : [other, one];
  for (const name of fewer.names.keys()) if (more.names.has(name)) return true;
  return false;
}

/** Whether the effect of one may depend on the other. */
export function depend(one: Use, other: Use): boolean {
  if (one.scans && other.changes || other.scans && one.changes) return true;
  if (!one.changes && !other.changes) return false;
  const [fewer, more] = one.names.size < other.names.size ? [one, other] : [other, one];
  for (const [name, writes] of fewer.names) {
    const written = more.names.get(name);
    if (written || written === false && writes) return true;
  }
  return false;
}

function namesOf(command: Command): readonly string[] | undefined {
  switch (command[0]) {
    case "SCAN":
      return undefined;
    case "EVAL":
    case "EVALSHA":
      return command.slice(3, 3 + Number(command[2]));
    case "MSET":
      return command.filter((_, at) => at % 2 === 1);
    case "MGET":
    case "EXISTS":
    case "UNLINK":
      return command.slice(1);
    default:
      return command.slice(1, 2);
  }
}
