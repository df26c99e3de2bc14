/**
 * The way through a value that finds what a text or binary format cannot say: it is put in other words, or refused with
 * the path to it. Plain values pass as they are, without a copy.
 *
 * @module
 */

/** What a format cannot say, and what it says instead. */
export interface PlainFormat {
  /** What messages call it. */
  readonly name: string;
  /**
   * What stands for a value that is not plain: not a string, a boolean, `null`, a finite number but `-0`, an array without
   * holes, or an object without a class.
   */
  replace(value: unknown, walk: PlainWalk): unknown;
  /** What stands for an object that has this key alone. @default {the object} */
  replaceSingle?(object: object, key: string): object;
  /** What stands for a string. @default {the string} */
  replaceText?(text: string, walk: PlainWalk): unknown;
  /** Refuses a key that cannot be kept. @default {all can} */
  checkKey?(key: string, walk: PlainWalk): void;
}

/** Deeper values would not come back on every platform; Python's limit too. */
const MAX_DEPTH = 1000;
/** Cycles are looked for from here on: a value seldom gets so deep without one. */
const CYCLE_DEPTH = 50;

/**
 * A value made of what the format can say.
 *
 * @throws {TypeError} If a part of it can neither be kept nor put in other words; names the path, never the value.
 */
export function toPlain(value: unknown, format: PlainFormat): unknown {
  return new PlainWalk(format).visit(value);
}

/** Sets an own property, also where a plain assignment would set the prototype. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else (target as Record<string, unknown>)[key] = value;
}

/** One walk through one value. */
export class PlainWalk {
  readonly #format: PlainFormat;
  readonly #path: (string | number)[] = [];
  readonly #ancestors: object[] = [];
  #depth = 0;

  /** A walk for one value. */
  constructor(format: PlainFormat) {
    this.#format = format;
  }

  /** What stands for a value. */
  visit(value: unknown): unknown {
    switch (typeof value) {
      case "string":
        return this.#format.replaceText ? this.#format.replaceText(value, this) : value;
      case "boolean":
        return value;
      case "number":
        if (value - value === 0 && (value !== 0 || 1 / value > 0)) return value;
        break;
      case "object": {
        if (value === null) return value;
        const prototype = Object.getPrototypeOf(value);
        if (prototype === Object.prototype || prototype === null) return this.#object(value as Record<string, unknown>);
        if (Array.isArray(value) && prototype === Array.prototype) return this.#array(value);
      }
    }
    return this.#format.replace(value, this);
  }

  /** What stands for the parts of a container, which a cycle must not lead back to. */
  visitParts(container: object, parts: Iterable<readonly [key: string | number, part: unknown]>): unknown[] {
    const visited: unknown[] = [];
    this.#enter(container);
    for (const [key, part] of parts) {
      this.#path[this.#depth - 1] = key;
      visited.push(this.visit(part));
    }
    this.#depth--;
    return visited;
  }

  /** Ends the walk: the part it stands at cannot be kept. */
  refuse(what: string): never {
    let path = "$";
    for (const key of this.#path.slice(0, this.#depth)) {
      if (typeof key === "number") path += `[${key}]`;
      else path += /^[\w$]{1,100}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 100))}]`;
    }
    throw new TypeError(`Cannot encode ${path} as ${this.#format.name}: ${what}`);
  }

  #object(object: Record<string, unknown>): object {
    const keys = Object.keys(object);
    if (Object.getOwnPropertySymbols(object).length > 0) this.refuse("it has symbols for keys");
    if (keys.length === 0) return object;
    this.#enter(object);
    const at = this.#depth - 1;
    const keepsText = !this.#format.replaceText;
    let copy: Record<string, unknown> | undefined;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      this.#path[at] = key;
      this.#format.checkKey?.(key, this);
      const value = object[key];
      if (typeof value === "boolean" || (typeof value === "string" && keepsText)) continue;
      const replaced = this.visit(value);
      if (replaced !== value) setOwn(copy ??= { ...object }, key, replaced);
    }
    this.#depth--;
    const plain = copy ?? object;
    return keys.length === 1 && this.#format.replaceSingle ? this.#format.replaceSingle(plain, keys[0]!) : plain;
  }

  #array(array: unknown[]): unknown {
    // To look at all keys of an array would cost more than to write it.
    if ("index" in array || "toJSON" in array) this.refuse("it is an array with other keys");
    this.#enter(array);
    const at = this.#depth - 1;
    const keepsText = !this.#format.replaceText;
    let copy: unknown[] | undefined;
    for (let i = 0; i < array.length; i++) {
      this.#path[at] = i;
      const value = array[i];
      if (typeof value === "string" && keepsText) continue;
      if (value === undefined && !(i in array)) {
        this.#depth--;
        return this.#format.replace(array, this);
      }
      const replaced = this.visit(value);
      if (replaced !== value) (copy ??= array.slice())[i] = replaced;
    }
    this.#depth--;
    return copy ?? array;
  }

  #enter(container: object): void {
    const depth = this.#depth++;
    if (depth >= CYCLE_DEPTH) {
      if (depth >= MAX_DEPTH) this.refuse("it is nested too deeply");
      if (this.#ancestors.lastIndexOf(container, depth - 1) >= 0) this.refuse("it contains itself");
    }
    this.#ancestors[depth] = container;
    this.#path[depth] = "";
  }
}
