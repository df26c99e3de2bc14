/**
 * What each export costs in a bundle, beside its budget: `deno task size [--update]`. Counted is what is loaded with the
 * export, minified by esbuild and gzipped; what is loaded later is not.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { build, type Metafile, stop } from "esbuild";
import { installDependencies } from "./gate/dependencies.ts";

const BUDGET = "tests/size_budget.json";

// Promises of this project, which no update moves. The goal of both is 3,072. What would go without a part, measured by
// leaving it out: durations in fields 126, update() 103, maps that belong to somebody else 68, calls with many keys that
// reach the backend as one 55, limits of keys 50; of memory() the coarse clock 112, the check of its options 89, copies 48.
const FIXED: Readonly<Record<string, number>> = { "store of a Map": 3300, "memory store": 3600 };

/** Bytes. */
interface Size {
  readonly minified: number;
  readonly gzipped: number;
}

const update = Deno.args.includes("--update");
const { exports } = JSON.parse(await Deno.readTextFile("deno.json")) as { exports: Record<string, string> };
const entries: Record<string, string> = {
  "store of a Map": 'export { Store } from "./src/core/store.ts";',
  "memory store": 'export { Store } from "./src/core/store.ts"; export { memory } from "./src/backends/memory.ts";',
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
    const { minified, gzipped } = size;
    const allowed = FIXED[name] ?? (update ? withRoom(gzipped) : old[name]);
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
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: Deno.cwd(), sourcefile: "entry.ts" },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    // Like the runtime's own modules the clients are loaded by the first connection, and cannot be bundled without them.
    external: ["node:*", "bun:*", "@redis/client", "node-zookeeper-client", "postgres"],
    // Chunks keep apart what is loaded later.
    splitting: true,
    outdir: "out",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const loaded = loadedWith(metafile);
  const files = outputFiles.filter(({ path }) => loaded.has(path.slice(Deno.cwd().length + 1).replaceAll("\\", "/")));
  let minified = 0;
  let gzipped = 0;
  for (const { contents } of files) {
    minified += contents.length;
    gzipped += gzipSync(contents, { level: 9 }).length;
  }
  return { minified, gzipped };
}

function loadedWith({ outputs }: Metafile): Set<string> {
  const loaded = new Set(Object.keys(outputs).filter((path) => outputs[path]!.entryPoint === "entry.ts"));
  for (const path of loaded) {
    for (const { kind, path: target, external } of outputs[path]!.imports) {
      if (kind === "import-statement" && !external) loaded.add(target);
    }
  }
  return loaded;
}

// A few bytes more are no reason to stop; a dependency more is.
function withRoom(bytes: number): number {
  return Math.ceil(bytes * 1.05 / 50) * 50;
}
