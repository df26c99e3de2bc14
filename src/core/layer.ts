/**
 * What all layers share: a backend built from another one, in which nothing is passed on by accident.
 *
 * @module
 */

import type { Backend, ByteBackend } from "./backend.ts";

/** A method of a backend that a layer may pass on as it is. */
export type BackendMethod = Exclude<keyof Backend<unknown>, "name" | "supports" | "maxKeyBytes" | "now" | "withFormat">;

/**
 * A backend over another one: the layer's own members, and the inner backend's methods named in `forwarded`. A fast path
 * that is in neither list is not there, so it is derived from the layer's own `read`, `write`, `remove` and `list`: a
 * layer that forgets one is slow, never bypassed. An own fast path counts only if the inner backend has it too. The inner
 * backend's codec stays its codec, unless the layer says `codec: undefined`.
 */
export function layer<V, Raw>(
  inner: Backend<Raw>,
  own: Partial<Backend<V>> & { readonly codec?: undefined; readonly encoded?: undefined },
  forwarded: readonly BackendMethod[] = [],
): Backend<V> {
  const { name, supports, maxKeyBytes, now, codec, encoded } = inner as Partial<ByteBackend> & Backend<Raw>;
  const outer: Record<string, unknown> = { name, supports, maxKeyBytes, now, codec, encoded };
  for (const method of forwarded) {
    const call = inner[method] as ((...args: unknown[]) => unknown) | undefined;
    if (call) outer[method] = call.bind(inner);
  }
  for (const [member, part] of Object.entries(own)) {
    if (typeof part !== "function" || inner[member as keyof Backend<Raw>]) outer[member] = part;
  }
  return outer as unknown as Backend<V>;
}
