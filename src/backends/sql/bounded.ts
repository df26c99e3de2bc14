/**
 * An answer in time, or none.
 *
 * @module
 */

/** The answer; or the error after so many milliseconds, or the reason of the signal, if that comes first. */
export function bounded<T>(
  answer: Promise<T>,
  timeout: number,
  late: () => Error,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal!.reason);
    // A timer that counts further is due at once.
    const timer = timeout > 0x7fff_ffff ? undefined : setTimeout(() => reject(late()), timeout);
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    answer.then(resolve, reject).then(end, end);
  });
}
