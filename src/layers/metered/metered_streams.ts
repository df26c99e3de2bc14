/**
 * Streams that tell how much went through them and how long that took.
 *
 * @module
 */

/** What there is to say of a stream that has ended. */
export interface StreamEnd {
  /** How many bytes went through. */
  readonly bytes: number;
  /** How long the backend took, without the time between two chunks that was not its own. */
  readonly milliseconds: number;
  /** Why it ended before its end; a reader that leaves is no failure. */
  readonly failure?: { readonly cause: unknown } | undefined;
}

/** The same stream; `onEnd` is called once, when it was read to its end, was left or has failed. */
export function meteredReadable(
  inner: ReadableStream<Uint8Array>,
  onEnd: (end: StreamEnd) => void,
): ReadableStream<Uint8Array> {
  const reader = inner.getReader();
  const meter = new StreamMeter(onEnd);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await meter.time(() => reader.read());
      if (done) {
        meter.end();
        return controller.close();
      }
      meter.bytes += value.byteLength;
      controller.enqueue(value);
    },
    async cancel(reason) {
      await meter.time(() => reader.cancel(reason));
      meter.end();
    },
  }, { highWaterMark: 0 });
}

/** The same stream; `onEnd` is called once, when it was closed, was aborted or has failed. */
export function meteredWritable(
  inner: WritableStream<Uint8Array>,
  onEnd: (end: StreamEnd) => void,
): WritableStream<Uint8Array> {
  const writer = inner.getWriter();
  const meter = new StreamMeter(onEnd);
  return new WritableStream<Uint8Array>({
    start(controller) {
      writer.closed.catch((cause) => {
        meter.fail(cause);
        controller.error(cause);
      });
    },
    async write(chunk) {
      await meter.time(() => writer.write(chunk));
      meter.bytes += chunk.byteLength;
    },
    async close() {
      await meter.time(() => writer.close());
      meter.end();
    },
    async abort(reason) {
      meter.fail(reason);
      await writer.abort(reason);
    },
  });
}

class StreamMeter {
  bytes = 0;
  #milliseconds = 0;
  #isOver = false;
  readonly #onEnd: (end: StreamEnd) => void;

  constructor(onEnd: (end: StreamEnd) => void) {
    this.#onEnd = onEnd;
  }

  async time<T>(task: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await task().finally(() => this.#milliseconds += performance.now() - start);
    } catch (cause) {
      this.fail(cause);
      throw cause;
    }
  }

  end(failure?: StreamEnd["failure"]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd({ bytes: this.bytes, milliseconds: this.#milliseconds, failure });
  }

  fail(cause: unknown): void {
    this.end({ cause });
  }
}
