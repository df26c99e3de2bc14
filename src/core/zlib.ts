/**
 * Compression by `node:zlib`, which Deno, Bun, Node and workerd have: what the codecs of compressed bytes stand on.
 *
 * The module is loaded when the first value comes by. Short input is done at once, as a thread costs more than it saves;
 * long input goes to the thread pool. Where there is no `node:zlib` a codec may bring a portable form of its own.
 *
 * @module
 */

import type { Awaitable } from "./awaitable.ts";
import type { ByteStreams, Codec } from "./codec.ts";
import { StoreError } from "./store_error.ts";

/** One compression, as `node:zlib` names its parts. */
export interface Compression {
  /** What messages call it. */
  readonly name: string;
  /** Content coding (RFC 9110 §8.4). */
  readonly contentEncoding: string;
  /** Ending of a file's name. */
  readonly extension: string;
  /** The function that compresses. */
  readonly encoder: "gzip" | "deflate" | "brotliCompress" | "zstdCompress";
  /** The function that decompresses. */
  readonly decoder: "gunzip" | "inflate" | "brotliDecompress" | "zstdDecompress";
  /** What the encoder is told. */
  readonly encoderOptions: object;
  /** The most bytes that decoding may give. @default {Infinity} */
  readonly maxBytes?: number | undefined;
  /** Whether the decoder passes over input that ends early, so that a byte behind the end has to show it. @default {false} */
  readonly isLenient?: boolean | undefined;
  /** Tells whether input is whole, where the decoder does not and a byte behind the end would be an error. */
  readonly findEnd?: (() => EndFinder) | undefined;
  /** The same without `node:zlib`. @default {none: `unsupported`} */
  readonly portable?: PortableCompression | undefined;
}

/** A compression that needs nothing of the platform's own. */
export interface PortableCompression extends ByteStreams {
  /** The bytes compressed. */
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** The bytes again. */
  decompress(bytes: Uint8Array): Promise<Uint8Array>;
}

/** What follows the structure of compressed bytes. */
export interface EndFinder {
  /** Takes the next bytes. */
  push(bytes: Uint8Array): void;
  /** How many of the bytes so far hold data; an encoder may put an empty end behind them, which a decoder leaves. */
  dataEnd(): number;
  /** Whether the bytes so far are whole. */
  isAtEnd(): boolean;
}

/** Input from this length on goes to the thread pool. */
const THREAD_BYTES = 64 * 1024;

interface Decoded {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

interface Engine {
  readonly bytesWritten: number;
  on(event: string, listener: (value: never) => void): unknown;
  destroy(): unknown;
  write(chunk: Uint8Array, done: (error?: Error | null) => void): unknown;
  end(): unknown;
}

type Zlib = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/** The codec of a compression. */
export function compressed(compression: Compression): Codec<Uint8Array, Uint8Array> {
  const { name, contentEncoding, extension, encoder, decoder, encoderOptions, portable } = compression;
  const { maxBytes = Infinity, isLenient = false, findEnd } = compression;
  const decoderOptions = maxBytes === Infinity
    ? { info: true }
    : { info: true, maxOutputLength: Math.max(1, maxBytes) };
  let known: Zlib | undefined;
  const zlib = (): Zlib | undefined => known ??= load(encoder);

  const unsupported = (operation: string): StoreError =>
    new StoreError("unsupported", { store: name, operation, reason: "this runtime has no node:zlib for it" });
  const tooLarge = (): StoreError =>
    new StoreError("too-large", { store: name, operation: "read", reason: `more than ${maxBytes} bytes` });
  const failure = (error: unknown): unknown =>
    (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge() : error;
  const finish = ({ buffer, engine }: Decoded, length: number, finder: EndFinder | undefined): Uint8Array => {
    if (!isWhole(engine, length, finder)) throw incomplete(name);
    if (buffer.length > maxBytes) throw tooLarge();
    return plain(buffer);
  };

  return {
    name,
    contentEncoding,
    extension,
    encode(bytes: Uint8Array): Awaitable<Uint8Array> {
      if (!(bytes instanceof Uint8Array)) throw new TypeError(`Cannot encode as ${name}: not a Uint8Array`);
      const native = zlib();
      if (native === undefined) {
        if (portable) return portable.compress(bytes);
        throw unsupported("write");
      }
      if (bytes.length < THREAD_BYTES) {
        // One buffer that what comes out will fit into: the one of 16 KiB costs more than the compression of a short value.
        const options = { ...encoderOptions, chunkSize: bytes.length + 64 };
        return plain(native[`${encoder}Sync`]!(bytes, options) as Uint8Array);
      }
      return new Promise((resolve, reject) => {
        native[encoder]!(
          bytes,
          encoderOptions,
          (error: unknown, result: Uint8Array) => error ? reject(error) : resolve(plain(result)),
        );
      });
    },
    decode(bytes: Uint8Array): Awaitable<Uint8Array> {
      const native = zlib();
      if (native === undefined) {
        if (portable) return portable.decompress(bytes);
        throw unsupported("read");
      }
      const finder = findEnd?.();
      finder?.push(bytes);
      if (finder?.isAtEnd() === false) throw incomplete(name);
      const input = isLenient ? oneMore(bytes) : bytes;
      if (bytes.length < THREAD_BYTES) {
        let decoded: Decoded;
        try {
          const chunkSize = Math.min(8 * bytes.length + 64, 16 * 1024);
          decoded = native[`${decoder}Sync`]!(input, { ...decoderOptions, chunkSize }) as Decoded;
        } catch (error) {
          throw failure(error);
        }
        return finish(decoded, bytes.length, finder);
      }
      return new Promise((resolve, reject) => {
        native[decoder]!(input, decoderOptions, (error: unknown, decoded: Decoded) => {
          if (error) return reject(failure(error));
          try {
            resolve(finish(decoded, bytes.length, finder));
          } catch (cause) {
            reject(cause);
          }
        });
      });
    },
    streams: {
      encode() {
        const native = zlib();
        if (native) return stream(create(native, encoder, encoderOptions), Infinity, tooLarge);
        if (portable) return portable.encode();
        throw unsupported("write");
      },
      decode() {
        const native = zlib();
        if (native) {
          return stream(create(native, decoder, {}), maxBytes, tooLarge, { name, isLenient, finder: findEnd?.() });
        }
        if (portable) return portable.decode();
        throw unsupported("read");
      },
    },
  };
}

/**
 * Checks a level and a limit.
 *
 * @throws {RangeError} If one is out of its range.
 */
export function checkCompression(
  name: string,
  { level, maxBytes }: { readonly level?: number | undefined; readonly maxBytes?: number | undefined },
  [lowest, highest]: readonly [number, number],
): void {
  if (level !== undefined && !(Number.isInteger(level) && level >= lowest && level <= highest)) {
    throw new RangeError(`Cannot make ${name}: level must be an integer from ${lowest} to ${highest}`);
  }
  if (maxBytes !== undefined && !(maxBytes >= 0)) {
    throw new RangeError(`Cannot make ${name}: maxBytes must be 0 or more`);
  }
}

function load(encoder: string): Zlib | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: string): Zlib | undefined } };
  const zlib = process?.getBuiltinModule?.("node:zlib");
  return zlib?.[encoder] ? zlib : undefined;
}

