/**
 * Answers that may be there already: what lets a store in memory stay synchronous inside.
 *
 * @module
 */

/** A value, or the promise of one. */
export type Awaitable<T> = T | PromiseLike<T>;

/** Whether an answer still has to be awaited; awaiting one that is there would cost a turn of the microtask queue. */
export function isPending<T>(answer: Awaitable<T>): answer is PromiseLike<T> {
  return typeof (answer as PromiseLike<T> | undefined | null)?.then === "function";
}

/** The answer, or the reason of the signal if that comes first: for places that do not listen to signals themselves. */
export function abortable<T>(answer: Awaitable<T>, signal?: AbortSignal): Awaitable<T> {
  if (!signal || !isPending(answer)) return answer;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    answer.then(resolve, reject).then(() => signal.removeEventListener("abort", abort));
  });
}

/** The answer after one more step, at once if the answer is there. */
export function andThen<T, U>(answer: Awaitable<T>, step: (value: T) => Awaitable<U>): Awaitable<U> {
  return isPending(answer) ? answer.then(step) : step(answer);
}
