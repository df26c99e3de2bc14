/**
 * Checksums that S3 knows, over bytes at rest.
 *
 * @module
 */

import { sha256 } from "./signing.ts";

/** Which checksum is kept beside the bytes and verified when they are read. */
export type S3Checksum = "sha256" | "crc32c";

/** The checksum of bytes in base64, as in the headers `x-amz-checksum-…`. */
export async function checksumOf(bytes: Uint8Array, kind: S3Checksum): Promise<string> {
  if (kind === "sha256") return await sha256(bytes, "base64");
  const crc = crc32c(bytes);
  return btoa(String.fromCharCode(crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255));
}

/** Whether bytes have the checksum that was noted, if one of this kind was. */
export async function isIntact(bytes: Uint8Array, noted: string | undefined, kind: S3Checksum): Promise<boolean> {
  return !noted?.startsWith(`${kind}:`) || noted.slice(kind.length + 1) === await checksumOf(bytes, kind);
}

let table: Uint32Array | undefined;

/** CRC-32C (RFC 3720 §B.4). */
function crc32c(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0x82f63b78 : byte >>> 1;
    return byte;
  });
  let crc = ~0;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}
