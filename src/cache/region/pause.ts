/**
 * Time between two looks at something that others will change.
 *
 * @module
 */

/** Waits for so many milliseconds, or rejects with the signal's reason. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** Pauses that grow with the time waited, by an eighth of it: nobody comes much later than that. */
export class Pauses {
  readonly #longest: number;
  readonly #random: () => number;
  readonly #began = performance.now();

  /** `longest` is the longest pause, in milliseconds. */
  constructor(longest: number, random: () => number) {
    this.#longest = longest;
    this.#random = random;
  }

  /** The next one; processes that began together do not stay together. */
  next(signal?: AbortSignal): Promise<void> {
    const grown = Math.max((performance.now() - this.#began) / 8, 2);
    return pause(Math.min(grown, this.#longest) * (1 - this.#random() / 2), signal);
  }
}
