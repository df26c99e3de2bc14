/**
 * What stands beside the bytes of an object: headers for browsers, a user's own words, and what a store needs to know.
 *
 * @module
 */

import type { Metadata } from "../../core/backend.ts";

/** What a store notes on its objects. */
export interface Note {
  /** Tells this write from all others. */
  readonly nonce?: string | undefined;
  /** Milliseconds since the epoch; `undefined` = never expires. */
  readonly expiresAt?: number | undefined;
  /** Whether the bytes were gzipped on the way in, and are to come out as they were. */
  readonly isGzipped?: boolean | undefined;
  /** Whether it stands in the place of an entry that is being removed. */
  readonly isMark?: boolean | undefined;
  /** Checksum of the bytes, as `sha256:…` or `crc32c:…`. */
  readonly checksum?: string | undefined;
}

const NOTE = "x-amz-meta-everymap";
const CUSTOM = "x-amz-meta-";

/** An object without its bytes. */
export interface ObjectHead {
  /** Without quotes. */
  readonly etag: string;
  /** Tells this state of the object from all others. */
  readonly version: string;
  /** Milliseconds since the epoch, by the server's clock, which counts seconds. */
  readonly modifiedAt: number | undefined;
  /** What the server's clock says now. */
  readonly serverNow: number | undefined;
  /** The store's own note. */
  readonly note: Note;
  /** All headers. */
  readonly headers: Headers;
}

/** What the headers of an answer say of an object, or `undefined` if they are not those of one. */
export function headOf(headers: Headers): ObjectHead | undefined {
  const etag = etagOf(headers.get("etag"));
  if (!etag) return undefined;
  const note = parseNote(headers.get(NOTE));
  const modifiedAt = timeOf(headers.get("last-modified"));
  return {
    etag,
    version: `${etag}.${note.nonce ?? modifiedAt}`,
    modifiedAt,
    serverNow: timeOf(headers.get("date")),
    note,
    headers,
  };
}

/** An ETag without its quotes and without the mark of a weak one. */
export function etagOf(text: string | null | undefined): string | undefined {
  return text?.replace(/^W\//, "").replaceAll('"', "") || undefined;
}

/** The header that carries a note. */
export function noteHeader({ nonce, expiresAt, isGzipped, isMark, checksum }: Note): Record<string, string> {
  const fields = [
    nonce && `v=${nonce}`,
    expiresAt !== undefined && `e=${expiresAt}`,
    isGzipped && "z=1",
    isMark && "m=1",
    checksum && `c=${checksum}`,
  ];
  return { [NOTE]: fields.filter(Boolean).join(";") };
}

/** Headers for an object. */
export function metadataHeaders(metadata: Metadata): Record<string, string> {
  const { cacheControl, contentDisposition, contentLanguage, custom = {} } = metadata;
  const headers: Record<string, string> = {};
  if (cacheControl) headers["cache-control"] = cacheControl;
  if (contentDisposition) headers["content-disposition"] = contentDisposition;
  if (contentLanguage) headers["content-language"] = contentLanguage;
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[ -~]+$/.test(value)) throw new TypeError(`Cannot write: ${name} must be of printable ASCII characters`);
  }
  for (const [name, value] of Object.entries(custom)) {
    if (!/^[a-z0-9-]+$/.test(name) || CUSTOM + name === NOTE) {
      throw new TypeError(`Cannot write: ${JSON.stringify(name)} is no name for metadata (a–z, 0–9, -)`);
    }
    headers[CUSTOM + name] = encodeWords(value);
  }
  return headers;
}

/** What the headers of an object say. */
export function metadataOf(headers: Headers): Metadata {
  const custom: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name.startsWith(CUSTOM) && name !== NOTE) custom[name.slice(CUSTOM.length)] = decodeWords(value);
  }
  return {
    contentType: headers.get("content-type") ?? undefined,
    cacheControl: headers.get("cache-control") ?? undefined,
    contentDisposition: headers.get("content-disposition") ?? undefined,
    contentLanguage: headers.get("content-language") ?? undefined,
    custom,
  };
}

function parseNote(text: string | null): Note {
  if (!text) return {};
  const fields = new Map(text.split(";").map((field) => [field.slice(0, 2), field.slice(2)]));
  const expiresAt = fields.get("e=");
  return {
    nonce: fields.get("v="),
    expiresAt: expiresAt === undefined ? undefined : Number(expiresAt),
    isGzipped: fields.has("z="),
    isMark: fields.has("m="),
    checksum: fields.get("c="),
  };
}

// Headers are ASCII, and a signature takes several spaces for one.
function encodeWords(value: string): string {
  return value.replace(/[^!-$&-~ ]|^ | $| (?= )/gu, encodeURIComponent);
}

function decodeWords(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function timeOf(date: string | null): number | undefined {
  return Date.parse(date ?? "") || undefined;
}
