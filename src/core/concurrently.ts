/**
 * Many calls where a backend has no call for many: a few at a time, all of them tried.
 *
 * @module
 */

/**
 * Runs the task for each item, at most `concurrency` at a time. One failure does not keep the others from being tried;
 * the first one is thrown when all have ended. An abort stops starting new ones.
 */
export async function concurrently<T>(
  items: Iterable<T>,
  task: (item: T) => unknown,
  { concurrency = 16, signal }: { concurrency?: number; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const work = async () => {
    for (let step; !signal?.aborted && !(step = queue.next()).done;) {
      await (async () => await task(step.value))().catch((error) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
