/**
 * The way to the wire: what has to be loaded before it can be sent keeps its place.
 *
 * @module
 */

import type { runScript, ScriptCall, ScriptName } from "./scripts.ts";
import type { Command, RedisWire, Reply, SendOptions } from "./wire.ts";

/** Sends commands, and scripts, which are loaded for the first one; all in the order of the calls. */
export class Lane {
  readonly #wire: RedisWire;
  /** Either this is there or what is loading, or neither yet. */
  #runScript: typeof runScript | undefined;
  #loading: Promise<unknown> | undefined;

  constructor(wire: RedisWire) {
    this.#wire = wire;
  }

  /** As the wire does. */
  send(commands: readonly Command[], options?: SendOptions): Promise<readonly Reply[]> {
    if (!this.#loading) return this.#wire.send(commands, options);
    // Those who wait for the same promise go in the order in which they came, and nobody comes between them.
    const send = () => this.#wire.send(commands, options);
    return this.#loading.then(send, send);
  }

  /** Runs the script. */
  async run(call: ScriptCall, name: ScriptName, options: SendOptions): Promise<Reply> {
    if (!this.#runScript) await (this.#loading ?? this.#load());
    return await this.#runScript!(this.#wire, call, name, options);
  }

  /** Lets go of the wire once everything is sent and answered. */
  async close(): Promise<void> {
    await this.#loading?.catch(() => {});
    await this.#wire.close();
  }

  #load(): Promise<unknown> {
    const loading = this.#loading = import("./scripts.ts");
    const done = (scripts?: { readonly runScript: typeof runScript }) => {
      this.#runScript = scripts?.runScript;
      this.#loading = undefined;
    };
    // Before anybody else waits for it.
    loading.then(done, () => done());
    return loading;
  }
}
