/**
 * A creator that runs, and those who wait for it.
 *
 * @module
 */

/** A creator that runs. It is told to stop when the last one who waited has left. */
export class Flight<T> {
  /** What comes of it. */
  readonly promise: Promise<T>;
  /** The tags of what it makes. */
  readonly tags: readonly string[];
  /** Who it is in the store, once it has a claim there. */
  token: string | undefined;
  /** Whether it has a claim that this process knows to hold. */
  isHeld: (() => boolean) | undefined;
  readonly #controller = new AbortController();
  readonly #leave: () => void;
  #waiting = 0;

  /** Starts it, after the caller's own step; until it ends it is among the flights, unless another one takes its place. */
  constructor(
    flights: Map<string, Flight<unknown>>,
    name: string,
    tags: readonly string[],
    run: (flight: Flight<T>) => Promise<T>,
  ) {
    this.tags = tags;
    flights.set(name, this);
    this.#leave = () => {
      if (flights.get(name) === this) flights.delete(name);
    };
    this.promise = Promise.resolve().then(() => run(this)).finally(this.#leave);
    // Those who wait are told; there may be nobody left.
    this.promise.catch(() => {});
  }

  /** Aborts when nobody waits any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Its outcome, or the signal's reason if that comes first. */
  join(signal?: AbortSignal): Promise<T> {
    this.#waiting++;
    if (!signal) return this.promise;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason);
        if (--this.#waiting > 0) return;
        this.#leave();
        this.#controller.abort(signal.reason);
      };
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      this.promise.then(resolve, reject).then(() => signal.removeEventListener("abort", leave));
    });
  }
}
