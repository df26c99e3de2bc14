/**
 * Methods that remember their results.
 *
 * @module
 */

import { instanceId } from "./call_names.ts";
import { type Memoized, remembered, withFace } from "./memoized.ts";
import { MemoizedCall, type MemoizeOptions } from "./memoized_call.ts";

export type { Memoized, MemoizeOptions };

/** Makes a method one that remembers, as the standard decorators of classes do it. */
export type CachedDecorator = <This, Args extends unknown[], Value>(
  method: (this: This, ...args: Args) => Promise<Value>,
  context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => Promise<Value>>,
) => Memoized<Args, Value, This>;

/**
 * A decorator for methods: what `memoize()` does for functions. Each instance remembers for itself unless `scope` says
 * otherwise; static methods and shared ones go by the name of the class. {@linkcode memoOf} gives what can be done with the
 * results, for the instance it is taken from.
 *
 * Types of arguments and results are those of the method; where a function among the options needs them, write
 * `cached<[id: string], User>({ … })`. The syntax `@cached` is for Deno, Bun and compilers; Node alone does not know it.
 *
 * @throws {TypeError} If an option is unknown, there is neither a region nor a `ttl`, or it decorates something else.
 *
 * @example
 * ```ts
 * import { cached, memoOf, Region } from "@everymap/everymap";
 * import { assertEquals } from "@std/assert";
 *
 * const region = new Region({ ttl: { minutes: 5 } });
 * class Users {
 *   calls = 0;
 *   @cached({ region })
 *   async load(id: string): Promise<string> {
 *     return await Promise.resolve(`${id} ${++this.calls}`);
 *   }
 * }
 *
 * const users = new Users();
 * assertEquals([await users.load("ada"), await users.load("ada")], ["ada 1", "ada 1"]);
 * await memoOf(users.load).invalidate("ada");
 * assertEquals(await users.load("ada"), "ada 2");
 * assertEquals(await new Users().load("ada"), "ada 1");
 * ```
 */
export function cached<Args extends unknown[] = never[], Value = never, This = never>(
  options: MemoizeOptions<Args, Value, This>,
): CachedDecorator {
  return <T, A extends unknown[], V>(
    method: (this: T, ...args: A) => Promise<V>,
    context: ClassMethodDecoratorContext<T, (this: T, ...args: A) => Promise<V>>,
  ): Memoized<A, V, T> => {
    if (context.kind !== "method") throw new TypeError(`Cannot make cached: ${String(context.name)} is not a method`);
    const call = new MemoizedCall(method, options as unknown as MemoizeOptions<A, V, T>, {
      maker: "cached",
      nameOf: (self) => nameIn(context.static ? self : (self as object).constructor, context.name),
      scopeOf: (self) => context.static ? undefined : instanceId(self as object),
    });
    const memoized = withFace(
      function (this: T, ...args: A) {
        return remembered(call, this, args);
      },
      call,
      undefined as T,
    );
    memos.add(memoized);
    if (!context.static && !context.private) {
      context.addInitializer(function () {
        bindOnUse(this as object, context.name, memoized, call as MemoizedCall<A, V, unknown>);
      });
    }
    return memoized;
  };
}

/**
 * What can be done with the results of a memoized method, on the instance that it was taken from: `memoOf(users.load)`.
 *
 * @throws {TypeError} If the method is not memoized.
 */
export function memoOf<Args extends unknown[], Value>(
  method: (...args: Args) => Promise<Value>,
): Memoized<Args, Value> {
  if (!memos.has(method)) {
    throw new TypeError(`Cannot find what ${method?.name ?? method} remembers: it is not memoized`);
  }
  return method as Memoized<Args, Value>;
}

const memos = new WeakSet<object>();

/** Gives an instance its own face of a method, once somebody looks at it; unless its class has another method there. */
function bindOnUse<A extends unknown[], V>(
  instance: object,
  name: string | symbol,
  memoized: Memoized<A, V, never>,
  call: MemoizedCall<A, V, unknown>,
): void {
  const found: unknown = (instance as Record<string | symbol, unknown>)[name];
  if (found !== memoized) return;
  // It fails where the instance is frozen, and then does no harm.
  const keep = (value: unknown) => {
    Reflect.defineProperty(instance, name, { value, writable: true, configurable: true, enumerable: false });
  };
  Object.defineProperty(instance, name, {
    get() {
      const own = withFace((...args: A) => remembered(call, instance, args), call, instance);
      memos.add(own);
      keep(own);
      return own;
    },
    set: keep,
    configurable: true,
    enumerable: false,
  });
}

function nameIn(owner: unknown, method: string | symbol): string {
  const className = typeof owner === "function" ? owner.name : "";
  return className === "" ? "" : `${className}.${String(method)}`;
}
