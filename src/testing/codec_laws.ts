/**
 * The laws that every codec obeys; for any test runner.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { isEqual } from "../core/equality.ts";
import { expect, expectEqual, expectRejection, isStoreError } from "./expect.ts";

/** A codec, and what is claimed of it. */
export interface CodecSubject {
  /** The codec itself. */
  readonly codec: Codec<unknown, Uint8Array>;
  /** Values that it keeps; at least one. */
  readonly values: readonly unknown[];
  /** Values that it refuses. @default {none} */
  readonly refused?: readonly unknown[] | undefined;
  /** Bytes that it did not write and does not read. @default {none} */
  readonly corrupt?: readonly Uint8Array[] | undefined;
  /** Whether encoded bytes that were cut off, or have something behind them, are never read. @default {false} */
  readonly whole?: boolean | undefined;
  /** Whether equal values have equal bytes. @default {false} */
  readonly deterministic?: boolean | undefined;
  /** When a value has come back; for values whose parts are beyond the default. @default {same kind, same parts} */
  readonly equal?: ((actual: unknown, expected: unknown) => boolean) | undefined;
}

/** One law. */
export interface CodecLaw {
  /** The law in one sentence. */
  readonly title: string;
  /** What of a {@linkcode CodecSubject} it is about. @default {any codec} */
  readonly needs?: readonly (keyof CodecSubject)[] | undefined;
  /** Resolves if the codec obeys; rejects with what is wrong. */
  run(subject: CodecSubject): Promise<void>;
}

const MIXED = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251);

/** All laws; those whose `needs` are not claimed of a codec do not apply to it. */
export const codecLaws: readonly CodecLaw[] = [
  {
    title: "a codec has a name, and an extension that is empty or starts with a dot",
    run: ({ codec: { name, extension = "" } }) =>
      new Promise((resolve) => {
        expect(name !== "", "the name is empty");
        expect(/^(\.[\w-]+)*$/.test(extension), `the extension ${JSON.stringify(extension)} is none`);
        resolve();
      }),
  },
  {
    title: "what is encoded comes back equal",
    async run({ codec, values, equal = isEqual }) {
      expect(values.length > 0, "there are no values");
      for (const [i, value] of values.entries()) {
        const raw = await codec.encode(value);
        expect(raw instanceof Uint8Array, `values[${i}]: encoded to something else than bytes`);
        const decoded = await codec.decode(raw);
        if (!equal(decoded, value)) expectEqual(decoded, value, `values[${i}] did not come back`);
      }
    },
  },
  {
    title: "encode() leaves its value as it is",
    async run({ codec, values, equal = isEqual }) {
      for (const [i, value] of values.entries()) {
        const before = copyOf(value);
        if (before === undefined || !equal(value, before)) continue;
        await codec.encode(value);
        expect(equal(value, before), `values[${i}] was changed`);
      }
    },
  },
  {
    title: "decode() leaves its bytes as they are, wherever they lie in a buffer",
    async run({ codec, values, equal = isEqual }) {
      for (const [i, value] of values.entries()) {
        const raw = await codec.encode(value);
        const lying = new Uint8Array(raw.length + 7).fill(0x22);
        lying.set(raw, 3);
        const part = lying.subarray(3, 3 + raw.length);
        const decoded = [await codec.decode(part), await codec.decode(part)];
        expect(decoded.every((one) => equal(one, value)), `values[${i}] did not come back twice`);
        expectEqual(new Uint8Array(part), new Uint8Array(raw), `the bytes of values[${i}]`);
      }
    },
  },
  {
    title: "values that are encoded and decoded at the same time stay apart",
    async run({ codec, values, equal = isEqual }) {
      const many = Array.from({ length: 20 }, () => values).flat();
      const raws = await Promise.all(many.map(async (value) => await codec.encode(value)));
      const decoded = await Promise.all(raws.map(async (raw) => await codec.decode(raw)));
      for (const [i, value] of many.entries()) {
        expect(equal(decoded[i], value), `values[${i % values.length}] got mixed up`);
      }
    },
  },
  {
    title: "equal values have equal bytes",
    needs: ["deterministic"],
    async run({ codec, values }) {
      for (const [i, value] of values.entries()) {
        expectEqual(await codec.encode(value), await codec.encode(value), `the bytes of values[${i}]`);
      }
    },
  },
  {
    title: "a value that cannot be kept is refused with a TypeError",
    needs: ["refused"],
    async run({ codec, refused = [] }) {
      for (const [i, value] of refused.entries()) {
        await expectRejection(() => codec.encode(value), (error) => error instanceof TypeError, `refused[${i}]`);
      }
    },
  },
  {
    title: "bytes that it did not write are rejected, and not quoted",
    needs: ["corrupt"],
    async run({ codec, corrupt = [] }) {
      for (const [i, bytes] of corrupt.entries()) {
        const start = new TextDecoder().decode(bytes).slice(0, 8);
        await expectRejection(
          () => codec.decode(bytes),
          (error) => start.length < 8 || !messagesOf(error).includes(start),
          `corrupt[${i}]`,
        );
      }
    },
  },
  {
    title: "bytes that end early, or have something behind them, are rejected",
    needs: ["whole"],
    async run({ codec, values }) {
      for (const [i, value] of values.entries()) {
        const raw = await codec.encode(value);
        const step = Math.ceil(raw.length / 64);
        for (let length = 0; length < raw.length; length += length > raw.length - 16 ? 1 : step) {
          const what = `values[${i}], ${length} of ${raw.length} bytes`;
          await expectRejection(() => codec.decode(raw.slice(0, length)), () => true, what);
        }
        for (const tail of [[0], [1, 2, 3]]) {
          const what = `values[${i}] and ${tail.length} more bytes`;
          await expectRejection(() => codec.decode(Uint8Array.of(...raw, ...tail)), () => true, what);
        }
      }
    },
  },
  {
    title: "streams do what encode() and decode() do, or are refused with unsupported",
    async run({ codec, values, whole = false }) {
      const { streams } = codec;
      if (!streams) return;
      const refusal = refusalOf(() => streams.encode());
      expectEqual(refusalOf(() => streams.decode()), refusal, "the refusals of both ways");
      if (refusal) return;
      const isOfBytes = values.every((value) => value instanceof Uint8Array);
      for (const bytes of [new Uint8Array(), Uint8Array.of(1), MIXED, ...isOfBytes ? values as Uint8Array[] : []]) {
        for (const size of [1, 1000, Infinity].filter((size) => bytes.length / size < 10_000)) {
          const encoded = await pass(bytes, streams.encode(), size);
          expectEqual(await pass(encoded, streams.decode(), size), bytes, `streamed by ${size} bytes`);
          if (!isOfBytes) continue;
          expectEqual(await codec.decode(encoded), bytes, `streamed by ${size} bytes, then decoded`);
          expectEqual(await pass(await codec.encode(bytes), streams.decode(), size), bytes, "encoded, then streamed");
          if (!whole || encoded.length > 1000) continue;
          await expectRejection(
            () => pass(encoded.slice(0, -1), streams.decode(), size),
            () => true,
            "a stream cut off",
          );
        }
      }
    },
  },
];

