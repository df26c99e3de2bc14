/**
 * The bytes of an object as a stream that goes on where a connection broke.
 *
 * @module
 */

/** A stream of bytes that begins at an offset. */
export type OpenAt = (offset: number) => Promise<ReadableStream<Uint8Array>>;

/** How many times in a row a stream is taken up again without any byte in between. */
const MOST_TRIES = 5;

/**
 * A stream of exactly so many bytes; where one ends early or breaks, the next one begins.
 *
 * @throws {unknown} What opening throws.
 */
export function resuming(
  first: ReadableStream<Uint8Array>,
  { length, openAt, signal, broken }: {
    readonly length: number;
    readonly openAt: OpenAt;
    readonly signal?: AbortSignal | undefined;
    /** The error of a stream that cannot be taken up. */
    broken(cause: unknown): unknown;
  },
): ReadableStream<Uint8Array> {
  let reader = first.getReader();
  let offset = 0;
  let tries = 0;
  let stop = () => {};
  const next = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    let cause: unknown;
    try {
      const { done, value } = await reader.read();
      if (!done && offset + value.length <= length) {
        offset += value.length;
        tries = 0;
        controller.enqueue(value);
        return;
      }
      if (done && offset === length) {
        stop();
        return controller.close();
      }
      if (!done) await reader.cancel();
    } catch (error) {
      cause = error;
    }
    signal?.throwIfAborted();
    if (tries++ === MOST_TRIES) throw broken(cause);
    if (offset === length) {
      stop();
      return controller.close();
    }
    reader = (await openAt(offset)).getReader();
    await next(controller);
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (!signal) return;
      const abort = () => {
        controller.error(signal.reason);
        reader.cancel(signal.reason).catch(() => {});
      };
      signal.addEventListener("abort", abort, { once: true });
      stop = () => signal.removeEventListener("abort", abort);
    },
    async pull(controller) {
      try {
        await next(controller);
      } catch (error) {
        stop();
        throw error;
      }
    },
    async cancel(reason) {
      stop();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