function create(zlib: Zlib, method: string, options: object): Engine {
  return zlib[`create${method[0]!.toUpperCase()}${method.slice(1)}`]!(options) as Engine;
}

function isWhole(engine: { readonly bytesWritten: number }, given: number, finder: EndFinder | undefined): boolean {
  return finder ? finder.isAtEnd() && engine.bytesWritten >= finder.dataEnd() : engine.bytesWritten === given;
}

function incomplete(name: string): Error {
  return new Error(`Cannot decode ${name}: it ends early, or something follows its end`);
}

// Short results come as a small part of a 16 KiB buffer, which would be kept with them.
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer.byteLength > 2 * bytes.length) return new Uint8Array(bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function oneMore(bytes: Uint8Array): Uint8Array {
  const more = new Uint8Array(bytes.length + 1);
  more.set(bytes);
  return more;
}

/** A stream through an engine; with a `name` it decodes, and what it is given must end where the compressed bytes end. */
function stream(
  engine: Engine,
  maxBytes: number,
  tooLarge: () => StoreError,
  decoding?: { readonly name: string; readonly isLenient: boolean; readonly finder: EndFinder | undefined },
): TransformStream<Uint8Array, Uint8Array> {
  let given = 0;
  let taken = 0;
  /** Whether nobody reads any more. */
  let isLeft = false;
  // Held back, so that the byte behind the end comes together with the last chunk: alone it would begin a new frame.
  let held: Uint8Array | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    engine.on("end", resolve);
    engine.on("close", resolve);
    engine.on("error", reject);
  });
  ended.catch(() => {});
  // An engine that has come to its end forgets to call back.
  const write = (chunk: Uint8Array) => {
    const written = new Promise<void>((resolve, reject) => {
      engine.write(chunk, (error) => error ? reject(error) : resolve());
    });
    return Promise.race([written, ended]);
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      engine.on("data", (chunk: Uint8Array) => {
        taken += chunk.length;
        try {
          if (taken > maxBytes) controller.error(tooLarge());
          else controller.enqueue(plain(chunk));
        } catch {
          // Thrown in an event it would end the process.
          isLeft = true;
          engine.destroy();
        }
      });
      engine.on("error", (error: Error) => controller.error(error));
    },
    async transform(chunk) {
      given += chunk.length;
      if (taken > maxBytes) throw tooLarge();
      decoding?.finder?.push(chunk);
      if (!decoding?.isLenient) return await write(chunk);
      if (held) await write(held);
      held = chunk.slice();
    },
    async flush() {
      if (decoding?.isLenient) await write(oneMore(held ?? new Uint8Array()));
      if (!isLeft) engine.end();
      await ended;
      if (isLeft) return;
      if (taken > maxBytes) throw tooLarge();
      if (decoding && !isWhole(engine, given, decoding.finder)) throw incomplete(decoding.name);
    },
  });
}
