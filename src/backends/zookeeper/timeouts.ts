/**
 * The ends of calls that take too long, all by one timer: one for each would cost more than all else about a short call.
 *
 * @module
 */

/** A call that waits. */
export interface Wait {
  /** When it is late, by `performance.now()`. */
  readonly at: number;
  /** Is called once if it is late. */
  readonly onLate: () => void;
}

/** Calls that wait. */
export class Timeouts {
  readonly #waits = new Set<Wait>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next = Infinity;
  #isClosed = false;

  /** Calls back after so many milliseconds, unless it is told before that it need not. */
  start(timeout: number, onLate: () => void): Wait {
    const wait = { at: performance.now() + timeout, onLate };
    this.#waits.add(wait);
    if (wait.at < this.#next) this.#arm(wait.at, timeout);
    return wait;
  }

  /** It need not be called any more. */
  stop(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#isClosed) this.#letGo();
  }

  /** From now on nothing is left running when the last call has ended. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #letGo(): void {
    if (this.#waits.size > 0) return;
    clearTimeout(this.#timer);
    this.#next = Infinity;
  }

  #arm(at: number, timeout: number): void {
    clearTimeout(this.#timer);
    this.#next = at;
    this.#timer = setTimeout(() => this.#look(), timeout);
  }

  #look(): void {
    this.#next = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const wait of this.#waits) {
      if (wait.at > now) next = Math.min(next, wait.at);
      else {
        this.#waits.delete(wait);
        wait.onLate();
      }
    }
    if (next < this.#next) this.#arm(next, next - now);
  }
}
