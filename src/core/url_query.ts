/**
 * The query of a store's URL as options.
 *
 * @module
 */

/** What a parameter may be. */
export type ParameterKind = "integer" | "boolean" | "text";

/**
 * The parameters of a URL such as `lru:?maxEntries=1000`, by name.
 *
 * @throws {TypeError} If one is unknown, comes twice, or is not of its kind.
 */
export function readQuery(
  url: URL,
  kinds: Readonly<Record<string, ParameterKind>>,
): Record<string, unknown> {
  const scheme = url.protocol.slice(0, -1);
  const options: Record<string, unknown> = {};
  for (const [name, text] of url.searchParams) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      throw new TypeError(
        `Cannot open ${scheme}: "${name}" is not one of its parameters (${Object.keys(kinds).join(", ")})`,
      );
    }
    if (Object.hasOwn(options, name)) {
      throw new TypeError(`Cannot open ${scheme}: ${name} is there twice`);
    }
    options[name] = parse(text, kind);
    if (options[name] === undefined) {
      throw new TypeError(
        `Cannot open ${scheme}: ${name} must be ${kind === "integer" ? "a whole number" : "true or false"}`,
      );
    }
  }
  return options;
}

/**
 * Refuses a URL that names a place, for stores that have none.
 *
 * @throws {TypeError} If there is anything but a scheme and a query.
 */
export function checkNoPlace(url: URL): void {
  if (url.pathname === "" && url.host === "" && url.hash === "") return;
  throw new TypeError(
    `Cannot open ${url.protocol.slice(0, -1)}: its URL has a scheme and parameters only`,
  );
}

function parse(text: string, kind: ParameterKind): unknown {
  if (kind === "text") return text;
  if (kind === "integer") {
    return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  }
  return text === "true" ? true : text === "false" ? false : undefined;
}
