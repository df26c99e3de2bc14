/**
 * Keys that start with a prefix, as a range in the order of their UTF-8 bytes, which an index can answer.
 *
 * @module
 */

/** From the first one, inclusive, to the second one, exclusive. */
export type KeyRange = readonly [from: string, to: string | Uint8Array];

// In SQLite every BLOB comes after every TEXT.
const AFTER_ALL_TEXT = new Uint8Array([255]);
const NOTHING: KeyRange = ["", ""];

/** The range of the keys that start with the prefix. */
export function keyRange(prefix = ""): KeyRange {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  const last = points.at(-1) ?? 0;
  if (!prefix.isWellFormed()) {
    const start = points.slice(0, -1);
    // As the start of a string the first half of a pair stands for the 1,024 characters that share it.
    if (!isHighSurrogate(last) || start.some(isSurrogate)) return NOTHING;
    const first = 0x10000 + (last - 0xd800) * 0x400;
    return [String.fromCodePoint(...start, first), successor([...start, first + 0x3ff])];
  }
  return [prefix, successor(points)];
}

function successor(points: number[]): string | Uint8Array {
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    if (point < 0x10ffff) return String.fromCodePoint(...points, point === 0xd7ff ? 0xe000 : point + 1);
  }
  return AFTER_ALL_TEXT;
}

function isHighSurrogate(point: number): boolean {
  return point >= 0xd800 && point <= 0xdbff;
}

function isSurrogate(point: number): boolean {
  return point >= 0xd800 && point <= 0xdfff;
}
