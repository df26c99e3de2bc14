/**
 * Names of objects: which strings can be keys, and how a name stands in a URL.
 *
 * @module
 */

/** What no key contains: the names of a store's own objects begin with it, behind the prefix. */
export const RESERVED = ".everymap/";

/** The longest name of an object, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 1024;

/** Why a string is no key, or `undefined` if it is one. */
export function refusalOf(key: string): string | undefined {
  if (key === "") return "an object needs a name";
  // `fetch` folds them, whether they are percent-encoded or not (https://url.spec.whatwg.org/#double-dot-path-segment).
  if (hasDotPart(key)) return 'a part of the key is "." or ".."';
  // Servers refuse it with a page of their own, or end the name at it.
  if (key.includes("\0")) return "it has the character U+0000";
  return isReserved(key) ? `"${RESERVED}" is reserved` : undefined;
}

/** Whether a part between slashes is `.` or `..`. */
export function hasDotPart(name: string): boolean {
  return /(^|\/)\.\.?(\/|$)/.test(name);
}

/** Whether it is the name of an object of ours, of this store or of one with a longer prefix. */
export function isReserved(name: string): boolean {
  return name.includes(RESERVED);
}

/** A name as the path of a URL, by S3's rules: everything but `A–Z a–z 0–9 - . _ ~ /` is percent-encoded. */
export function toPath(name: string): string {
  if (/^[\w.~/-]*$/.test(name)) return name;
  return encodeURIComponent(name).replaceAll("%2F", "/").replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`.toUpperCase(),
  );
}
