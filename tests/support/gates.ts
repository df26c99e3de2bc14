/**
 * Gates on the way to a store, which a test opens one by one.
 *
 * @module
 */

import type { Backend } from "../../src/core/backend.ts";
import { faulty } from "../../src/testing/faulty.ts";

/** Calls of some methods wait here, before or after they have reached the store. */
export class Gates {
  /** The methods that wait, and when. */
  readonly waits = new Map<string, "before" | "after">();
  readonly #waiting: { readonly method: string; readonly open: () => void }[] = [];

  /** The backend behind them. */
  guard<V>(inner: Backend<V>): Backend<V> {
    const wait = async (method: string, when: "before" | "after") => {
      if (this.waits.get(method) !== when) return;
      await new Promise<void>((open) => this.#waiting.push({ method, open }));
    };
    const before = faulty(inner, { fault: "none", gate: ({ method }) => wait(method, "before") });
    const guarded = faulty(before, { fault: "none" });
    return Object.assign(guarded, {
      read: async (...args: Parameters<Backend<V>["read"]>) => {
        const answer = await before.read(...args);
        await wait("read", "after");
        return answer;
      },
      write: async (...args: Parameters<Backend<V>["write"]>) => {
        const answer = await before.write(...args);
        await wait("write", "after");
        return answer;
      },
      clear: async (...args: Parameters<NonNullable<Backend<V>["clear"]>>) => {
        await before.clear!(...args);
        await wait("clear", "after");
      },
    });
  }

  /** Lets the first call of this method go, as soon as it has come. */
  async pass(method: string): Promise<void> {
    for (;;) {
      const at = this.#waiting.findIndex((call) => call.method === method);
      if (at >= 0) return this.#waiting.splice(at, 1)[0]!.open();
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** Waits until a call of this method waits. */
  async arrival(method: string): Promise<void> {
    while (!this.#waiting.some((call) => call.method === method)) await new Promise((resolve) => setTimeout(resolve));
  }
}
