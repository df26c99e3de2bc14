/**
 * Codecs by name, as they stand in a URL or a configuration: `json+gzip://?level=9`.
 *
 * @module
 */

import { chain } from "../codecs/chain.ts";
import type { Awaitable } from "../core/awaitable.ts";
import type { Codec } from "../core/codec.ts";

/** What a parameter of a codec's URL is read as. */
export type CodecParameter = "number" | "boolean" | "string";

/** A codec that a URL can name. */
export interface CodecScheme {
  /** Whether it encodes any value, and so can only come first, or bytes. */
  readonly encodes: "values" | "bytes";
  /** The parameters it knows; they become its options. @default {none} */
  readonly parameters?: Readonly<Record<string, CodecParameter>> | undefined;
  /** Makes the codec. */
  make(
    options: Record<string, string | number | boolean>,
  ): Awaitable<Codec<unknown, Uint8Array>>;
}

/** What {@linkcode codecFromUrl} is told. */
export interface CodecFromUrlOptions {
  /** Codecs by name, beside the built-in ones or instead of them. @default {none} */
  readonly schemes?: Readonly<Record<string, CodecScheme>> | undefined;
}

const BROTLI = { level: "number", maxBytes: "number" } as const;
const COMPRESSION = { ...BROTLI, minBytes: "number" } as const;

const SCHEMES: Readonly<Record<string, CodecScheme>> = {
  json: {
    encodes: "values",
    parameters: { plain: "boolean", indent: "number" },
    make: async (options) => (await import("../codecs/json.ts")).json(options),
  },
  text: {
    encodes: "values",
    make: async () => (await import("../codecs/text.ts")).text(),
  },
  bytes: {
    encodes: "values",
    make: async () => (await import("../codecs/bytes.ts")).bytes(),
  },
  msgpack: {
    encodes: "values",
    make: async () => (await import("../codecs/msgpack.ts")).msgpack(),
  },
  structured: {
    encodes: "values",
    make: async () => (await import("../codecs/structured.ts")).structured(),
  },
  gzip: {
    encodes: "bytes",
    parameters: COMPRESSION,
    make: async (options) => (await import("../codecs/gzip.ts")).gzip(options),
  },
  deflate: {
    encodes: "bytes",
    parameters: COMPRESSION,
    make: async (options) => (await import("../codecs/deflate.ts")).deflate(options),
  },
  brotli: {
    encodes: "bytes",
    parameters: BROTLI,
    make: async (options) => (await import("../codecs/brotli.ts")).brotli(options),
  },
  zstd: {
    encodes: "bytes",
    parameters: COMPRESSION,
    make: async (options) => (await import("../codecs/zstd.ts")).zstd(options),
  },
};

/**
 * The codec that a URL names: one that encodes values, then any that encode bytes, joined by `+`.
 *
 * All of them read the same parameters, each those it knows. Only what is named is loaded. Known are `json` (`plain`,
 * `indent`), `text`, `bytes`, `msgpack`, `structured`, and `gzip`, `deflate`, `brotli`, `zstd` (`level`, `maxBytes`, and
 * `minBytes` but for `brotli`).
 * `json+gzip` means `json+gzip://`; a space stands for `+`, which is what a query makes of it.
 *
 * @throws {TypeError} If a codec or a parameter is unknown, is there twice, or stands in the wrong place.
 * @throws {RangeError} If a parameter is out of its range.
 *
 * @example
 * ```ts
 * import { codecFromUrl } from "@everymap/everymap/open/codec-from-url";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = await codecFromUrl("json+gzip://?level=9");
 * assertEquals(codec.extension, ".json.gz");
 * assertEquals(await codec.decode(await codec.encode({ name: "Ada" })), { name: "Ada" });
 * ```
 */
export async function codecFromUrl(
  url: string | URL,
  { schemes = {} }: CodecFromUrlOptions = {},
): Promise<Codec<unknown, Uint8Array>> {
  const known = new Map(Object.entries({ ...SCHEMES, ...schemes }));
  const [, path = "", query = ""] = /^([^:?/#]*)(?::\/{0,2})?(?:\?([^#]*))?$/.exec(`${url}`) ?? [];
  const names = path.split(/[+ ]/);
  const layers = names.map((name, i) => {
    const scheme = known.get(name);
    if (!scheme) {
      throw new TypeError(
        `Cannot make a codec: ${quote(name)} is not one of ${[...known.keys()].join(", ")}`,
      );
    }
    if (i > 0 && scheme.encodes === "values") {
      throw new TypeError(
        `Cannot make a codec: ${name} encodes values, so it can only come first`,
      );
    }
    return scheme;
  });
  const parameters = read(query, layers);
  const [first, ...rest] = await Promise.all(layers.map((layer) => {
    const own = Object.keys(layer.parameters ?? {}).filter((name) => Object.hasOwn(parameters, name));
    return layer.make(
      Object.fromEntries(own.map((name) => [name, parameters[name]!])),
    );
  }));
  return chain(first!, ...rest as Codec<Uint8Array, Uint8Array>[]);
}

function read(
  query: string,
  layers: readonly CodecScheme[],
): Record<string, string | number | boolean> {
  const known: Record<string, CodecParameter> = Object.assign(
    {},
    ...layers.map(({ parameters }) => parameters),
  );
  const options: Record<string, string | number | boolean> = {};
  for (const [name, text] of new URLSearchParams(query)) {
    if (!Object.hasOwn(known, name)) {
      const names = Object.keys(known).join(", ") || "none";
      throw new TypeError(
        `Cannot make a codec: ${quote(name)} is not one of its parameters (${names})`,
      );
    }
    if (Object.hasOwn(options, name)) {
      throw new TypeError(
        `Cannot make a codec: the parameter ${name} is there twice`,
      );
    }
    options[name] = toOption(name, text, known[name]!);
  }
  return options;
}

function toOption(
  name: string,
  text: string,
  kind: CodecParameter,
): string | number | boolean {
  if (kind === "string") return text;
  if (kind === "number") {
    if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  } else if (/^(true|false)$/.test(text)) return text === "true";
  throw new TypeError(
    `Cannot make a codec: the parameter ${name} must be ${kind === "number" ? "a number" : "true or false"}`,
  );
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 50));
}
