/**
 * What is to be sent to a memcached, put together so that it goes out in as few writes as will do.
 *
 * @module
 */

/** Values up to this size are copied beside their command; larger ones go out as they are. */
const COPIED_BYTES = 16_384;
// Sockets make one of these of everything else, which takes longer than all that is done here; and its memory is pooled.
const { Buffer: POOL } = globalThis as { Buffer?: { allocUnsafe(size: number): Uint8Array } };
const encoder = new TextEncoder();

/** Commands and their values. */
export class Output {
  #parts: (string | Uint8Array)[] = [];
  #size = 0;
  #hasValues = false;
  #hasLarge = false;

  /** Whether there is nothing to be sent. */
  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** Adds a command, and the value behind it. */
  push(head: string, value?: Uint8Array): void {
    this.#size += head.length;
    if (value === undefined) return void this.#parts.push(head);
    this.#parts.push(head, value, "\r\n");
    this.#size += value.length + 2;
    this.#hasValues = true;
    if (value.length > COPIED_BYTES) this.#hasLarge = true;
  }

  /** Takes it all: one part, but for large values. */
  take(): readonly (string | Uint8Array)[] {
    const parts = this.#parts;
    const size = this.#size;
    const taken = this.#hasLarge
      ? around(parts)
      : this.#hasValues
      ? [copied(parts, size)]
      : parts.length === 1
      ? parts
      : [parts.join("")];
    this.#parts = [];
    this.#size = 0;
    this.#hasValues = this.#hasLarge = false;
    return taken;
  }
}

/** Large values as they are, and what stands between them in one part each. */
function around(parts: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  const taken: (string | Uint8Array)[] = [];
  let from = 0;
  const take = (to: number) => {
    const between = parts.slice(from, to);
    taken.push(copied(between, between.reduce((size, { length }) => size + length, 0)));
  };
  for (const [at, part] of parts.entries()) {
    if (typeof part === "string" || part.length <= COPIED_BYTES) continue;
    take(at);
    taken.push(part);
    from = at + 1;
  }
  take(parts.length);
  return taken;
}

/** One array of all of it, of so many bytes if all heads are ASCII, as they are but for some keys. */
function copied(parts: readonly (string | Uint8Array)[], size: number): Uint8Array {
  const sent = POOL?.allocUnsafe(size) ?? new Uint8Array(size);
  let at = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    if (typeof part !== "string") {
      sent.set(part, at);
      at += part.length;
      continue;
    }
    // For so few bytes that takes less than an encoder does.
    for (let from = 0; from < part.length; from++) {
      const code = part.charCodeAt(from);
      if (code > 127) return encodedToo(parts);
      sent[at++] = code;
    }
  }
  return sent;
}

function encodedToo(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const all = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  return copied(all, all.reduce((size, { length }) => size + length, 0));
}
