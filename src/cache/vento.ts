/**
 * Cached fragments in templates of Vento (https://vento.js.org).
 *
 * ```html
 * {{ cached "menu" 60_000 }} … {{ /cached }}
 * {{ cached ["orders", user.id] { ttl: { minutes: 5 }, region: "personal" } }} … {{ /cached }}
 * ```
 *
 * @module
 */

import type { Duration } from "../core/lifetime.ts";
import { checkOptions } from "../core/options.ts";
import { cachedFragment } from "./cached_fragment.ts";
import type { Region } from "./region.ts";

/** A piece of a template: what it is, its code, and where it stands. */
export type VentoToken = [type: "string" | "tag" | "filter" | "comment", code: string, position: number];

/** A tag of Vento: makes code of the tokens that it knows. */
export type VentoTag = (
  environment: VentoEnvironment,
  token: VentoToken,
  output: string,
  tokens: VentoToken[],
) => string | undefined;

/** What the plugin uses of Vento's environment. */
export interface VentoEnvironment {
  /** Its tags. */
  readonly tags: { push(tag: VentoTag): unknown };
  /** What compiled templates call. */
  readonly utils: Record<string, unknown>;
  /** Code of the tokens up to a closing tag. */
  compileTokens(tokens: VentoToken[], output: string, closeTag: string): string[];
  /** Code that applies the filters that stand first among the tokens. */
  compileFilters(tokens: VentoToken[], output: string): string;
  /** A name that no other variable has. */
  getTempVariable(): string;
}

/** How {@linkcode cachedTag} works. */
export interface CachedTagOptions {
  /** The regions that templates may name. */
  readonly regions: Readonly<Record<string, Region<string>>>;
  /** The region of a tag that names none. @default {the only one there is} */
  readonly region?: string | undefined;
}

/** What stands in a tag behind its key: a lifetime, or options. */
export type CachedTagSettings = number | Duration | {
  /** How long the fragment stays fresh: milliseconds, or a duration. @default {the region's} */
  readonly ttl?: number | Duration;
  /** The region that keeps it. @default {that of the plugin} */
  readonly region?: string;
};

/**
 * A plugin for Vento: `{{ cached key }}`, `{{ cached key ttl }}` or `{{ cached key { ttl, region } }}` up to `{{ /cached }}`
 * renders what is between once, and again when it is no longer fresh. The key is text, or an array of parts. What the tag
 * prints is kept; what it does besides, such as `{{ set }}`, happens only when it renders.
 *
 * @throws {TypeError} If an option is unknown, or the region of tags without one is missing.
 *
 * @example
 * ```ts
 * import { Region } from "@everymap/everymap";
 * import { cachedTag } from "@everymap/everymap/cache/vento";
 * import { assertEquals } from "@std/assert";
 * import vento from "ventojs";
 *
 * const templates = vento();
 * templates.use(cachedTag({ regions: { pages: new Region<string>({ ttl: { minutes: 1 } }) } }));
 * const source = '{{ cached ["greeting", name] 5000 }}Hello {{ name }}{{ /cached }}';
 * assertEquals((await templates.runString(source, { name: "Ada" })).content, "Hello Ada");
 * ```
 */
export function cachedTag(options: CachedTagOptions): (environment: VentoEnvironment) => void {
  checkOptions("cachedTag", options, ["regions", "region"]);
  const { regions } = options;
  const names = Object.keys(regions);
  const { region: usual = names.length === 1 ? names[0] : undefined } = options;
  const find = (name: string | undefined): Region<string> => {
    if (name !== undefined && Object.hasOwn(regions, name)) return regions[name]!;
    const what = name === undefined ? "the tag names no region" : `there is no region ${JSON.stringify(name)}`;
    throw new TypeError(`Cannot cache a fragment: ${what} (there are: ${names.join(", ")})`);
  };
  if (usual !== undefined) find(usual);

  const cached = (key: string | unknown[], settings: CachedTagSettings | undefined, render: () => Promise<string>) => {
    const { ttl, region = usual } = hasFields(settings) ? settings : { ttl: settings };
    return cachedFragment(find(region), key, render, ttl === undefined ? undefined : { ttl });
  };
  return (environment) => {
    environment.utils["cached"] = cached;
    environment.tags.push(compile);
  };
}

function compile(
  environment: VentoEnvironment,
  [, code]: VentoToken,
  output: string,
  tokens: VentoToken[],
): string | undefined {
  const [, operands] = /^cached\s+([^]*)$/.exec(code) ?? [];
  if (operands === undefined) return undefined;
  const [key, settings = "undefined", ...more] = splitOperands(operands);
  if (key === undefined || more.length > 0) {
    throw new SyntaxError(`Cannot read the tag {{ ${code} }}: it takes a key, and a lifetime or options`);
  }
  const text = environment.getTempVariable();
  const filtered = environment.compileFilters(tokens, text);
  const body = environment.compileTokens(tokens, text, "/cached").join("\n");
  return `${output} += await __env.utils.cached(${key}, ${settings}, async () => {
    let ${text} = "";
    ${body}
    return \`\${${filtered}}\`;
  });`;
}

const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/y;
const SPACE = /\s+/y;

/** Expressions that stand side by side: split at spaces outside of brackets that have an operand on both sides. */
function splitOperands(code: string): string[] {
  const operands: string[] = [];
  let operand = "";
  let depth = 0;
  for (let at = 0; at < code.length;) {
    const char = code[at]!;
    SPACE.lastIndex = STRING.lastIndex = at;
    const [space] = SPACE.exec(code) ?? [];
    const [word = char] = STRING.exec(code) ?? [];
    if (space !== undefined) {
      const follows = code[at + space.length] ?? "";
      if (depth === 0 && /[\w$"'`)\]}]$/.test(operand) && /[\w$"'`([{]/.test(follows)) {
        operands.push(operand);
        operand = "";
      } else operand += space;
      at += space.length;
      continue;
    }
    if ("([{".includes(char)) depth++;
    if (")]}".includes(char)) depth--;
    operand += word;
    at += word.length;
  }
  if (operand.trim() !== "") operands.push(operand);
  return operands;
}

function hasFields(settings: CachedTagSettings | undefined): settings is Exclude<CachedTagSettings, number | Duration> {
  return typeof settings === "object" && ("ttl" in settings || "region" in settings);
}
