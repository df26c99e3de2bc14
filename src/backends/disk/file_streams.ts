/**
 * Entries as streams: read from a file that stays the same while it is read, written to one that appears when it is whole.
 *
 * @module
 */

import { frame } from "../../core/frame.ts";
import type { FileReader, FileWriter } from "../../platform/file_system.ts";

const CHUNK = 65_536;

/** The rest of a file behind bytes that were read already; the file is closed at the end. */
export function readableFrom(
  file: FileReader,
  start: Uint8Array,
  toError: (cause: unknown) => unknown,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let rest = start;
  return new ReadableStream({
    async pull(controller) {
      try {
        const chunk = new Uint8Array(CHUNK);
        let length = rest.length;
        if (length > 0) chunk.set(rest);
        else length = await file.read(chunk);
        rest = new Uint8Array();
        if (length > 0) return controller.enqueue(chunk.subarray(0, length));
        await file.close();
        controller.close();
      } catch (cause) {
        await file.close().catch(() => {});
        throw toError(cause);
      }
    },
    cancel: () => file.close(),
  }, { highWaterMark: 0 });
}

/** What a stream into a file needs to know. */
export interface WritableFileOptions {
  /** What the frame says of the bytes. */
  readonly meta: { readonly expiresAt: number | undefined; readonly key: string | undefined };
  /** Ends the stream; nothing is written then. */
  readonly signal: AbortSignal | undefined;
  /** Whether the bytes have to survive a power failure. */
  readonly sync: boolean;
  /** Makes the file the entry, once it is closed. */
  commit(): Promise<void>;
  /** Removes the file. */
  discard(): Promise<void>;
  /** The error that the writer of the stream gets. */
  toError(cause: unknown): unknown;
}

/** A stream into a file. It ends in one of two ways: the entry is there as a whole, or nothing is. */
export function writableInto(file: FileWriter, options: WritableFileOptions): WritableStream<Uint8Array> {
  const { meta, signal } = options;
  // The frame is written when there are two bytes: they decide whether plain bytes need one.
  let start: Uint8Array | undefined = new Uint8Array();
  let isOver = false;

  const discard = async () => {
    if (isOver) return;
    isOver = true;
    signal?.removeEventListener("abort", onAbort);
    await file.close().catch(() => {});
    await options.discard();
  };
  const fail = async (cause: unknown) => {
    await discard();
    return cause === signal?.reason && signal?.aborted ? cause : options.toError(cause);
  };
  let onAbort = () => {};

  return new WritableStream<Uint8Array>({
    start(controller) {
      onAbort = () => {
        controller.error(signal!.reason);
        void discard();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    },
    async write(chunk) {
      try {
        if (!(chunk instanceof Uint8Array)) throw new TypeError("Cannot write to the stream: a chunk must be bytes");
        if (start === undefined) return await file.write(chunk);
        const longer: Uint8Array = new Uint8Array(start.length + chunk.length);
        longer.set(start);
        longer.set(chunk, start.length);
        start = longer;
        if (start.length < 2) return;
        start = undefined;
        await file.write(frame({ payload: longer, ...meta }));
      } catch (cause) {
        throw await fail(cause);
      }
    },
    async close() {
      try {
        if (start !== undefined) await file.write(frame({ payload: start, ...meta }));
        if (options.sync) await file.sync();
        await file.close();
        signal?.throwIfAborted();
        isOver = true;
        signal?.removeEventListener("abort", onAbort);
      } catch (cause) {
        throw await fail(cause);
      }
      try {
        await options.commit();
      } catch (cause) {
        throw options.toError(cause);
      }
    },
    abort: discard,
  });
}
