/**
 * A law of stores: a title, what it needs, and a check that any test runner can run.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Backend, ByteBackend, Supports } from "../../core/backend.ts";
import type { Codec } from "../../core/codec.ts";
import { Store } from "../../core/store.ts";
import { FakeClock } from "../fake_clock.ts";

/** One law. */
export interface StoreLaw {
  /** A sentence: subject, then criterion. */
  readonly title: string;
  /** What a backend must support for the law to apply. @default {nothing} */
  readonly needs?: readonly (keyof Supports)[];
  /** Rejects if the law is broken. */
  run(subject: StoreSubject): Promise<void>;
}

/** A backend to be judged. */
export interface StoreSubject {
  /** Makes a fresh, empty place. */
  make(clock: FakeClock): Awaitable<StorePlace>;
  /** The codec of the stores. @default {the backend's own} */
  readonly codec?: Codec<unknown, Uint8Array>;
  /** Values to try, all different. @default {of all kinds} */
  readonly values?: readonly unknown[];
  /** Whether a key is one that the place declares not to take; it must then be refused with `invalid-key`. @default {none} */
  refusesKey?(key: string): boolean;
  /**
   * Whether a version tells contents apart, value and lifetime, and not also two writes of the same: a place that has
   * room for a digest only. @default {false}
   */
  readonly versionsTellContents?: boolean;
}

/** A place where entries live, and connections to it. */
export interface StorePlace {
  /** One more backend on the same place, or the same one again if there can be only one. */
  open(): Awaitable<Backend<unknown> | ByteBackend>;
  /** Lets time pass, where the fake clock does not rule. @default {moves the fake clock} */
  advance?(milliseconds: number): Awaitable<void>;
  /** Takes everything away again. */
  dispose?(): Awaitable<void>;
}

/** What a law works with. */
export interface LawContext {
  /** A store; all stores share the place. */
  readonly store: Store<unknown>;
  /** One more store on the same place. */
  open(options?: { readonly ttl?: number }): Promise<Store<unknown>>;
  /** One more backend on the same place. */
  backend(): Promise<Backend<unknown> | ByteBackend>;
  /** The time. */
  readonly clock: FakeClock;
  /** Lets time pass. */
  advance(milliseconds: number): Promise<void>;
  /** The n-th value to try. */
  value(index: number): unknown;
  /** All values to try. */
  readonly values: readonly unknown[];
  /** The subject. */
  readonly subject: StoreSubject;
}

/** Values of the kinds that people get wrong. */
export const VALUES: readonly unknown[] = [
  "one",
  { name: "Ada", born: 1815, tags: ["math", "poetry"], nested: { deep: [null, true] } },
  3.5,
  "",
  0,
  false,
  null,
  new Uint8Array(0),
  new Uint8Array([0, 128, 255]),
  [],
  {},
  "123",
  "true",
  "null",
  '{"a":1}',
  "什么 ☃ 😀 \u0000",
  new Date(0),
];

/** A law about stores on one fresh place. */
export function law(
  title: string,
  check: (context: LawContext) => Promise<void>,
  needs?: readonly (keyof Supports)[],
): StoreLaw {
  return { title, ...(needs && { needs }), run: (subject) => onFreshPlace(subject, check) };
}

async function onFreshPlace(subject: StoreSubject, check: (context: LawContext) => Promise<void>): Promise<void> {
  const clock = new FakeClock();
  const place = await subject.make(clock);
  const stores: Store<unknown>[] = [];
  const open = async (options: { readonly ttl?: number } = {}) => {
    const backend = await place.open() as ByteBackend;
    const store = subject.codec
      ? new Store<unknown>(backend, { ...options, codec: subject.codec })
      : new Store<unknown>(backend, options);
    stores.push(store);
    return store;
  };
  const values = subject.values ?? VALUES;
  try {
    await check({
      store: await open(),
      open,
      backend: async () => await place.open(),
      clock,
      advance: async (milliseconds) => {
        if (place.advance) await place.advance(milliseconds);
        else clock.advance(milliseconds);
      },
      value: (index) => values[index % values.length],
      values,
      subject,
    });
  } finally {
    for (const store of stores) await store.close();
    await place.dispose?.();
  }
}
