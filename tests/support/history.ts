/**
 * What has happened in a store, in the order in which it did, to judge by what others have seen of it.
 *
 * @module
 */

import type { Backend, Keys } from "../../src/core/backend.ts";
import { StoreError } from "../../src/core/store_error.ts";

/** What lies between a caller and the store: a way that takes its time, and on which calls and answers get lost. */
export interface Way {
  /** Waits for its turn. */
  turn(): Promise<unknown>;
  /** Whether this call, or the answer to it, is lost. */
  isLost(): boolean;
}

/** A value that a key has had, from one moment until another. */
interface Span {
  readonly value: string | undefined;
  readonly from: number;
  to: number;
}

/** The values of all keys, with the moments at which they came and went; a moment is a count of changes. */
export class History {
  /** The moment. */
  now = 0;
  readonly #spans = new Map<string, Span[]>();

  /** Takes note of the value that a key has from now on. */
  note(key: string, value: string | undefined): void {
    this.now++;
    const spans = this.#of(key);
    spans.at(-1)!.to = this.now;
    spans.push({ value, from: this.now, to: Infinity });
  }

  /** Whether the key has ever had this value since the moment. */
  had(key: string, value: string | undefined, since = 0): boolean {
    return this.#of(key).some((span) => span.value === value && span.to > since);
  }

  /** The last moment at which the key was given this value. */
  lastOf(key: string, value: string | undefined): number {
    return this.#of(key).findLast((span) => span.value === value)?.from ?? -1;
  }

  /** What everybody has to agree on in the end. */
  end(): Map<string, string> {
    const values = new Map<string, string>();
    for (const [key, spans] of this.#spans) {
      const { value } = spans.at(-1)!;
      if (value !== undefined) values.set(key, value);
    }
    return values;
  }

  /** The road of one caller to the backend, whose changes are noted as they happen. */
  road(inner: Backend<string>, way: Way): Backend<string> {
    const far = async <T>(operation: string, act: () => T | PromiseLike<T>): Promise<T> => {
      const lose = () => {
        if (way.isLost()) throw new StoreError("unavailable", { store: "far away", operation });
      };
      await way.turn();
      lose();
      const answer = await act();
      await way.turn();
      lose();
      return answer;
    };
    const noteAll = <T>(answer: T, keys: Iterable<string>, value?: string): T => {
      for (const key of keys) this.note(key, value);
      return answer;
    };
    // The backends below are done when they return, so nothing comes between a change and the note of it.
    const road: Backend<string> = {
      name: "far away",
      supports: inner.supports,
      now: inner.now ?? Date.now,
      read: (key, options) => far("read", () => inner.read(key, options)),
      write: (key, value, options) =>
        far("write", () => {
          const answer = inner.write(key, value, options);
          return answer === false ? answer : noteAll(answer, [key], value);
        }),
      remove: (key, options) =>
        far("remove", () => {
          const answer = inner.remove(key, options);
          return answer === false ? answer : noteAll(answer, [key]);
        }),
      list: (options) => this.#list(inner.list(options), way),
      clear: (options) =>
        far("clear", () => {
          const keys = [...inner.list(options) as Iterable<string>];
          return noteAll(inner.clear!(options), keys);
        }),
      revision: (options) => far("read", () => inner.revision!(options)),
    };
    if (inner.versions) road.versions = (options) => far("list", () => inner.versions!(options));
    if (inner.readMany) road.readMany = (keys, options) => far("read", () => inner.readMany!(keys, options));
    if (inner.take) {
      road.take = (key, options) =>
        far("remove", () => {
          const entry = inner.take!(key, options);
          return entry ? noteAll(entry, [key]) : entry;
        });
    }
    if (inner.writeMany) {
      road.writeMany = (entries, options) =>
        far("write", () => {
          void inner.writeMany!(entries, options);
          for (const [key, value] of entries) this.note(key, value);
        });
    }
    return road;
  }

  async *#list(keys: Keys, way: Way): AsyncGenerator<string, void> {
    for await (const key of keys) {
      yield key;
      await way.turn();
    }
  }

  #of(key: string): Span[] {
    let spans = this.#spans.get(key);
    if (!spans) this.#spans.set(key, spans = [{ value: undefined, from: 0, to: Infinity }]);
    return spans;
  }
}
