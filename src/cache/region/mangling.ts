/**
 * Shorter names for long keys.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Mangle } from "./options.ts";

/** What a shortened name ends with: 32 bytes in hexadecimal behind a mark. */
const HASH_BYTES = 65;
const LOOKS_SHORTENED = /~[0-9a-f]{64}$/;

/**
 * The function that a `mangle` option means.
 *
 * @throws {TypeError} If it means none.
 */
export function mangling(mangle: Mangle): (key: string) => Awaitable<string> {
  if (typeof mangle === "function") return mangle;
  if (mangle === "sha256") return sha256;
  const limit = (mangle as { overBytes?: unknown } | null)?.overBytes;
  if (typeof limit !== "number" || !(limit >= HASH_BYTES)) {
    throw new TypeError(
      `Cannot make Region: mangle must be "sha256", a function, or { overBytes } of ${HASH_BYTES} or more`,
    );
  }
  return (key) => {
    const bytes = new TextEncoder().encode(key);
    // A key that looks like a shortened one must not meet it.
    if (bytes.length <= limit && !LOOKS_SHORTENED.test(key)) return key;
    // Where the cut goes through a character, that character is left out.
    const head = new TextDecoder().decode(bytes.subarray(0, limit - HASH_BYTES), { stream: true });
    return sha256(key).then((hash) => `${head}~${hash}`);
  };
}

async function sha256(key: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
