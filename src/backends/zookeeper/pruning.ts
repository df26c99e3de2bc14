/**
 * Dropping what has expired, with a note that keeps the revision where it is.
 *
 * @module
 */

import { type Clock, isPast } from "../../core/clock.ts";
import { toPruned } from "./mirror.ts";
import { type Nodes, PRUNED, type Step } from "./nodes.ts";
import type { Asking } from "./session.ts";
import { toHex } from "./versions.ts";

/** What removes those of these nodes that have expired, and notes it; no steps if there are none. */
export async function pruningSteps(
  nodes: Nodes,
  asking: Asking,
  names: readonly string[],
  now: Clock,
): Promise<{ readonly steps: readonly Step[]; readonly count: number }> {
  const [note, ...found] = await Promise.all([PRUNED, ...names].map((name) => nodes.get(asking, name)));
  const steps: Step[] = [];
  let { count, changed } = toPruned(note?.value);
  for (const [index, node] of found.entries()) {
    if (!node || !isPast(node.expiresAt, now)) continue;
    steps.push({ remove: names[index]!, version: node.stat.version });
    const last = toHex(node.stat.mzxid);
    if (last > changed) changed = last;
  }
  const removed = steps.length;
  if (removed === 0) return { steps, count: 0 };
  // The note is a child that comes, too.
  count += removed + (note ? 0 : 1);
  const data = new TextEncoder().encode(`${count} ${changed}`);
  steps.push(note ? { set: PRUNED, data, version: note.stat.version } : { create: PRUNED, data });
  return { steps, count: removed };
}
