/**
 * Where a region keeps its entries, as the region sees it: one kind for a store of this process, one for shared stores.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Envelope, Found, Stamp } from "./envelope.ts";
import type { InvalidationMode } from "./events.ts";

/** The right to make the value of a key. */
export interface Claim<V> {
  /** What the value will be valid under. */
  readonly stamp: Stamp;
  /** What is there, as of winning the claim. */
  readonly found: Found<V> | undefined;
  /** Who won it; as it stands in the entry. */
  readonly token?: string | undefined;
  /** Since when the value is being made. */
  began?: number;
  /** Ends it: writes the value, if there is one and the key was not written, deleted or invalidated meanwhile. */
  end(entry?: Envelope<V>, expiresAt?: number): Awaitable<unknown>;
}

/** How a claim is sought. */
export interface ClaimOptions<V> {
  /** What the value is to be invalidated by. */
  readonly tags: readonly string[];
  /** Whether to wait while another process has the claim. */
  readonly wait: boolean;
  /** Whether something found makes a claim needless. */
  readonly isUseful: (found: Found<V> | undefined) => Promise<boolean>;
  /** Whether the key was left alone since the claim is sought; whoever comes after a change does not wait for this one. */
  readonly isCurrent: () => boolean;
  /** Told at once when a claim is made of which this process knows whether it is held still. */
  readonly onHeld: (isHeld: () => boolean) => void;
  /** Told when the claim is won or lost, and when another process has it. */
  readonly tell: (what: "won" | "lost" | "wait") => void;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** Where entries of a region are kept. Keys are those of the store. */
export interface Place<V> {
  /** The entry; no promise where it is at hand. */
  read(key: string, signal?: AbortSignal): Awaitable<Found<V> | undefined>;
  /** The entries of keys that are there. */
  readMany(keys: readonly string[], signal?: AbortSignal): Awaitable<Map<string, Found<V>>>;
  /** The epochs as of now. */
  stamp(tags: readonly string[], signal?: AbortSignal): Awaitable<Stamp>;
  /** Writes entries, whoever makes them just now. */
  write(entries: ReadonlyMap<string, Envelope<V>>, expiresAt?: number, signal?: AbortSignal): Awaitable<void>;
  /** Removes entries, whoever makes them just now; how many had a value. */
  remove(keys: readonly string[], signal?: AbortSignal): Awaitable<number>;
  /** Removes what starts with the prefix. */
  clear(prefix: string, signal?: AbortSignal): Awaitable<void>;
  /** Begins a new epoch. */
  invalidate(mode: InvalidationMode, signal?: AbortSignal): Awaitable<void>;
  /** Begins a new epoch of each of these tags. */
  invalidateTags(tags: readonly string[], signal?: AbortSignal): Awaitable<void>;
  /** Makes an attempt at one of these; `undefined` where the call can do without and the store is left alone. */
  attempt?<T>(work: () => Awaitable<T>, bypass: boolean): Promise<T | undefined>;
  /** What was read last under a key, while the store fails. */
  recall?(key: string): Found<V> | undefined;
  /** A claim; or what others made meanwhile; or `"busy"`, if they are at it and one does not want to wait, or is too late. */
  acquire(key: string, options: ClaimOptions<V>): Promise<Claim<V> | Found<V> | "busy">;
}
