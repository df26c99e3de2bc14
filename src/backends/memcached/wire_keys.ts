/**
 * The keys that a server sees: short ones as they are, all others by their SHA-256.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";

const MAX_BYTES = 250;
const HASHED = "sha256:";
// What would end a command or a token in it, and what other keys start with.
// deno-lint-ignore no-control-regex -- these are what must not go out
const AWKWARD = /[\x00-\x20\x7f]|^$|^(?:sha256|gen|generation):/;

const encoder = new TextEncoder();

/** The key for an entry; where prefixes can be cleared, their generations are part of it. */
export function wireKeyOf(key: string, generations?: readonly string[]): Awaitable<string> {
  if (generations === undefined) return AWKWARD.test(key) || isLong(key) ? hashed(`key:${key}`) : key;
  const full = `gen:${generations.join(".")}:${key}`;
  return AWKWARD.test(`${key}.`) || isLong(full) ? hashed(full) : full;
}

/** The key for the generation of a prefix. */
export function generationKeyOf(prefix: string): Awaitable<string> {
  const full = `generation:${prefix}`;
  return AWKWARD.test(`${prefix}.`) || isLong(full) ? hashed(full) : full;
}

/** Whether a server's key is a hash, so that its value has to hold the key itself. */
export function isHashed(wireKey: string): boolean {
  return wireKey.startsWith(HASHED);
}

function isLong(text: string): boolean {
  return text.length * 3 > MAX_BYTES && encoder.encode(text).length > MAX_BYTES;
}

async function hashed(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
  return HASHED + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
