/**
 * What layers share that do the same around every call.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";
import type { Backend, CallOptions, Condition } from "./backend.ts";
import { type BackendMethod, layer } from "./layer.ts";

/** A call of a backend's method on its way to the backend. */
export interface Call {
  /** The method called. */
  readonly method: BackendMethod;
  /** What messages call it: `read`, `write`, `remove`, `clear`, `list`, `count`, `touch`, `prune`, `watch`. */
  readonly operation: string;
  /** The key, of a call with one. */
  readonly key: string | undefined;
  /** The keys of a call with many. */
  readonly keys: readonly string[] | undefined;
  /** Everything it was given. */
  readonly args: readonly unknown[];
  /** The last thing it was given. */
  readonly options: (CallOptions & { readonly condition?: Condition | undefined }) | undefined;
}

/** What is done around a call; `run` makes it, with another signal or with other arguments if it is given some. */
export type Around = <T>(
  call: Call,
  run: (signal?: AbortSignal, args?: readonly unknown[]) => Awaitable<T>,
) => Awaitable<T>;

type Method = (...args: unknown[]) => unknown;

/** The methods that go through, what messages call them, and the place of their options. */
const METHODS: ReadonlyMap<BackendMethod, readonly [operation: string, optionsAt: number]> = new Map([
  ["read", ["read", 1]],
  ["readMany", ["read", 1]],
  ["has", ["read", 1]],
  ["readable", ["read", 1]],
  ["revision", ["read", 0]],
  ["changes", ["list", 1]],
  ["versions", ["list", 0]],
  ["watch", ["watch", 1]],
  ["write", ["write", 2]],
  ["writeMany", ["write", 1]],
  ["writable", ["write", 1]],
  ["touch", ["touch", 2]],
  ["remove", ["remove", 1]],
  ["removeMany", ["remove", 1]],
  ["take", ["remove", 1]],
  ["clear", ["clear", 0]],
  ["count", ["count", 0]],
  ["prune", ["prune", 0]],
]);

/**
 * A backend in which each call but a listing goes through `around`; `own` has the rest: how to list, and what
 * `withFormat` answers. Closing is passed on.
 */
export function intercept<V>(
  inner: Backend<V>,
  around: Around,
  own: Pick<Backend<V>, "list"> & Partial<Backend<V>>,
): Backend<V> {
  const members: Record<string, Method> = {};
  for (const [method, [operation, optionsAt]] of METHODS) {
    members[method] = (...args) => {
      const options = args[optionsAt] as Call["options"];
      const subject = optionsAt > 0 ? args[0] : undefined;
      const call: Call = {
        method,
        operation,
        key: typeof subject === "string" && method !== "changes" ? subject : undefined,
        keys: Array.isArray(subject) ? subject : subject instanceof Map ? [...subject.keys()] : undefined,
        args,
        options,
      };
      return around<unknown>(call, (signal, given = args) => {
        const final = [...given];
        if (signal) final[optionsAt] = { ...options, signal };
        return (inner[method] as Method)(...final);
      });
    };
  }
  return layer(inner, { ...members as Partial<Backend<V>>, ...own }, ["close"]);
}
