/**
 * Short values that a compression leaves as they are, because it would make them longer.
 *
 * No mark is added: what was compressed is known by how its format begins. Short bytes that happen to begin so are
 * compressed all the same, which keeps the two apart.
 *
 * @module
 */

import type { Codec } from "./codec.ts";
import { StoreError } from "./store_error.ts";

/** How many bytes tell a format. */
const START_BYTES = 4;

type Bytes = TransformStream<Uint8Array, Uint8Array>;

/** What {@linkcode sparingShort} is told. */
export interface ShortValuesOptions {
  /** Values of fewer bytes are kept as they are. @default {0} */
  readonly minBytes?: number | undefined;
  /** The most bytes that decoding may give. @default {Infinity} */
  readonly maxBytes?: number | undefined;
}

/**
 * The codec, but for values shorter than `minBytes`; with 0 the codec itself. As not every value has its coding, it names
 * none.
 *
 * @throws {RangeError} If `minBytes` is no number from 0 on.
 */
export function sparingShort(
  codec: Codec<Uint8Array, Uint8Array>,
  { minBytes = 0, maxBytes = Infinity }: ShortValuesOptions,
  isEncoded: (start: Uint8Array) => boolean,
): Codec<Uint8Array, Uint8Array> {
  if (!(minBytes >= 0)) throw new RangeError(`Cannot make ${codec.name}: minBytes must be 0 or more`);
  if (minBytes === 0) return codec;
  const checkLength = (length: number): void => {
    if (length <= maxBytes) return;
    throw new StoreError("too-large", { store: codec.name, operation: "read", reason: `more than ${maxBytes} bytes` });
  };
  return {
    ...codec,
    contentEncoding: undefined,
    encode: (bytes, key) =>
      bytes instanceof Uint8Array && bytes.length < minBytes && !isEncoded(bytes)
        ? plain(bytes)
        : codec.encode(bytes, key),
    decode(raw, key) {
      if (isEncoded(raw)) return codec.decode(raw, key);
      checkLength(raw.length);
      return plain(raw);
    },
    streams: codec.streams && {
      encode: codec.streams.encode,
      decode: () => eitherWay(isEncoded, codec.streams!.decode, checkLength),
    },
  };
}

/** A stream that decodes what begins as it should, and passes on what does not. */
function eitherWay(
  isEncoded: (start: Uint8Array) => boolean,
  decode: () => Bytes,
  checkLength: (length: number) => void,
): Bytes {
  let passed = 0;
  let start = new Uint8Array();
  let isRaw = false;
  let decoding: { readonly writer: WritableStreamDefaultWriter<Uint8Array>; readonly done: Promise<void> } | undefined;

  const pass = (chunk: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void => {
    checkLength(passed += chunk.length);
    controller.enqueue(chunk);
  };
  const choose = async (controller: TransformStreamDefaultController<Uint8Array>): Promise<void> => {
    isRaw = !isEncoded(start);
    if (isRaw) return pass(start, controller);
    const { readable, writable } = decode();
    const writer = writable.getWriter();
    const done = readable.pipeTo(new WritableStream({ write: (chunk) => controller.enqueue(chunk) }));
    done.catch(() => {});
    decoding = { writer, done };
    await writer.write(start);
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      if (isRaw) pass(chunk, controller);
      else if (decoding) await decoding.writer.write(chunk);
      else {
        start = Uint8Array.of(...start, ...chunk.subarray(0, START_BYTES));
        const rest = chunk.subarray(START_BYTES);
        if (start.length < START_BYTES) return;
        await choose(controller);
        if (rest.length > 0) await this.transform!(rest, controller);
      }
    },
    async flush(controller) {
      if (!isRaw && !decoding) await choose(controller);
      // Why it failed is what `done` says; closing only says that it did.
      decoding?.writer.close().catch(() => {});
      await decoding?.done;
    },
  });
}

// Some places answer with a class of their own, such as Node's Buffer.
function plain(bytes: Uint8Array): Uint8Array {
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
