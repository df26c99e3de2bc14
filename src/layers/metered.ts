/**
 * What a store is asked and how it does: an event per call, and counters.
 *
 * @module
 */

import { type Awaitable, isPending } from "../core/awaitable.ts";
import type { Backend, ByteBackend, Entry, ListOptions } from "../core/backend.ts";
import { type Call, intercept } from "../core/intercept.ts";
import { notify } from "../core/notify.ts";
import { meteredReadable, meteredWritable, type StreamEnd } from "./metered/metered_streams.ts";

/** One call that has ended; it holds no keys and no values. */
export interface CallEvent {
  /** Name of the backend. */
  readonly store: string;
  /** What was asked for: `read`, `write`, `remove`, `list`, `clear`, `count`, `touch`, `prune`. */
  readonly operation: string;
  /** How many keys the call was about; how many a listing gave. */
  readonly keys: number;
  /** How many of the keys asked for were there. */
  readonly hits: number;
  /** How many bytes were read or written, of values that are bytes; 0 of what was not written in the end. */
  readonly bytes: number;
  /** `hit` and `miss` when something was asked for (a `hit`: all of it was there), otherwise `ok`; or `error`. */
  readonly outcome: "hit" | "miss" | "ok" | "error";
  /** How long it took; of listings and streams, what the backend took of it. */
  readonly milliseconds: number;
  /** The code or the name of the error. */
  readonly error?: string | undefined;
}

/**
 * Counters over all calls, to be given to {@linkcode metered}.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { Meter, metered } from "@everymap/everymap/layers/metered";
 * import { assertEquals } from "@std/assert";
 *
 * const meter = new Meter();
 * const store = new Store(metered(memory<number>(), meter.record));
 * await store.set("ada", 1815);
 * await store.getMany(["ada", "bob"]);
 * assertEquals([meter.hits, meter.misses, meter.errors], [1, 1, 0]);
 * ```
 */
export class Meter {
  /** Calls that have ended. */
  calls = 0;
  /** Keys asked for that were there. */
  hits = 0;
  /** Keys asked for that were absent. */
  misses = 0;
  /** Calls that failed. */
  errors = 0;
  /** Bytes read, of values that are bytes. */
  bytesRead = 0;
  /** Bytes written, of values that are bytes. */
  bytesWritten = 0;
  /** Time spent in all calls together. */
  milliseconds = 0;

  /** Counts a call. */
  readonly record = (event: CallEvent): void => {
    const { operation, keys, hits, bytes, outcome, milliseconds } = event;
    this.calls++;
    this.milliseconds += milliseconds;
    if (outcome === "error") this.errors++;
    if (outcome === "hit" || outcome === "miss") {
      this.hits += hits;
      this.misses += keys - hits;
    }
    if (operation === "write") this.bytesWritten += bytes;
    else this.bytesRead += bytes;
  };
}

/** Methods whose answer says whether something was there. */
const ASKING: readonly string[] = ["read", "readMany", "readable", "has", "take"];

/**
 * A backend that reports each call when it has ended; a listing ends with its last key or when it is left, a stream when
 * it is read or written to its end or is given up.
 *
 * @example
 * ```ts
 * import { memory, Store } from "@everymap/everymap";
 * import { metered } from "@everymap/everymap/layers/metered";
 * import { assertEquals } from "@std/assert";
 *
 * const outcomes: string[] = [];
 * const store = new Store(metered(memory<number>(), ({ operation, outcome }) => outcomes.push(`${operation}: ${outcome}`)));
 * await store.get("ada");
 * await store.set("ada", 1815);
 * assertEquals(outcomes, ["read: miss", "write: ok"]);
 * ```
 */
export function metered(inner: ByteBackend, onCall: (event: CallEvent) => unknown): ByteBackend;
/** The same over a backend of values. */
export function metered<V>(inner: Backend<V>, onCall: (event: CallEvent) => unknown): Backend<V>;
export function metered<V>(inner: Backend<V>, onCall: (event: CallEvent) => unknown): Backend<V> {
  if (typeof onCall !== "function") throw new TypeError("Cannot make metered: it needs a function to call");

  const report = (event: Omit<CallEvent, "store">) => notify(onCall, { store: inner.name, ...event });
  const around = <T>(call: Call, run: () => Awaitable<T>): Awaitable<T> => {
    const { operation, method } = call;
    const keys = call.keys?.length ?? (call.key === undefined ? 0 : 1);
    const isAsking = ASKING.includes(method);
    const start = performance.now();
    const reportEnd = (hits: number, bytes: number, milliseconds: number) => {
      const outcome = !isAsking ? "ok" : hits === keys ? "hit" : "miss";
      report({ operation, keys, hits, bytes, outcome, milliseconds });
    };
    const reportFailure = (cause: unknown, bytes: number, milliseconds: number) => {
      report({ operation, keys, hits: 0, bytes, outcome: "error", milliseconds, error: nameOf(cause) });
    };
    const succeed = (answer: T): T => {
      const opening = performance.now() - start;
      const isReading = method === "readable";
      if (answer !== undefined && (isReading || method === "writable")) {
        const onEnd = ({ bytes, milliseconds, failure }: StreamEnd) => {
          if (failure) reportFailure(failure.cause, isReading ? bytes : 0, opening + milliseconds);
          else reportEnd(isReading ? 1 : 0, bytes, opening + milliseconds);
        };
        const stream: unknown = answer;
        if (isReading) return meteredReadable(stream as ReadableStream<Uint8Array>, onEnd) as T;
        return meteredWritable(stream as WritableStream<Uint8Array>, onEnd) as T;
      }
      reportEnd(isAsking ? hitsIn(answer) : 0, bytesIn(call, answer), opening);
      return answer;
    };
    const fail = (error: unknown): never => {
      reportFailure(error, 0, performance.now() - start);
      throw error;
    };
    let answer: Awaitable<T>;
    try {
      answer = run();
    } catch (error) {
      return fail(error);
    }
    return isPending(answer) ? answer.then(succeed, fail) : succeed(answer);
  };

  async function* list(options?: ListOptions): AsyncGenerator<string, void> {
    let keys = 0;
    let milliseconds = 0;
    let failure: { readonly error: string } | undefined;
    let start = performance.now();
    try {
      for await (const key of inner.list(options)) {
        keys++;
        milliseconds += performance.now() - start;
        yield key;
        start = performance.now();
      }
      milliseconds += performance.now() - start;
    } catch (error) {
      failure = { error: nameOf(error) };
      throw error;
    } finally {
      report({
        operation: "list",
        keys,
        hits: 0,
        bytes: 0,
        outcome: failure ? "error" : "ok",
        milliseconds,
        ...failure,
      });
    }
  }

  return intercept(inner, around, { list, withFormat: (format) => metered(inner.withFormat!(format), onCall) });
}

function hitsIn(answer: unknown): number {
  if (answer instanceof Map) return answer.size;
  return answer === undefined || answer === false ? 0 : 1;
}

function bytesIn({ method, args }: Call, answer: unknown): number {
  const values: unknown[] = [];
  if (method === "write") values.push(args[1]);
  else if (method === "writeMany") values.push(...(args[0] as Map<string, unknown>).values());
  else if (method === "readMany") {
    for (const { value } of (answer as Map<string, Entry<unknown>>).values()) values.push(value);
  } else if (method === "read" || method === "take") values.push((answer as Entry<unknown> | undefined)?.value);
  let bytes = 0;
  for (const value of values) if (value instanceof Uint8Array) bytes += value.byteLength;
  return bytes;
}

function nameOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "unknown";
}
