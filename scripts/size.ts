/**
 * What each export costs in a bundle, beside its budget: `deno task size [--update]`. Counted is what is loaded with the
 * export, as one file, minified by esbuild and gzipped; what is loaded later (`import()`) is not.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { build, type Plugin, stop } from "esbuild";
import { installDependencies } from "./gate/dependencies.ts";

const BUDGET = "tests/size_budget.json";

// Promises of this project, which no update moves. The goal of both is 3,072. What would go without a part, measured by
// leaving it out: durations in fields 126, update() 103, maps that belong to somebody else 68, calls with many keys that
// reach the backend as one 55, limits of keys 50; of memory() the coarse clock 112, the check of its options 89, copies 48. That
// boxes of lifetimes are used again, and only new keys are looked at, costs 70 and makes both writes a quarter faster.
const FIXED: Readonly<Record<string, number>> = { "store of a Map": 3360, "memory store": 3640 };

/** Bytes. */
interface Size {
  readonly minified: number;
  readonly gzipped: number;
}

/** What an entry may have beyond the memory store: promises, too. */
const BEYOND: Readonly<Record<string, number>> = { "region beyond the memory store": 3072 };

const later: Plugin = {
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) => kind === "dynamic-import" ? { path, external: true } : undefined);
  },
};

const update = Deno.args.includes("--update");
const { exports } = JSON.parse(await Deno.readTextFile("deno.json")) as { exports: Record<string, string> };
const MEMORY = 'export { Store } from "./src/core/store.ts"; export { memory } from "./src/backends/memory.ts";';
const entries: Record<string, string> = {
  "store of a Map": 'export { Store } from "./src/core/store.ts";',
  "memory store": MEMORY,
  "region beyond the memory store": `${MEMORY} export { Region } from "./src/cache/region.ts";`,
};
for (const [subpath, file] of Object.entries(exports)) entries[subpath] = `export * from "${file}";`;

await installDependencies();
const old = JSON.parse(await Deno.readTextFile(BUDGET).catch(() => "{}")) as Record<string, number>;
const budget: Record<string, number> = {};
const faults: string[] = [];
console.log(`${"".padEnd(34)}${"min".padStart(9)}${"min+gz".padStart(9)}${"budget".padStart(9)}`);
try {
  for (const [name, code] of Object.entries(entries)) {
    const size = await bundle(code).catch((error: Error) => faults.push(`${name} cannot be bundled: ${error.message}`));
    if (typeof size === "number") continue;
    const base = name in BEYOND ? await bundle(MEMORY) : { minified: 0, gzipped: 0 };
    const minified = size.minified - base.minified;
    const gzipped = size.gzipped - base.gzipped;
    const allowed = FIXED[name] ?? BEYOND[name] ?? (update ? withRoom(gzipped) : old[name]);
    if (allowed === undefined) faults.push(`${name} has no budget`);
    else {
      budget[name] = allowed;
      if (gzipped > allowed) faults.push(`${name} is ${gzipped - allowed} bytes over its budget`);
    }
    const numbers = [minified, gzipped, allowed ?? NaN].map((bytes) => String(bytes).padStart(9)).join("");
    console.log(`${name.padEnd(34)}${numbers}${allowed !== undefined && gzipped > allowed ? "  OVER" : ""}`);
  }
} finally {
  await stop();
}
for (const name of Object.keys(old)) if (!(name in entries)) faults.push(`${name} has a budget but is no export`);
if (update) await Deno.writeTextFile(BUDGET, `${JSON.stringify(budget, null, 2)}\n`);
for (const fault of faults) console.log(fault);
Deno.exit(faults.length > 0 && !update ? 1 : 0);

async function bundle(code: string): Promise<Size> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: Deno.cwd(), sourcefile: "entry.ts" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    // The runtime's own modules.
    external: ["node:*", "bun:*"],
    plugins: [later],
    write: false,
    logLevel: "silent",
  });
  const [{ contents } = { contents: new Uint8Array() }] = outputFiles;
  return { minified: contents.length, gzipped: gzipSync(contents, { level: 9 }).length };
}

// A few bytes more are no reason to stop; a dependency more is.
function withRoom(bytes: number): number {
  return Math.ceil(bytes * 1.05 / 50) * 50;
}
