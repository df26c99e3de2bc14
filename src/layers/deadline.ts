/**
 * An end to every call.
 *
 * @module
 */

import { type Awaitable, isPending } from "../core/awaitable.ts";
import type { Backend, ByteBackend, ListOptions } from "../core/backend.ts";
import { intercept } from "../core/intercept.ts";
import { type KeySteps, stepsOf } from "../core/keys.ts";
import { type Duration, toMilliseconds } from "../core/lifetime.ts";
import { StoreError } from "../core/store_error.ts";

/** The longest wait that a timer can be set to. */
const MAX_TIMER = 2_147_483_647;

/**
 * A backend whose every call ends in time, each step of a listing for itself: after `milliseconds` with `timeout`, which
 * is retryable. The inner call is aborted then; whether a write took effect is not known. Of streams only the opening is
 * timed.
 *
 * @throws {RangeError} If the time is not above 0.
 *
 * @example
 * ```ts
 * import { memory, Store, StoreError } from "@everymap/everymap";
 * import { deadline } from "@everymap/everymap/layers/deadline";
 * import { faulty } from "@everymap/everymap/testing";
 * import { assertRejects } from "@std/assert";
 *
 * const store = new Store(deadline(faulty(memory<number>(), { fault: "hang" }), 5));
 * await assertRejects(() => store.get("ada"), StoreError, "no answer in 5 ms");
 * ```
 */
export function deadline(inner: ByteBackend, milliseconds: number | Duration): ByteBackend;
/** The same over a backend of values. */
export function deadline<V>(inner: Backend<V>, milliseconds: number | Duration): Backend<V>;
export function deadline<V>(inner: Backend<V>, milliseconds: number | Duration): Backend<V> {
  const ms = toMilliseconds(milliseconds, "deadline");
  if (!(ms > 0)) throw new RangeError("Cannot make deadline: the time must be above 0 ms");

  /** The answer, or an error in time, after which the controller is aborted. */
  function limit<T>(
    answer: Awaitable<T>,
    operation: string,
    key: string | undefined,
    controller: AbortController,
    signal?: AbortSignal,
  ): Awaitable<T> {
    if (!isPending(answer)) return answer;
    return new Promise<T>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      const fail = (reason: unknown) => {
        settle();
        reject(reason);
        controller.abort(reason);
      };
      const abort = () => fail(signal!.reason);
      const timer = ms > MAX_TIMER ? undefined : setTimeout(() => {
        fail(new StoreError("timeout", { store: inner.name, operation, key, reason: `no answer in ${ms} ms` }));
      }, ms);
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort);
      answer.then((value) => {
        settle();
        resolve(value);
      }, (error) => {
        settle();
        reject(error);
      });
    });
  }

  const joined = (controller: AbortController, signal: AbortSignal | undefined) =>
    signal ? AbortSignal.any([controller.signal, signal]) : controller.signal;

  function list(options?: ListOptions): AsyncIterable<string> {
    const signal = options?.signal;
    const controller = new AbortController();
    const steps: KeySteps = stepsOf(inner.list({ ...options, signal: joined(controller, signal) }));
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => await limit(steps.next(), "list", undefined, controller, signal) as IteratorResult<string>,
        return: async () => {
          // Whoever hangs in a step would hang in this as well.
          if (!controller.signal.aborted && steps.return) {
            await limit(steps.return(), "list", undefined, controller, signal);
          }
          return { done: true, value: undefined };
        },
      }),
    };
  }

  return intercept(inner, ({ operation, key, options }, run) => {
    const controller = new AbortController();
    const answer = run(joined(controller, options?.signal));
    return limit(answer, operation, key, controller, options?.signal);
  }, {
    list,
    readSync: (key) => inner.readSync!(key),
    writeSync: (key, value, expiresAt) => inner.writeSync!(key, value, expiresAt),
    withFormat: (format) => deadline(inner.withFormat!(format), ms),
  });
}
