/**
 * What regions of one name over one store share within a process.
 *
 * @module
 */

import type { Epoch } from "./envelope.ts";
import type { Flight } from "./flight.ts";

/** What regions of one name over one backend share. */
export class Room {
  /** The epoch of hard invalidations, where the store is of this process. */
  h: Epoch;
  /** The epoch of soft invalidations. */
  s: Epoch;
  /** The epochs of tags that were ever invalidated. */
  readonly tags = new Map<string, Epoch>();
  /** The creators that run, by key. */
  readonly flights = new Map<string, Flight<unknown>>();
}

const rooms = new WeakMap<object, Map<string, Room>>();

/** The room of this name over this backend. */
export function roomOf(backend: object, name: string): Room {
  let named = rooms.get(backend);
  if (!named) rooms.set(backend, named = new Map());
  let room = named.get(name);
  if (!room) named.set(name, room = new Room());
  return room;
}
