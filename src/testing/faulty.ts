/**
 * A store that fails on purpose: what retries, deadlines and tiers are proved against.
 *
 * @module
 */

import { type Awaitable, isPending } from "../core/awaitable.ts";
import type { Backend, ByteBackend, ListOptions } from "../core/backend.ts";
import { type Call, intercept } from "../core/intercept.ts";
import { checkOptions } from "../core/options.ts";
import { StoreError } from "../core/store_error.ts";

/**
 * What goes wrong with a call:
 *
 * - `fail`: it rejects, and nothing has happened;
 * - `lose-reply`: it happens, and then it rejects;
 * - `tear`: the first half of a call with many keys happens, a listing gives its first key, then it rejects;
 * - `hang`: nothing happens until its signal aborts it;
 * - `none`: nothing, it is only counted and gated.
 */
export type Fault = "fail" | "lose-reply" | "tear" | "hang" | "none";

/** A call that a {@linkcode FaultPlan} may pick. */
export interface FaultyCall {
  /** The method called: `read`, `writeMany`, `list`. */
  readonly method: string;
  /** The key, of a call with one. */
  readonly key?: string | undefined;
  /** The keys of a call with many. */
  readonly keys?: readonly string[] | undefined;
  /** The signal it was given. */
  readonly signal?: AbortSignal | undefined;
}

/** Which calls go wrong, and how. */
export interface FaultPlan {
  /** What goes wrong. @default {"fail"} */
  readonly fault?: Fault | undefined;
  /** Which calls may be picked. @default {all} */
  readonly when?: ((call: FaultyCall) => boolean) | undefined;
  /** Only the first so many of them. @default {Infinity} */
  readonly times?: number | undefined;
  /** Only each n-th of them. @default {1} */
  readonly every?: number | undefined;
  /** What a picked call waits for first: a promise that the test resolves. @default {nothing} */
  readonly gate?: ((call: FaultyCall) => Awaitable<unknown>) | undefined;
  /** What it rejects with. @default {`StoreError` `unavailable`} */
  readonly error?: ((call: FaultyCall) => unknown) | undefined;
  /** Called with every call, picked or not. */
  readonly onCall?: ((call: FaultyCall) => unknown) | undefined;
}

/**
 * A backend in which the calls that the plan picks go wrong.
 *
 * @throws {TypeError} If an option is unknown.
 *
 * @example
 * ```ts
 * import { memory, Store, StoreError } from "@everymap/everymap";
 * import { faulty } from "@everymap/everymap/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const store = new Store(faulty(memory<number>(), { fault: "lose-reply", times: 1 }));
 * await assertRejects(() => store.set("ada", 1815), StoreError);
 * assertEquals(await store.get("ada"), 1815);
 * ```
 */
export function faulty(inner: ByteBackend, plan: FaultPlan): ByteBackend;
/** The same over a backend of values. */
export function faulty<V>(inner: Backend<V>, plan: FaultPlan): Backend<V>;
export function faulty<V>(inner: Backend<V>, plan: FaultPlan): Backend<V> {
  checkOptions("faulty", plan, ["fault", "when", "times", "every", "gate", "error", "onCall"]);
  const { fault = "fail", when, times = Infinity, every = 1, gate, error, onCall } = plan;
  let seen = 0;
  let picked = 0;

  const isPicked = (call: FaultyCall): boolean => {
    onCall?.(call);
    if (when && !when(call)) return false;
    if (++seen % every !== 0 || picked >= times) return false;
    picked++;
    return true;
  };
  const errorOf = (call: FaultyCall, operation: string): unknown =>
    error
      ? error(call)
      : new StoreError("unavailable", { store: inner.name, operation, key: call.key, reason: "faulty" });

  const around = <T>(
    { method, operation, key, keys, args, options }: Call,
    run: (signal?: AbortSignal, args?: readonly unknown[]) => Awaitable<T>,
  ): Awaitable<T> => {
    const call: FaultyCall = { method, key, keys, signal: options?.signal };
    if (!isPicked(call)) return run();
    const goWrong = (): Awaitable<T> => {
      if (fault === "none") return run();
      if (fault === "hang") return hang(call.signal);
      const fail = (): never => {
        throw errorOf(call, operation);
      };
      const half = fault === "tear" && keys ? firstHalf(args) : undefined;
      const answer = fault === "lose-reply" ? run() : half ? run(undefined, half) : undefined;
      return isPending(answer) ? answer.then(fail) : fail();
    };
    const opening = gate?.(call);
    return isPending(opening) ? opening.then(goWrong) : goWrong();
  };

  async function* list(options?: ListOptions): AsyncGenerator<string, void> {
    const call: FaultyCall = { method: "list", signal: options?.signal };
    if (!isPicked(call)) return yield* inner.list(options);
    await gate?.(call);
    if (fault === "hang") await hang(call.signal);
    if (fault === "fail") throw errorOf(call, "list");
    for await (const key of inner.list(options)) {
      yield key;
      if (fault === "tear") throw errorOf(call, "list");
    }
    if (fault !== "none") throw errorOf(call, "list");
  }

  return intercept(inner, around, { list, withFormat: (format) => faulty(inner.withFormat!(format), plan) });
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function firstHalf([subject, ...rest]: readonly unknown[]): unknown[] {
  const items = [...subject as Iterable<unknown>];
  const half = items.slice(0, Math.ceil(items.length / 2));
  return [Array.isArray(subject) ? half : new Map(half as [string, unknown][]), ...rest];
}
