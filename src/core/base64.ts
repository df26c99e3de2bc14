/**
 * Bytes as base64 (RFC 4648 §4) and back, on every platform.
 *
 * @module
 */

/** As many characters as one call may be given arguments on every platform. */
const CHUNK = 8192;

/** The bytes as base64 text. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK) as unknown as number[]);
  }
  return btoa(binary);
}

/**
 * The bytes of base64 text.
 *
 * @throws {Error} If it is none.
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
