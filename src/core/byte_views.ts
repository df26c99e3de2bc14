/**
 * The kinds of views of bytes, by name.
 *
 * @module
 */

/** What makes a view of a whole buffer. */
export type ByteView = new (buffer: ArrayBufferLike) => ArrayBufferView;

/** The names of all kinds but `Uint8Array`, which formats keep in a shorter way. */
export const BYTE_VIEWS: readonly string[] = [
  "Int8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "DataView",
];

/** The kind of that name; a platform may lack one. */
export function byteView(name: string): ByteView | undefined {
  return (globalThis as unknown as Record<string, ByteView | undefined>)[name];
}
