/**
 * Timers that are no reason to keep a process alive: what they look after holds a socket as long as it matters.
 *
 * @module
 */

/** Calls back once, after so many milliseconds, if the process is still there; `clearTimeout()` takes the answer. */
export function backgroundTimer(run: () => void, milliseconds: number): number | undefined {
  const timer: unknown = setTimeout(run, milliseconds);
  const { Deno } = globalThis as { Deno?: { unrefTimer(id: number): void } };
  if (typeof timer === "number") Deno?.unrefTimer(timer);
  else (timer as { unref?(): void }).unref?.();
  return timer as number;
}