/**
 * The laws that apply to a codec of which this is claimed.
 *
 * @example Judge a codec
 * ```ts
 * import { json } from "@everymap/everymap";
 * import { codecLawsFor } from "@everymap/everymap/testing";
 *
 * const subject = { codec: json(), values: [1, "two", { three: [3] }], refused: [() => 4], deterministic: true };
 * for (const law of codecLawsFor(subject)) await law.run(subject);
 * ```
 */
export function codecLawsFor(subject: CodecSubject): readonly CodecLaw[] {
  return codecLaws.filter(({ needs = [] }) => needs.every((need) => subject[need]));
}

/** The bytes after a stream that was given them in chunks of this size. */
async function pass(
  bytes: Uint8Array,
  { readable, writable }: TransformStream<Uint8Array, Uint8Array>,
  size: number,
): Promise<Uint8Array> {
  const writer = writable.getWriter();
  const write = async () => {
    for (let at = 0; at < bytes.length; at += size) await writer.write(bytes.slice(at, at + size));
    await writer.close();
  };
  const written = write();
  // The reading side rejects as well.
  written.catch(() => {});
  const chunks: number[] = [];
  const reader = readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    for (const byte of next.value) chunks.push(byte);
  }
  await written;
  return Uint8Array.from(chunks);
}

function refusalOf(make: () => unknown): string | undefined {
  try {
    make();
  } catch (error) {
    expect(isStoreError("unsupported")(error), "a stream is refused with something else than unsupported");
    return "unsupported";
  }
  return undefined;
}

function messagesOf(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${messagesOf(error.cause)}` : `${error}`;
}

// What cannot be cloned exactly cannot be compared with how it was before.
function copyOf(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return undefined;
  }
}
