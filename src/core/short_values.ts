/**
 * Short values that a compression leaves as they are, because it would make them longer.
 *
 * No mark is added: what was compressed is known by how its format begins. Short bytes that happen to begin so are
 * compressed all the same, which keeps the two apart.
 *
 * @module
 */

import type { Codec } from "./codec.ts";

/** How many bytes tell a format. */
const START_BYTES = 4;

type Bytes = TransformStream<Uint8Array, Uint8Array>;

/**
 * The codec, but for values shorter than `minBytes`; with 0 the codec itself. As not every value has its coding, it names
 * none.
 *
 * @throws {RangeError} If `minBytes` is no number from 0 on.
 */
export function sparingShort(
  codec: Codec<Uint8Array, Uint8Array>,
  minBytes = 0,
  isEncoded: (start: Uint8Array) => boolean,
): Codec<Uint8Array, Uint8Array> {
  if (!(minBytes >= 0)) throw new RangeError(`Cannot make ${codec.name}: minBytes must be 0 or more`);
  if (minBytes === 0) return codec;
  return {
    ...codec,
    contentEncoding: undefined,
    encode: (bytes, key) =>
      bytes instanceof Uint8Array && bytes.length < minBytes && !isEncoded(bytes) ? bytes : codec.encode(bytes, key),
    decode: (raw, key) => isEncoded(raw) ? codec.decode(raw, key) : raw,
    streams: codec.streams && {
      encode: codec.streams.encode,
      decode: () => eitherWay(isEncoded, codec.streams!.decode),
    },
  };
}

/** A stream that decodes what begins as it should, and passes on what does not. */
function eitherWay(isEncoded: (start: Uint8Array) => boolean, decode: () => Bytes): Bytes {
  let start = new Uint8Array();
  let isRaw = false;
  let decoding: { readonly writer: WritableStreamDefaultWriter<Uint8Array>; readonly done: Promise<void> } | undefined;

  const choose = async (controller: TransformStreamDefaultController<Uint8Array>): Promise<void> => {
    isRaw = !isEncoded(start);
    if (isRaw) return controller.enqueue(start);
    const { readable, writable } = decode();
    const writer = writable.getWriter();
    const done = readable.pipeTo(new WritableStream({ write: (chunk) => controller.enqueue(chunk) }));
    done.catch(() => {});
    decoding = { writer, done };
    await writer.write(start);
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      if (isRaw) controller.enqueue(chunk);
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
      await decoding?.writer.close();
      await decoding?.done;
    },
  });
}
