/**
 * What goes into one request, and many steps as portions that do.
 *
 * @module
 */

import type { Permissions } from "./nodes.ts";

/** A transaction holds up everybody while it is carried out. */
const STEPS = 500;
/** Room for all that is beside path, data and a list of rights in one step. */
const STEP_BYTES = 150;

/** The limits of requests. */
export class Portions {
  readonly #root: string;
  readonly #maxBytes: number;
  readonly #stepBytes: number;

  /** Limits for children of this path, which are made with this access list. */
  constructor(root: string, maxBytes: number, acl: Permissions) {
    this.#root = root;
    this.#maxBytes = maxBytes;
    this.#stepBytes = STEP_BYTES;
    if (typeof acl === "string") return;
    for (const { scheme, id } of acl) this.#stepBytes += 12 + 3 * (scheme.length + id.length);
  }

  /** Whether a step on this child fits into a request. */
  fits(name: string, data: Uint8Array): boolean {
    return this.#sizeOf({ name, data }) <= this.#maxBytes;
  }

  /** The same in portions that fit each. */
  *of<T extends { readonly name: string; readonly data?: Uint8Array }>(all: readonly T[]): Iterable<T[]> {
    let some: T[] = [];
    let size = 0;
    for (const one of all) {
      const own = this.#sizeOf(one);
      if (some.length > 0 && (some.length === STEPS || size + own > this.#maxBytes)) {
        yield some;
        some = [];
        size = 0;
      }
      some.push(one);
      size += own;
    }
    if (some.length > 0) yield some;
  }

  /** The path comes twice where a node is made, and a character may take three bytes. */
  #sizeOf({ name, data }: { readonly name: string; readonly data?: Uint8Array }): number {
    return 6 * (this.#root.length + 1 + name.length) + this.#stepBytes + (data?.length ?? 0);
  }
}
