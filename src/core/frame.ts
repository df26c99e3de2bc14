/**
 * A small header in front of bytes, for places that have nowhere else to keep an entry's lifetime or its full key.
 *
 * Bytes without either stay exactly as they are: a JSON file is JSON. The header starts with two bytes that no UTF-8
 * text starts with; bytes that happen to start with them are given a header too, so `unframe` is never in doubt.
 *
 * ```
 * EE 4D | flags: 1 = expiresAt, 2 = key | expiresAt: float64 | key length: uint32 | key: UTF-8 | payload
 * ```
 *
 * @module
 */

/** Bytes and what the frame around them says. */
export interface Framed {
  /** The bytes themselves. */
  readonly payload: Uint8Array;
  /** Milliseconds since the epoch; `undefined` = never expires. */
  readonly expiresAt?: number | undefined;
  /** The full key, where the place could keep only a part or a hash of it. */
  readonly key?: string | undefined;
}

const MAGIC_0 = 0xee;
const MAGIC_1 = 0x4d;
const HAS_EXPIRES_AT = 1;
const HAS_KEY = 2;

/** The longest header of a frame without a key, in bytes: what suffices to read a lifetime. */
export const FRAME_BYTES = 11;

/** The bytes as they are to be stored. */
export function frame({ payload, expiresAt, key }: Framed): Uint8Array {
  const isPlain = expiresAt === undefined && key === undefined;
  if (isPlain && !(payload[0] === MAGIC_0 && payload[1] === MAGIC_1)) return payload;
  const name = key === undefined ? undefined : new TextEncoder().encode(key);
  const size = 3 + (expiresAt === undefined ? 0 : 8) + (name === undefined ? 0 : 4 + name.length);
  const framed = new Uint8Array(size + payload.length);
  const view = new DataView(framed.buffer);
  framed[0] = MAGIC_0;
  framed[1] = MAGIC_1;
  framed[2] = (expiresAt === undefined ? 0 : HAS_EXPIRES_AT) | (name === undefined ? 0 : HAS_KEY);
  let at = 3;
  if (expiresAt !== undefined) {
    view.setFloat64(at, expiresAt);
    at += 8;
  }
  if (name !== undefined) {
    view.setUint32(at, name.length);
    framed.set(name, at + 4);
  }
  framed.set(payload, size);
  return framed;
}

/**
 * The bytes as they were given, and what the frame says; the payload is a view, not a copy.
 *
 * @throws {RangeError} If the frame is cut off or of an unknown kind.
 */
export function unframe(bytes: Uint8Array): Framed {
  if (bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1) return { payload: bytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = bytes.length > 2 ? view.getUint8(2) : 255;
  if (flags > (HAS_EXPIRES_AT | HAS_KEY)) {
    throw new RangeError("Cannot read frame: it is cut off or of an unknown kind");
  }
  let at = 3;
  let expiresAt: number | undefined;
  let key: string | undefined;
  if (flags & HAS_EXPIRES_AT) {
    expiresAt = view.getFloat64(at);
    at += 8;
  }
  if (flags & HAS_KEY) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) throw new RangeError("Cannot read frame: its key is cut off");
    key = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at + 4, end));
    at = end;
  }
  return { payload: bytes.subarray(at), expiresAt, key };
}
