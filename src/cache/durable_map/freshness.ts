/**
 * When a local copy has to be compared with its store, and who shares the question.
 *
 * @module
 */

import { abortable } from "../../core/awaitable.ts";
import type { Clock } from "../../core/clock.ts";
import { notify } from "../../core/notify.ts";

/** How {@linkcode Freshness} behaves. */
export interface FreshnessOptions {
  /** How old an answer may be, in milliseconds; 0: every read asks, `Infinity`: none does. */
  readonly maxStaleness: number;
  /** What a read does that got no answer. */
  readonly onOutage: "stale" | "throw";
  /** For how long reads do not ask again then, in milliseconds. */
  readonly retryAfter: number;
  /** Called with each failure. */
  readonly onError: ((error: unknown) => unknown) | undefined;
  readonly now: Clock;
}

interface Question {
  readonly startedAt: number;
  readonly answer: Promise<void>;
  /** Whether this is still the turn in which it began: nothing can have happened since. */
  isNew: boolean;
}

/** Asks the store whether the copy is right still; one question at a time. */
export class Freshness {
  readonly #pull: () => Promise<void>;
  readonly #options: FreshnessOptions;
  readonly #maxStaleness: number;
  // Apart from the number, so that the shortest way is one look.
  #neverAsks: boolean;
  #current: Question | undefined;
  #next: Promise<void> | undefined;
  // When the last question that was answered began.
  #askedAt = -Infinity;
  #failedAt: number | undefined;
  #error: unknown;
  #isWatching = false;
  #isDirty = true;
  #isClosed = false;

  constructor(pull: () => Promise<void>, options: FreshnessOptions) {
    this.#pull = pull;
    this.#options = options;
    this.#maxStaleness = options.maxStaleness;
    this.#neverAsks = options.maxStaleness === Infinity;
  }

  /** Whether the last question got no answer. */
  get isStale(): boolean {
    return this.#failedAt !== undefined;
  }

  /** Why it got none. */
  get error(): unknown {
    return this.#error;
  }

  /** Whether a read has to ask first. */
  isDue(): boolean {
    if (this.#neverAsks) return false;
    if (this.#isClosed) return true;
    const limit = this.#maxStaleness;
    if (this.#isWatching && !this.#isDirty && limit === 0) return false;
    if (limit === 0 && this.#failedAt === undefined) return true;
    const now = this.#options.now();
    if (this.#failedAt !== undefined && this.#options.onOutage === "stale") {
      return !isWithin(now, this.#failedAt, this.#options.retryAfter);
    }
    return this.#isDirty || !isWithin(now, this.#askedAt, limit);
  }

  /** What a read waits for whose turn it is to ask. */
  async check(signal?: AbortSignal): Promise<void> {
    try {
      await abortable(this.#ask(this.#maxStaleness), signal);
    } catch (error) {
      this.forgive(error, signal);
    }
  }

  /** Throws the error of a question unless reads do without an answer. */
  forgive(error: unknown, signal?: AbortSignal): void {
    if (this.#isClosed || signal?.aborted || this.#options.onOutage === "throw") throw error;
  }

  /** Asks now, however fresh the copy is. */
  async sync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await abortable(this.#ask(0), signal);
  }

  /** What was known is not to be relied upon: the next read asks. */
  distrust(): void {
    this.#isDirty = true;
  }

  /** What the store's watch tells. */
  readonly onWatch = (isWatching: boolean): void => {
    if (this.#isClosed) return;
    this.#isWatching = isWatching;
    this.#isDirty = true;
    // Whoever looks at the snapshot alone never asks.
    this.#ask(0).catch(() => {});
  };

  /** Whether the store is going to tell of changes; said before the watch begins, which may say otherwise. */
  set isWatching(isWatching: boolean) {
    this.#isWatching = isWatching;
  }

  close(): void {
    this.#isClosed = true;
    this.#neverAsks = false;
  }

  #ask(maxStaleness: number): Promise<void> {
    const current = this.#current;
    if (current === undefined) return this.#start();
    const isFresh = current.isNew || isWithin(this.#options.now(), current.startedAt, maxStaleness);
    if (isFresh && !this.#isDirty) return current.answer;
    // Its answer may be older than what this one has heard of; a new question serves all who come until it begins.
    const start = () => {
      this.#next = undefined;
      return this.#current ? this.#current.answer : this.#start();
    };
    return this.#next ??= current.answer.then(start, start);
  }

  #start(): Promise<void> {
    this.#isDirty = false;
    const startedAt = this.#options.now();
    const question: Question = { startedAt, answer: this.#run(startedAt), isNew: true };
    this.#current = question;
    queueMicrotask(() => question.isNew = false);
    const end = () => {
      if (this.#current === question) this.#current = undefined;
    };
    question.answer.then(end, end);
    return question.answer;
  }

  async #run(startedAt: number): Promise<void> {
    try {
      await this.#pull();
      this.#askedAt = startedAt;
      this.#failedAt = undefined;
      this.#error = undefined;
    } catch (error) {
      this.#isDirty = true;
      if (!this.#isClosed) {
        this.#failedAt = this.#options.now();
        this.#error = error;
        if (this.#options.onError) notify(this.#options.onError, error);
      }
      throw error;
    }
  }
}

// A clock that was set back must not make a copy young for years.
function isWithin(now: number, then: number, span: number): boolean {
  const age = now - then;
  return age >= 0 && age < span;
}
