/**
 * The contract of a place where entries live: four methods, and fast paths that may be left out.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";
import type { Clock } from "./clock.ts";
import type { Codec, Decoding, Format } from "./codec.ts";

/** What stands beside a value where entries are files or objects that others read, too; other places have no room for it. */
export interface Metadata {
  /** Media type. @default {by the codec, and by the key's ending where that says more} */
  readonly contentType?: string | undefined;
  /** How long others may keep a copy, such as `public, max-age=3600` (RFC 9111 §5.2). */
  readonly cacheControl?: string | undefined;
  /** Whether a browser shows it or saves it, and under which name (RFC 6266). */
  readonly contentDisposition?: string | undefined;
  /** Language of the content (RFC 9110 §8.5). */
  readonly contentLanguage?: string | undefined;
  /** Words of one's own; names of a–z, 0–9 and `-`. */
  readonly custom?: Readonly<Record<string, string>> | undefined;
}

/** One entry: a value and what is known about it. */
export interface Entry<V> {
  /** The value; never `undefined`. */
  readonly value: V;
  /** A token that changes with every write of this key. */
  readonly version?: string | undefined;
  /** Milliseconds since the epoch; `undefined` = never expires. */
  readonly expiresAt?: number | undefined;
  /** Milliseconds since the epoch at which the value was written. */
  readonly createdAt?: number | undefined;
  /** What stands beside it. */
  readonly metadata?: Metadata | undefined;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call early; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a read takes. */
export interface ReadOptions extends CallOptions {
  /** Whether everything known of the entry is wanted; without it the value alone will do. @default {false} */
  readonly details?: boolean | undefined;
}

/** When a write or a removal happens: only if the key is absent, or only if its entry still has this version. */
export type Condition = "absent" | { readonly version: string };

/** What a write takes. */
export interface WriteOptions extends CallOptions {
  /** Milliseconds since the epoch; `undefined` = never expires. In the past: the key is absent afterwards. */
  readonly expiresAt?: number | undefined;
  /** When to write. @default {always} */
  readonly condition?: Condition | undefined;
  /** What to keep beside the value, where there is room for it. */
  readonly metadata?: Metadata | undefined;
}

/** What a removal takes. */
export interface RemoveOptions extends CallOptions {
  /** Remove only if the entry still has this version. */
  readonly condition?: { readonly version: string } | undefined;
}

/** Which keys are meant. */
export interface PrefixOptions extends CallOptions {
  /** Only keys that start with it. @default {""} */
  readonly prefix?: string | undefined;
}

/** What a listing takes. */
export interface ListOptions extends PrefixOptions {
  /** Only keys behind this one; needs `supports.order`. */
  readonly after?: string | undefined;
  /** At most so many keys. @default {Infinity} */
  readonly limit?: number | undefined;
}

/** Keys, one by one. */
export type Keys = Iterable<string> | AsyncIterable<string>;

/**
 * What a watcher is told: that something may have changed, and whether it is going to be told of the next change. `false`:
 * sight is lost, because a connection is down; `true` after it: sight is regained, and changes may have been missed.
 */
export type WatchListener = (isWatching: boolean) => void;

/** What a backend can do; what it cannot do is refused with `unsupported`, never faked. */
export interface Supports {
  /** Keys can be listed and counted. */
  readonly list: boolean;
  /** Listings are in the order of the keys' UTF-8 bytes, so `after` can resume one. */
  readonly order: boolean;
  /** Entries can expire. */
  readonly ttl: boolean;
  /** `condition: "absent"` is atomic. */
  readonly create: boolean;
  /** Entries have versions, and a condition on one is atomic. */
  readonly swap: boolean;
  /** Values can be streamed. */
  readonly stream: boolean;
  /** The backend can say cheaply whether anything changed. */
  readonly revision: boolean;
}

/**
 * A place where entries live.
 *
 * To implement one, write `read`, `write`, `remove` and `list`; each may answer with a value or a promise. Keys arrive
 * checked: strings without lone surrogates, of at most `maxKeyBytes`. An expired entry is absent for every method: the
 * backend judges by its own clock. A key that is absent is an answer, everything else that fails throws, best as a
 * `StoreError` named at the place where the backend speaks to the world. The other methods are fast paths: leaving one
 * out costs speed, never correctness.
 */
export interface Backend<Raw> {
  /** What messages call it; holds no credentials. */
  readonly name: string;
  /** What it can do. */
  readonly supports: Supports;
  /** The longest key it can keep, in bytes of UTF-8. @default {Infinity} */
  readonly maxKeyBytes?: number | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;

