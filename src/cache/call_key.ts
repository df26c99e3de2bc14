/**
 * The arguments of a call as text that no other arguments have.
 *
 * | arguments | text |
 * |---|---|
 * | `"ada"`, `1`, `1n`, `-0`, `NaN` | `"ada"`, `1`, `1n`, `-0`, `NaN` |
 * | `true`, `null`, `undefined` | `true`, `null`, `undefined` |
 * | `[1, "a"]`, an array with a hole | `[1,"a"]`, `[1,hole]` |
 * | `{ b: 1, a: undefined }` | `{"a":undefined,"b":1}`, whatever the order of its keys |
 * | `Map`, `Set` | `Map("a"=>1)`, `Set(1,2)`, whatever the order of their parts |
 * | `Date`, `URL`, `RegExp` | `Date(0)`, `URL("https://…/")`, `RegExp("a+","g")` |
 * | `Uint8Array` and other views, `ArrayBuffer` | `Uint8Array(base64)`, `ArrayBuffer(base64)` |
 *
 * @module
 */

import { toBase64 } from "../core/base64.ts";

/** Deeper arguments are refused; the same limit as for values. */
const MAX_DEPTH = 1000;

/**
 * The canonical text of arguments: equal for arguments of equal content, different for all others. The order of an
 * object's keys is no content, and neither is that of a `Map` or a `Set`; what is `undefined` differs from what is
 * missing, and a number from its digits.
 *
 * @throws {TypeError} If a part is a function, a symbol, an instance of a class, or contains itself; names the path to it.
 *
 * @example
 * ```ts
 * import { callKey } from "@everymap/everymap/cache/call-key";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * assertEquals(callKey(["ada", { page: 2, full: true }]), '"ada",{"full":true,"page":2}');
 * assertNotEquals(callKey(["a:", "b"]), callKey(["a", ":b"]));
 * assertNotEquals(callKey([1]), callKey(["1"]));
 * ```
 */
export function callKey(args: readonly unknown[]): string {
  let text = "";
  for (let i = 0; i < args.length; i++) {
    if (i > 0) text += ",";
    text += plainText(args[i]) ?? new KeyWriter(i).write(args[i] as object);
  }
  return text;
}

/** The text of what is no object, which needs no path to it. */
function plainText(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return value === 0 && 1 / value < 0 ? "-0" : `${value}`;
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return `${value}`;
    default:
      return value === null ? "null" : undefined;
  }
}

/** The way through one argument. */
class KeyWriter {
  readonly #path: (string | number)[];
  readonly #ancestors: object[] = [];

  constructor(index: number) {
    this.#path = [index];
  }

  write(value: object): string {
    if (typeof value !== "object") this.#refuse(`it is a ${typeof value}`);
    switch (Object.getPrototypeOf(value)) {
      case Object.prototype:
      case null:
        return `{${this.#object(value as Record<string, unknown>)}}`;
      case Array.prototype:
        return `[${this.#array(value as unknown[])}]`;
      case Map.prototype: {
        const pairs = [...value as Map<unknown, unknown>].flat(1);
        const texts = this.#parts(value, pairs.entries());
        return `Map(${texts.filter((_, i) => i % 2 === 0).map((key, i) => `${key}=>${texts[2 * i + 1]}`).sort()})`;
      }
      case Set.prototype:
        return `Set(${this.#parts(value, [...value as Set<unknown>].entries()).sort()})`;
      case Date.prototype:
        return `Date(${(value as Date).getTime()})`;
      case URL.prototype:
        return `URL(${JSON.stringify((value as URL).href)})`;
      case RegExp.prototype: {
        const { source, flags, lastIndex } = value as RegExp;
        return `RegExp(${JSON.stringify(source)},"${flags}"${lastIndex === 0 ? "" : `,${lastIndex}`})`;
      }
      case ArrayBuffer.prototype:
        return `ArrayBuffer(${toBase64(new Uint8Array(value as ArrayBuffer))})`;
    }
    if (ArrayBuffer.isView(value)) {
      // A view's own name, also where the platform has a kind of its own, such as Node's Buffer.
      const name = (value as unknown as { [Symbol.toStringTag]: string })[Symbol.toStringTag];
      return `${name}(${toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))})`;
    }
    const { name } = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } }).constructor ?? {};
    return this.#refuse(`it is an instance of ${typeof name === "string" && name ? name : "a class"}`);
  }

  #object(object: Record<string, unknown>): string {
    if (Object.getOwnPropertySymbols(object).length > 0) this.#refuse("it has symbols for keys");
    this.#enter(object);
    let text = "";
    for (const key of Object.keys(object).sort()) {
      text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${this.#part(key, object[key])}`;
    }
    this.#ancestors.pop();
    return text;
  }

  #array(array: unknown[]): string {
    const there = Object.keys(array);
    if (there.length > array.length || (there.length > 0 && !(Number(there.at(-1)) < array.length))) {
      this.#refuse("it is an array with other keys");
    }
    const hasHoles = there.length < array.length;
    this.#enter(array);
    let text = "";
    for (let i = 0; i < array.length; i++) {
      text += `${i === 0 ? "" : ","}${hasHoles && !(i in array) ? "hole" : this.#part(i, array[i])}`;
    }
    this.#ancestors.pop();
    return text;
  }

  /** The texts of the parts of a container. */
  #parts(container: object, parts: Iterable<readonly [key: string | number, part: unknown]>): string[] {
    this.#enter(container);
    const texts: string[] = [];
    for (const [key, part] of parts) texts.push(this.#part(key, part));
    this.#ancestors.pop();
    return texts;
  }

  #part(key: string | number, part: unknown): string {
    const text = plainText(part);
    if (text !== undefined) return text;
    this.#path.push(key);
    const written = this.write(part as object);
    this.#path.pop();
    return written;
  }

  #enter(container: object): void {
    if (this.#ancestors.includes(container)) this.#refuse("it contains itself");
    if (this.#ancestors.push(container) > MAX_DEPTH) this.#refuse("it is nested too deeply");
  }

  #refuse(what: string): never {
    let path = "args";
    for (const key of this.#path) {
      if (typeof key === "number") path += `[${key}]`;
      else path += /^[\w$]{1,100}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 100))}]`;
    }
    throw new TypeError(`Cannot make a key of ${path}: ${what}`);
  }
}
