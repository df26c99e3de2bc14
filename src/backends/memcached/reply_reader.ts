/**
 * Memcached's replies out of the bytes of a connection, however they are cut.
 *
 * @module
 */

const LINE_FEED = 10;
const SPACE = 32;
const ZERO = 48;
const V = 86;
const A = 65;

/** Reads lines, and the value behind each line that starts with `VA`; the values are copies. */
export class ReplyReader {
  readonly #onReply: (line: string, value: Uint8Array | undefined) => void;
  // The begin of a line whose end has not come yet.
  #rest: Uint8Array | undefined;
  #line = "";
  #value: Uint8Array | undefined;
  #filled = 0;

  /** A reader that calls back for each reply, without the line's end. */
  constructor(onReply: (line: string, value: Uint8Array | undefined) => void) {
    this.#onReply = onReply;
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    let chunk = bytes;
    if (this.#rest) {
      chunk = joined(this.#rest, chunk);
      this.#rest = undefined;
    }
    let at = 0;
    while (at < chunk.length) {
      if (this.#value) {
        at = this.#fill(this.#value, chunk, at);
        continue;
      }
      let end = at;
      while (end < chunk.length && chunk[end] !== LINE_FEED) end++;
      if (end === chunk.length) {
        this.#rest = copyOf(chunk, at, end);
        return;
      }
      const start = at;
      at = end + 1;
      const line = textOf(chunk, start, end - 1);
      if (chunk[start] !== V || chunk[start + 1] !== A) {
        this.#onReply(line, undefined);
        continue;
      }
      let size = 0;
      for (let digit = start + 3; chunk[digit]! >= ZERO; digit++) size = size * 10 + chunk[digit]! - ZERO;
      // With the end of its line.
      if (chunk.length - at >= size + 2) {
        const value = copyOf(chunk, at, at + size);
        at += size + 2;
        this.#onReply(line, value);
      } else {
        this.#line = line;
        this.#value = new Uint8Array(size);
        this.#filled = 0;
      }
    }
  }

  #fill(value: Uint8Array, chunk: Uint8Array, at: number): number {
    const size = Math.min(value.length + 2 - this.#filled, chunk.length - at);
    if (this.#filled < value.length) {
      value.set(chunk.subarray(at, Math.min(at + size, at + value.length - this.#filled)), this.#filled);
    }
    this.#filled += size;
    if (this.#filled === value.length + 2) {
      this.#value = undefined;
      this.#onReply(this.#line, value);
    }
    return at + size;
  }
}

/** The tokens behind a reply's first one that start with this letter, such as `c` for the version. */
export function tokenOf(line: string, letter: string): string | undefined {
  const at = line.indexOf(` ${letter}`, 2);
  if (at < 0) return undefined;
  const end = line.indexOf(" ", at + 2);
  return end < 0 ? line.slice(at + 2) : line.slice(at + 2, end);
}

function textOf(chunk: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(chunk[at]!);
  // Some servers leave the carriage return out.
  return chunk[end] === undefined || chunk[end] <= SPACE ? text : text + String.fromCharCode(chunk[end]);
}

// A Buffer's slice() would be a view.
function copyOf(chunk: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset + start, end - start).slice();
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
