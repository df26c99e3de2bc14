/**
 * Callbacks that only look on: what they throw must not fail the call that they were told about.
 *
 * @module
 */

import { isPending } from "./awaitable.ts";

/** Calls an observer; what it throws, or rejects with, is dropped. */
export function notify<Args extends unknown[]>(
  observer: (...args: Args) => unknown,
  ...args: Args
): void {
  try {
    const answer = observer(...args);
    if (isPending(answer)) answer.then(undefined, () => {});
  } catch {
    // It was told; that is all it has a part in.
  }
}