  /** The entry, or `undefined` if the key is absent. */
  read(key: string, options?: ReadOptions): Awaitable<Entry<Raw> | undefined>;
  /** `false` if the condition failed and nothing was written; else the new version, or `true` where it is not known. */
  write(key: string, raw: Raw, options?: WriteOptions): Awaitable<string | boolean>;
  /** Whether there was an entry and it is gone now. */
  remove(key: string, options?: RemoveOptions): Awaitable<boolean>;
  /** The keys; one that is there throughout comes exactly once. */
  list(options?: ListOptions): Keys;

  /** The value alone, for a backend that has it at hand; {@linkcode read} without a promise or an entry around it. */
  readSync?(key: string): Raw | undefined;
  /**
   * {@linkcode write} without a condition, for a backend that is done when it returns; `false` if it has refused the key. The
   * store leaves it to it to refuse a key that is new and not well-formed: one that is there has been looked at.
   */
  writeSync?(key: string, raw: Raw, expiresAt?: number): boolean;
  /** The entries that are there, in a `Map` that the caller may change; one round trip. */
  readMany?(keys: readonly string[], options?: ReadOptions): Awaitable<Map<string, Entry<Raw>>>;
  /** The values alone in the order of the keys, `undefined` for what is absent; {@linkcode readMany} without the entries. */
  readValues?(keys: readonly string[], options?: CallOptions): Awaitable<readonly (Raw | undefined)[]>;
  /** Writes all, in one round trip; unconditional. */
  writeMany?(entries: ReadonlyMap<string, Raw>, options?: Omit<WriteOptions, "condition">): Awaitable<void>;
  /** How many there were and are gone now. */
  removeMany?(keys: readonly string[], options?: CallOptions): Awaitable<number>;
  /** Whether the key is there, without fetching its value and without counting as a use of it. */
  has?(key: string, options?: CallOptions): Awaitable<boolean>;
  /** How many keys there are. */
  count?(options?: PrefixOptions): Awaitable<number>;
  /** Removes all keys that start with the prefix. */
  clear?(options?: PrefixOptions): Awaitable<void>;
  /** Gives a live entry a new lifetime; `false` if there is none. */
  touch?(key: string, expiresAt: number | undefined, options?: CallOptions): Awaitable<boolean>;
  /** Reads and removes as one step; of several callers one gets the entry, with its lifetime. */
  take?(key: string, options?: CallOptions): Awaitable<Entry<Raw> | undefined>;
  /** Drops expired entries that still take room; how many. */
  prune?(options?: CallOptions): Awaitable<number>;
  /** The raw value as a stream; where `supports.stream`. */
  readable?(key: string, options?: CallOptions): Awaitable<ReadableStream<Uint8Array> | undefined>;
  /** Takes the raw value as a stream: the entry appears when the stream is closed, and not at all when it is aborted. */
  writable?(key: string, options?: Omit<WriteOptions, "condition">): Awaitable<WritableStream<Uint8Array>>;
  /** A token that changes exactly when an entry is written or removed; where `supports.revision`. */
  revision?(options?: CallOptions): Awaitable<string>;
  /** The keys that may have been written or removed since this was the revision; `undefined` if it can no longer tell. */
  changes?(since: string, options?: CallOptions): Awaitable<readonly string[] | undefined>;
  /** The versions of all keys, as `read` tells them, without the values: what makes out who has changed. */
  versions?(options?: PrefixOptions): Awaitable<Map<string, string>>;
  /**
   * Calls the listener soon after each change, whoever makes it, from now until the function that is the answer is called;
   * many changes may be one call. The signal ends the opening alone, `close` ends the watch.
   */
  watch?(listener: WatchListener, options?: CallOptions): Awaitable<() => Awaitable<void>>;
  /** The same place for values of this format: a folder gives its files the right ending. */
  withFormat?(format: Format): Backend<Raw>;
  /** Lets go of files, sockets and timers; keeps the data. */
  close?(): Awaitable<void>;
}

/** A backend that keeps bytes, and names the codec for values that come without one. */
export interface ByteBackend extends Backend<Uint8Array> {
  /** The codec of a store that is given none. */
  readonly codec: Codec<unknown, Uint8Array>;
  /** The function `encoded` of `core/encoded.ts`, named here so that a store of plain values carries no code for bytes. */
  readonly encoded: <V>(
    backend: Backend<Uint8Array>,
    codec: Codec<V, Uint8Array>,
    decoding?: Decoding<V, Uint8Array>,
  ) => Backend<V>;
  /** The same place for values of this format. */
  withFormat?(format: Format): ByteBackend;
}
