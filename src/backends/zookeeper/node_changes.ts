/**
 * Changes of nodes that others change, too: each is tried again until nobody else was first.
 *
 * @module
 */

import { type Clock, isPast } from "../../core/clock.ts";
import { codeOf, Codes } from "./client.ts";
import type { Node, Nodes, Step } from "./nodes.ts";
import type { Asking } from "./session.ts";
import { versionOf } from "./versions.ts";

/** Changes the nodes of a store. */
export class NodeChanges {
  readonly #nodes: Nodes;
  readonly #now: Clock;

  constructor(nodes: Nodes, now: Clock) {
    this.#nodes = nodes;
    this.#now = now;
  }

  /** Whether there is a node that has not expired. */
  isLive(node: Node | undefined): node is Node {
    return node !== undefined && !isPast(node.expiresAt, this.#now);
  }

  /** Writes the node, whatever is there; its version. */
  async put(asking: Asking, name: string, data: Uint8Array, expiresAt: number | undefined): Promise<string> {
    if (expiresAt !== undefined) await this.#nodes.noteLifetime(asking);
    for (;;) {
      const stat = await this.#nodes.set(asking, name, data) ??
        await this.#create(asking, { create: name, data, expiresAt });
      if (stat) return versionOf(stat);
    }
  }

  /** Makes the node if no live one is there; its version, or `false`. */
  async add(
    asking: Asking,
    name: string,
    data: Uint8Array,
    expiresAt: number | undefined,
  ): Promise<string | boolean> {
    if (expiresAt !== undefined) await this.#nodes.noteLifetime(asking);
    for (;;) {
      const stat = await this.#create(asking, { create: name, data, expiresAt });
      if (stat) return versionOf(stat);
      const { node, removals } = await this.#nodes.look(asking, name);
      if (!node) continue;
      if (!isPast(node.expiresAt, this.#now)) return false;
      // Made anew, because an ephemeral node ends with the session that made it.
      const steps: Step[] = [{ remove: name, version: node.stat.version }, { create: name, data, expiresAt }];
      const answer = await this.#try(asking, steps, removals);
      if (answer) return answer;
    }
  }

  /** Removes the node if it is live; whether it was. */
  async remove(asking: Asking, name: string): Promise<boolean> {
    for (;;) {
      if (!this.isLive(await this.#nodes.get(asking, name))) return false;
      try {
        await this.#nodes.commit(asking, [{ remove: name }]);
        return true;
      } catch (error) {
        if (codeOf(error) !== Codes.noNode) throw error;
        await this.#nodes.make(asking);
      }
    }
  }

  /** Does to a live node what is decided by looking at it, again until nobody else was first; `false` if nothing is to do. */
  async change(
    asking: Asking,
    name: string,
    decide: (node: Node | undefined) => false | Step & { readonly expiresAt?: number | undefined },
  ): Promise<string | boolean> {
    for (;;) {
      const { node, removals } = await this.#nodes.look(asking, name);
      const step = decide(this.isLive(node) ? node : undefined);
      if (step === false) return false;
      if (step.expiresAt !== undefined) await this.#nodes.noteLifetime(asking);
      const answer = await this.#try(asking, [step], removals);
      if (answer) return answer;
    }
  }

  /** Whether all steps were done; none was if the nodes are not those that were seen. */
  async succeeds(asking: Asking, steps: readonly Step[], mayMake = true): Promise<boolean> {
    try {
      await this.#nodes.commit(asking, steps);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code !== Codes.noNode && code !== Codes.nodeExists && code !== Codes.badVersion) throw error;
      if (code === Codes.noNode && mayMake) await this.#nodes.make(asking);
      return false;
    }
  }

  async #create(asking: Asking, step: Step) {
    for (;;) {
      try {
        return (await this.#nodes.commit(asking, [step]))[0];
      } catch (error) {
        if (codeOf(error) === Codes.nodeExists) return undefined;
        if (codeOf(error) !== Codes.noNode) throw error;
        await this.#nodes.make(asking);
      }
    }
  }

  async #try(asking: Asking, steps: readonly Step[], removals: number): Promise<string | boolean> {
    try {
      const stats = await this.#nodes.commit(asking, steps, removals);
      return "remove" in steps.at(-1)! ? true : versionOf(stats.at(-1)!);
    } catch (error) {
      if (codeOf(error) === Codes.badVersion || codeOf(error) === Codes.noNode) return false;
      throw error;
    }
  }
}
