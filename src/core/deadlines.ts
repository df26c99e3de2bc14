/**
 * Deadlines, the earliest first.
 *
 * @module
 */

/** Something with a deadline that it may change or lose. */
export interface Expiring {
  /** Milliseconds since the epoch; `undefined` = never. */
  readonly expiresAt: number | undefined;
}

/**
 * A binary heap of deadlines. One that was changed or lost is found out by comparing, when its turn comes; with one
 * lifetime for all, adding takes a single step.
 */
export class Deadlines<T extends Expiring> {
  // Two arrays, because one of numbers alone keeps them unboxed.
  #times: number[] = [];
  #items: T[] = [];

  /** Takes note of the deadline of one of `live` items. */
  add(item: T, time: number, live: number): void {
    if (this.#times.length > 2 * live + 64) this.#forgetChanged();
    this.#push(item, time);
  }

  /** The one whose deadline passed first; it comes again until its deadline is changed or lost. */
  due(now: number): T | undefined {
    for (
      let time = this.#times[0];
      time !== undefined && time <= now;
      time = this.#times[0]
    ) {
      const item = this.#items[0]!;
      if (item.expiresAt === time) return item;
      this.#pop();
    }
    return undefined;
  }

  #push(item: T, time: number): void {
    const times = this.#times;
    const items = this.#items;
    let at = times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= time) break;
      times[at] = times[parent]!;
      items[at] = items[parent]!;
      at = parent;
    }
    times[at] = time;
    items[at] = item;
  }

  #pop(): void {
    const times = this.#times;
    const items = this.#items;
    const time = times.pop()!;
    const item = items.pop()!;
    const size = times.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= time) break;
      times[at] = times[child]!;
      items[at] = items[child]!;
      at = child;
    }
    times[at] = time;
    items[at] = item;
  }

  #forgetChanged(): void {
    const items = this.#items;
    const times = this.#times;
    this.#items = [];
    this.#times = [];
    for (let at = 0; at < items.length; at++) {
      // The same deadline may have been set twice, so an item that is current may still come twice: harmless.
      if (items[at]!.expiresAt === times[at]) {
        this.#push(items[at]!, times[at]!);
      }
    }
  }
}
