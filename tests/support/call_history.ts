/**
 * What several processes did to one store, judged by when each call began and when it was answered: what happened in between
 * nobody but the server knows.
 *
 * @module
 */

/** A change of one key, `undefined` if the key was removed. */
export interface Change {
  readonly key: string;
  readonly value: string | undefined;
  readonly began: number;
  /** When it was acknowledged; one that never was may have happened or not. */
  ended: number;
}

/** Who reads, and since when. */
export interface Reading {
  readonly began: number;
  /** Whether nothing that was acknowledged before it began may be missing, whoever did it. */
  readonly isFresh: boolean;
  /** What this reader knows to have happened before it began. */
  readonly known: Iterable<Change>;
  /** The reader's own change that goes with the reading, which it does not see. */
  readonly except?: Change | undefined;
}

/** All changes of all keys. */
export class CallHistory {
  #moment = 0;
  readonly #changes = new Map<string, Change[]>();

  /** A moment, later than all before. */
  tick(): number {
    return ++this.#moment;
  }

  /** Takes note that a change has begun. */
  begin(key: string, value: string | undefined): Change {
    const change = { key, value, began: this.tick(), ended: Infinity };
    this.#of(key).push(change);
    return change;
  }

  /** Takes back a change: the store said that there was none. */
  forget(change: Change): void {
    const changes = this.#of(change.key);
    changes.splice(changes.indexOf(change), 1);
  }

  /**
   * The changes that a reader of this value may have seen, who was answered just now.
   *
   * @throws {Error} If there are none.
   */
  sources(key: string, value: string | undefined, { began, isFresh, known, except }: Reading): Change[] {
    const changes = this.#of(key);
    const written = changes.filter((change) => change.value === value && change !== except);
    if (written.length === 0) throw new Error(`${key} was read as ${value}, which nobody has written`);
    const before = isFresh ? changes.filter(({ ended }) => ended < began) : [...known].filter((it) => it.key === key);
    const sources = written.filter(({ ended }) => !before.some((later) => ended < later.began));
    if (sources.length === 0) throw new Error(`${key} was read as ${value}, after something newer`);
    return sources;
  }

  #of(key: string): Change[] {
    let changes = this.#changes.get(key);
    if (!changes) this.#changes.set(key, changes = [{ key, value: undefined, began: -1, ended: -1 }]);
    return changes;
  }
}
