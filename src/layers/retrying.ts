/**
 * Once more, when a store is out of reach for a moment.
 *
 * @module
 */

import { abortable, type Awaitable, isPending } from "../core/awaitable.ts";
import type { Backend, ByteBackend, ListOptions } from "../core/backend.ts";
import { type Call, intercept } from "../core/intercept.ts";
import { notify } from "../core/notify.ts";
import { checkOptions } from "../core/options.ts";

/** A call that failed and is about to be repeated. */
export interface Retry {
  /** Name of the backend. */
  readonly store: string;
  /** What was asked for: `read`, `write`, `list`. */
  readonly operation: string;
  /** Which repetition this will be, from 1 on. */
  readonly attempt: number;
  /** How long it waits first, in milliseconds. */
  readonly delay: number;
  /** What went wrong. */
  readonly error: unknown;
}

/** How {@linkcode retrying} behaves. */
export interface RetryingOptions {
  /** How often a call is repeated at most. @default {3} */
  readonly retries?: number | undefined;
  /** The longest wait before the first repetition, in milliseconds; it doubles with each. @default {50} */
  readonly minDelay?: number | undefined;
  /** The longest wait of all, in milliseconds. @default {2000} */
  readonly maxDelay?: number | undefined;
  /** Called before each wait; what it throws is dropped. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /** Waits so many milliseconds, or less if the signal ends it. @default {by `setTimeout`} */
  readonly wait?: ((milliseconds: number, signal?: AbortSignal) => PromiseLike<unknown>) | undefined;
}

/**
 * A backend that repeats calls which fail with `retryable: true`, after a random wait that grows (full jitter). What may
 * have happened although its reply was lost is repeated only where doing it twice is the same as once:
 *
 * - reads, counts, plain writes, removals, `clear` and `touch` are; a listing is until its first key was seen;
 * - conditional calls and `take` never are: their second answer would contradict what the first one did.
 *
 * A removal that succeeded only when repeated answers what its last attempt found, so `false` may mean that the first one
 * removed the entry.
 *
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a number is negative or `NaN`.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { retrying } from "@everymap/everymap/layers/retrying";
 * import { faulty } from "@everymap/everymap/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const shaky = faulty(memory<number>(), { times: 2 });
 * const store = new Store(retrying(shaky, { minDelay: 1 }));
 * await store.set("ada", 1815);
 * assertEquals(await store.get("ada"), 1815);
 * ```
 */
export function retrying(inner: ByteBackend, options?: RetryingOptions): ByteBackend;
/** The same over a backend of values. */
export function retrying<V>(inner: Backend<V>, options?: RetryingOptions): Backend<V>;
export function retrying<V>(inner: Backend<V>, options: RetryingOptions = {}): Backend<V> {
  checkOptions("retrying", options, ["retries", "minDelay", "maxDelay", "onRetry", "wait"]);
  const { retries = 3, minDelay = 50, maxDelay = 2000, onRetry, wait = sleep } = options;
  for (const [name, number] of Object.entries({ retries, minDelay, maxDelay })) {
    if (!(number >= 0)) throw new RangeError(`Cannot make retrying: ${name} must be a number from 0 on`);
  }

  /** Waits before a repetition, or throws the error if there is to be none. */
  async function pause(operation: string, attempt: number, error: unknown, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (attempt > retries || (error as { retryable?: unknown } | undefined)?.retryable !== true) throw error;
    const delay = Math.random() * Math.min(maxDelay, minDelay * 2 ** (attempt - 1));
    if (onRetry) notify(onRetry, { store: inner.name, operation, attempt, delay, error });
    await abortable(wait(delay, signal), signal);
    signal?.throwIfAborted();
  }

  async function repeat<T>({ operation, options }: Call, run: () => Awaitable<T>, failure: unknown): Promise<T> {
    for (let attempt = 1;; attempt++) {
      await pause(operation, attempt, failure, options?.signal);
      try {
        return await run();
      } catch (error) {
        failure = error;
      }
    }
  }

  async function* list(options?: ListOptions): AsyncGenerator<string, void> {
    let isSeen = false;
    for (let attempt = 1;; attempt++) {
      try {
        for await (const key of inner.list(options)) {
          isSeen = true;
          yield key;
        }
        return;
      } catch (error) {
        if (isSeen) throw error;
        await pause("list", attempt, error, options?.signal);
      }
    }
  }

  return intercept(inner, (call, run) => {
    if (call.method === "take" || call.options?.condition !== undefined) return run();
    try {
      const answer = run();
      return isPending(answer) ? answer.then(undefined, (error) => repeat(call, run, error)) : answer;
    } catch (error) {
      return repeat(call, run, error);
    }
  }, { list, withFormat: (format) => retrying(inner.withFormat!(format), options) });
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
