/**
 * Runs benchmarks on Deno, Bun and Node and keeps what they print: `deno task bench [name …] [deno|bun|node …]`, such as
 * `deno task bench memory sqlite`. Results are in `tests/bench/results`, one page each.
 *
 * @module
 */

import { ensureDir, walk } from "@std/fs";
import { basename, join } from "@std/path";
import { installDependencies } from "./gate/dependencies.ts";
import { findRuntime, RUNTIME_NAMES, type RuntimeName } from "./gate/runtimes.ts";

const FOLDER = "tests/bench";
const RESULTS = join(FOLDER, "results");
// Parts of benchmarks, no benchmarks.
const PARTS: readonly string[] = ["harness", "s3_stub"];

const isRuntime = (word: string): word is RuntimeName => (RUNTIME_NAMES as readonly string[]).includes(word);
const all: string[] = [];
for await (const { path } of walk(FOLDER, { includeDirs: false, exts: [".ts"] })) {
  const name = basename(path).slice(0, -3);
  if (!path.includes("node_modules") && !PARTS.includes(name)) all.push(name);
}
const asked = Deno.args.filter((word) => !isRuntime(word));
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown benchmark ${unknown.join(", ")}: known are ${all.sort().join(", ")}`);
  Deno.exit(2);
}
const runtimes = Deno.args.some(isRuntime) ? Deno.args.filter(isRuntime) : RUNTIME_NAMES;

await installDependencies();
const install = ["install", "--prefix", FOLDER, "--no-package-lock", "--legacy-peer-deps", "--no-audit", "--no-fund"];
const installed = await new Deno.Command("npm", { args: [...install, "--loglevel=error"], stdin: "null" }).output();
if (!installed.success) console.error("npm install failed for the peers; those that are missing will not run");
await ensureDir(RESULTS);
let failures = 0;
for (const name of (asked.length > 0 ? asked : all).sort()) {
  const parts: string[] = [];
  for (const runtime of runtimes) parts.push(await run(name, runtime));
  const title = `# ${name}\n\n\`deno task bench ${name}\`, ${new Date().toISOString().slice(0, 10)}\n`;
  await Deno.writeTextFile(join(RESULTS, `${name}.md`), [title, ...parts].join("\n"));
}
Deno.exit(failures > 0 ? 1 : 0);

async function run(name: string, runtimeName: RuntimeName): Promise<string> {
  const { path, version } = await findRuntime(runtimeName);
  const flags = {
    deno: ["run", "-A", "--no-check", "--v8-flags=--expose-gc"],
    bun: [],
    node: ["--expose-gc", "--disable-warning=ExperimentalWarning"],
  };
  const args = [...flags[runtimeName], `${FOLDER}/${name}.ts`];
  const command = new Deno.Command(path, { args, stdin: "null", env: { NO_COLOR: "1" }, stderr: "inherit" });
  const { success, stdout } = await command.output();
  const text = new TextDecoder().decode(stdout).trim();
  console.log(`\n${name} on ${runtimeName} ${version}\n\n${text}`);
  if (!success) failures++;
  return `## ${runtimeName} ${version}\n\n${text}${success ? "" : "\n\nIt failed."}\n`;
}
