/**
 * Versions of entries: which node it is, and how often its data was changed.
 *
 * @module
 */

import type { ZookeeperStat } from "./client.ts";

/** The version of a node; a node that was made anew has another one. */
export function versionOf({ czxid, version }: ZookeeperStat): string {
  return `${toHex(czxid)}.${version}`;
}

/** 8 bytes as text that sorts like the number. */
export function toHex(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** 8 bytes as a number. */
export function toNumber(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0));
}
