/**
 * Encryption around bytes: AES-256-GCM by WebCrypto.
 *
 * ```
 * EE 45 01 | length of the key's id: uint8 | the id: UTF-8 | initialization vector: 12 bytes | ciphertext with its tag
 * ```
 *
 * What stands before the ciphertext is authenticated with it, and so is the key of the entry in a store.
 *
 * @module
 */

import type { Codec } from "../core/codec.ts";
import { StoreError } from "../core/store_error.ts";
import { decodeUtf8 } from "../core/utf8.ts";

/** One key of a ring. */
export interface EncryptionKey {
  /** What the encrypted bytes call it; from 1 to 255 bytes of UTF-8, no secret. */
  readonly id: string;
  /** 32 random bytes, or a key that WebCrypto holds for AES-GCM. */
  readonly key: Uint8Array | CryptoKey;
}

const MAGIC = [0xee, 0x45, 0x01];
const IV_BYTES = 12;
const TAG_BYTES = 16;

interface Key {
  readonly header: Uint8Array;
  readonly key: () => Promise<CryptoKey>;
}

/**
 * Bytes encrypted and authenticated. The first key encrypts, all of them decrypt: to change keys, put the new one first.
 *
 * What was changed, moved to another entry, or encrypted with another key of the same id, does not decode; a key that is not in the ring is
 * `denied`. Values cannot be streamed: none of a value is known to be right before all of it has been seen.
 *
 * @throws {TypeError} If there is no key, an id is there twice or too long, or a key has not 32 bytes.
 *
 * @example Change keys
 * ```ts
 * import { encrypted } from "@everymap/everymap/codecs/encrypted";
 * import { assertEquals } from "@std/assert";
 *
 * const [older, newer] = [1, 2].map((id) => ({ id: `${id}`, key: crypto.getRandomValues(new Uint8Array(32)) }));
 * const secret = await encrypted([older!]).encode(Uint8Array.of(42));
 * assertEquals(await encrypted([newer!, older!]).decode(secret), Uint8Array.of(42));
 * ```
 */
export function encrypted(keys: readonly EncryptionKey[]): Codec<Uint8Array, Uint8Array> {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new TypeError("Cannot make encrypted: it needs at least one key");
  }
  const ring = new Map<string, Key>();
  for (const { id, key } of keys as readonly EncryptionKey[]) {
    if (ring.has(id)) throw new TypeError(`Cannot make encrypted: the id ${JSON.stringify(id)} is there twice`);
    ring.set(id, { header: headerOf(id), key: importer(id, key) });
  }
  const [first] = ring.values();
  return {
    name: "encrypted",
    contentType: "application/octet-stream",
    extension: ".enc",
    async encode(bytes, entry) {
      if (!(bytes instanceof Uint8Array)) throw new TypeError("Cannot encode as encrypted: not a Uint8Array");
      const { header, key } = first!;
      const prefix = new Uint8Array(header.length + IV_BYTES);
      prefix.set(header);
      crypto.getRandomValues(prefix.subarray(header.length));
      const iv = prefix.slice(header.length);
      const parameters = { name: "AES-GCM", iv, additionalData: bound(prefix, entry) };
      const ciphertext = await crypto.subtle.encrypt(parameters, await key(), bytes as Uint8Array<ArrayBuffer>);
      const whole = new Uint8Array(prefix.length + ciphertext.byteLength);
      whole.set(prefix);
      whole.set(new Uint8Array(ciphertext), prefix.length);
      return whole;
    },
    async decode(raw, entry) {
      const start = MAGIC.length + 1 + (raw[MAGIC.length] ?? 0) + IV_BYTES;
      if (MAGIC.some((byte, i) => raw[i] !== byte) || raw.length < start + TAG_BYTES) {
        throw new Error("Cannot decode encrypted: it has no whole header");
      }
      const key = ring.get(decodeUtf8(raw.subarray(MAGIC.length + 1, start - IV_BYTES)));
      if (!key) {
        throw new StoreError("denied", {
          store: "encrypted",
          operation: "read",
          reason: "the key it was encrypted with is not in the ring",
        });
      }
      const additionalData = bound(raw.subarray(0, start), entry);
      const iv = raw.slice(start - IV_BYTES, start);
      const ciphertext = raw.subarray(start) as Uint8Array<ArrayBuffer>;
      return new Uint8Array(
        await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, await key.key(), ciphertext),
      );
    },
    streams: { encode: () => refuse("write"), decode: () => refuse("read") },
  };
}

/** What stands before the ciphertext, and the key of the entry. */
function bound(prefix: Uint8Array, entry = ""): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(...prefix, ...new TextEncoder().encode(entry));
}

function headerOf(id: unknown): Uint8Array {
  const bytes = typeof id === "string" && id.isWellFormed() ? new TextEncoder().encode(id) : new Uint8Array();
  if (bytes.length === 0 || bytes.length > 255) {
    throw new TypeError("Cannot make encrypted: the id of a key must be a string of 1 to 255 bytes");
  }
  return Uint8Array.of(...MAGIC, bytes.length, ...bytes);
}

function importer(id: string, key: unknown): () => Promise<CryptoKey> {
  if (key instanceof Uint8Array && key.length === 32) {
    const raw = new Uint8Array(key);
    let imported: Promise<CryptoKey> | undefined;
    return () => imported ??= crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  }
  const { name, length } = (key as { algorithm?: { name?: string; length?: number } } | undefined)?.algorithm ?? {};
  if (name === "AES-GCM" && length === 256) return () => Promise.resolve(key as CryptoKey);
  throw new TypeError(
    `Cannot make encrypted: the key ${JSON.stringify(id)} must be 32 bytes, or a CryptoKey for AES-GCM`,
  );
}

function refuse(operation: string): never {
  throw new StoreError("unsupported", { store: "encrypted", operation, reason: "encrypted values cannot be streamed" });
}
