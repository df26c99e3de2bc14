/**
 * gzip and deflate where there is no `node:zlib`: the platform's `CompressionStream`, and fflate for what that lacks.
 *
 * @module
 */

import type { PortableCompression } from "./zlib.ts";
import { StoreError } from "./store_error.ts";

/** What a portable compression is told. */
export interface PortableCompressionOptions {
  /** From 0, none, to 9, smallest. @default {the platform's} */
  readonly level?: number | undefined;
  /** The most bytes that decoding may give. @default {Infinity} */
  readonly maxBytes?: number | undefined;
}

type Bytes = TransformStream<Uint8Array, Uint8Array>;
type Level = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** fflate is fed this much at a time, so that a bomb is noticed before it has gone off. */
const SLICE = 16 * 1024;

/** What stands behind the deflated data. */
const TRAILER_BYTES = { gzip: 8, deflate: 4 };
/** Nothing, deflated. */
const EMPTY_BYTES = 2;

/** gzip or deflate on any platform. */
export function portableCompression(
  format: "gzip" | "deflate",
  { level, maxBytes = Infinity }: PortableCompressionOptions,
): PortableCompression {
  const tooLarge = (): StoreError =>
    new StoreError("too-large", { store: format, operation: "read", reason: `more than ${maxBytes} bytes` });
  const canEncode = () => level === undefined && typeof CompressionStream === "function";
  const canDecode = () => typeof DecompressionStream === "function";

  const compress = async (bytes: Uint8Array): Promise<Uint8Array> => {
    if (canEncode()) return await through(new CompressionStream(format) as Bytes, bytes, Infinity, tooLarge);
    const { gzipSync, zlibSync } = await import("fflate");
    const options = level === undefined ? {} : { level: level as Level };
    // The moment of compression would make equal values differ.
    return format === "gzip" ? gzipSync(bytes, { ...options, mtime: 0 }) : zlibSync(bytes, options);
  };
  const decompress = async (bytes: Uint8Array): Promise<Uint8Array> => {
    if (canDecode()) {
      return check(bytes, await through(new DecompressionStream(format) as Bytes, bytes, maxBytes, tooLarge));
    }
    const { Inflate, inflateSync } = await import("fflate");
    const body = bytes.subarray(bodyStart(format, bytes), -TRAILER_BYTES[format]);
    if (maxBytes !== Infinity) {
      const output = collector(maxBytes, tooLarge);
      const inflate = new Inflate((chunk) => output.add(chunk));
      for (let at = 0; at < body.length; at += SLICE) {
        inflate.push(body.slice(at, at + SLICE), at + SLICE >= body.length);
      }
    }
    const decoded = check(bytes, inflateSync(body));
    // Nothing but zeros behind an empty body looks like its checksum, however many they are.
    if (decoded.length === 0 && body.length !== EMPTY_BYTES) throw incomplete();
    return decoded;
  };
  const incomplete = () => new Error(`Cannot decode ${format}: its checksum does not match`);
  // Not every implementation looks at the checksums behind the data, or notices that they are cut off.
  const check = (bytes: Uint8Array, decoded: Uint8Array): Uint8Array => {
    if (bytes.length < 8) throw incomplete();
    const end = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
    const matches = format === "deflate"
      ? end.getUint32(4) === adler32(decoded)
      : end.getUint32(0, true) === crc32(decoded) && end.getUint32(4, true) === decoded.length % 2 ** 32;
    if (!matches) throw incomplete();
    return decoded;
  };

  return {
    compress,
    decompress,
    encode: () => canEncode() ? new CompressionStream(format) as Bytes : whole(compress),
    decode() {
      // A stream of deflate may end without its checksum, unnoticed.
      const isSafe = format === "gzip" && maxBytes === Infinity && canDecode();
      return isSafe ? new DecompressionStream(format) as Bytes : whole(decompress);
    },
  };
}

/** Where the deflated data starts, behind the header. */
function bodyStart(format: "gzip" | "deflate", bytes: Uint8Array): number {
  if (format === "deflate") {
    const isHeader = bytes.length > 2 && (bytes[0]! & 15) === 8 && (bytes[0]! * 256 + bytes[1]!) % 31 === 0;
    if (!isHeader || bytes[1]! & 32) throw new Error("Cannot decode deflate: it has another header");
    return 2;
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) {
    throw new Error("Cannot decode gzip: it has another header");
  }
  const flags = bytes[3] ?? 0;
  let at = 10;
  if (flags & 4) at += 2 + bytes[at]! + bytes[at + 1]! * 256;
  for (const flag of [8, 16]) if (flags & flag) at = bytes.indexOf(0, at) + 1;
  return flags & 2 ? at + 2 : at;
}

/** A stream that waits for all the bytes and converts them at once. */
function whole(convert: (bytes: Uint8Array) => Promise<Uint8Array>): Bytes {
  const input = collector(Infinity);
  return new TransformStream({
    transform: (chunk) => input.add(chunk.slice()),
    flush: async (controller) => controller.enqueue(await convert(input.whole())),
  });
}

async function through(
  stream: Bytes,
  bytes: Uint8Array,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const output = collector(maxBytes, tooLarge);
  // The reader meets the same failures.
  writer.write(bytes).catch(() => {});
  writer.close().catch(() => {});
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) output.add(chunk.value);
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  }
  return output.whole();
}

function collector(maxBytes: number, tooLarge?: () => Error): { add(chunk: Uint8Array): void; whole(): Uint8Array } {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    add(chunk) {
      length += chunk.length;
      if (length > maxBytes && tooLarge) throw tooLarge();
      chunks.push(chunk);
    },
    whole() {
      const bytes = new Uint8Array(length);
      let at = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      return bytes;
    },
  };
}

/** RFC 1952 §8. */
function crc32(bytes: Uint8Array): number {
  const table = crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    return crc;
  });
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

let crcTable: Uint32Array | undefined;

/** RFC 1950 §9. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length;) {
    // As many as fit before the sums leave 32 bits.
    const end = Math.min(at + 3800, bytes.length);
    for (; at < end; at++) b += a += bytes[at]!;
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}
