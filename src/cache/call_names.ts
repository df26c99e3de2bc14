/**
 * Names that keep the entries of functions and of instances apart.
 *
 * @module
 */

import type { Region } from "./region.ts";

/** Who has which name in a region. */
const owners = new WeakMap<Region<unknown>, Map<string, unknown>>();
const instances = new WeakMap<object, string>();
let count = 0;
let processId = "";

/**
 * Takes a name that nobody has chosen for its owner.
 *
 * @throws {TypeError} If something else in this region has it.
 */
export function takeName(region: Region<unknown>, name: string, owner: unknown): void {
  let names = owners.get(region);
  if (!names) owners.set(region, names = new Map());
  const other = names.get(name);
  if (other === owner) return;
  if (other !== undefined) {
    const what = `its region keeps results of another function named ${JSON.stringify(name)}`;
    throw new TypeError(`Cannot memoize a function: ${what}, so one of them needs another name`);
  }
  names.set(name, owner);
}

/**
 * Refuses what has no name in a region that others share: they could not know the one it would be given.
 *
 * @throws {TypeError} If others share the region.
 */
export function refuseNameless(region: Region<unknown> | undefined): void {
  if (region?.scope === "shared") {
    throw new TypeError("Cannot memoize a function without a name in a region that others share: it needs a name");
  }
}

/** A name that nothing else has. */
export function newName(): string {
  return `anonymous-${uniqueId()}`;
}

/** What tells an object from all others, here and in other processes, and does not keep it alive. */
export function instanceId(instance: object): string {
  let id = instances.get(instance);
  if (id === undefined) instances.set(instance, id = uniqueId());
  return id;
}

// Not before it is asked for: workers may not throw dice while they start.
function uniqueId(): string {
  processId ||= crypto.randomUUID().slice(0, 18);
  return `${processId}-${++count}`;
}
