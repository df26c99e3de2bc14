/**
 * Whether two values are the same to everybody but `===`.
 *
 * @module
 */

/** What is nested deeper, as a cycle is, counts as different. */
const MAX_DEPTH = 2000;

/** Whether two values are equal in value, type and prototype. */
export function isEqual(a: unknown, b: unknown, depth = 0): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
    // Node's Buffer is a Uint8Array to everybody who was promised one.
    return kindOf(a) === kindOf(b) && isEqualBytes(bytesOf(a), bytesOf(b));
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b) || depth > MAX_DEPTH) return false;
  if (a instanceof ArrayBuffer) return isEqualBytes(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof Error) return a.name === (b as Error).name && a.message === (b as Error).message;
  if (a instanceof Map || a instanceof Set) {
    return isEqual([...a as Iterable<unknown>], [...b as Iterable<unknown>], depth + 1);
  }
  const names = Reflect.ownKeys(a);
  return names.length === Reflect.ownKeys(b).length && names.every((name) =>
    Object.hasOwn(b, name) &&
    isEqual((a as Record<PropertyKey, unknown>)[name], (b as Record<PropertyKey, unknown>)[name], depth + 1)
  );
}

function kindOf(view: ArrayBufferView): string {
  return view instanceof Uint8Array ? "Uint8Array" : Object.prototype.toString.call(view);
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
