/**
 * Runs the suite on Deno, Bun and Node: `deno task test [deno|bun|node …] [file or folder …]`.
 *
 * With `CI` set, a test that is skipped for want of a server named in `EVERYMAP_SERVERS` has failed.
 *
 * @module
 */

import { walk } from "@std/fs";
import { join } from "@std/path";
import { installDependencies } from "./gate/dependencies.ts";
import { findRuntime, RUNTIME_NAMES, type RuntimeName, testArguments } from "./gate/runtimes.ts";
import { count, countLine, type Result, summary, withoutExcuses, withReasons } from "./gate/summary.ts";
import { judge } from "./gate/verdict.ts";
import { watch } from "./gate/watched_command.ts";

const LIMIT = 20 * 60_000;
const STEP = /^\s*(ok|not ok) \d|\.\.\. .*(ok|FAILED|ignored)|^\((pass|fail|skip|todo)\)/;

const words = Deno.args.filter((arg) => arg !== "--ci");
const ci = Deno.args.includes("--ci") || ["true", "1"].includes(Deno.env.get("CI") ?? "");
const isRuntime = (word: string): word is RuntimeName => (RUNTIME_NAMES as readonly string[]).includes(word);
const names = words.some(isRuntime) ? words.filter(isRuntime) : RUNTIME_NAMES;
const files = await testFiles(words.filter((word) => !isRuntime(word)));
if (files.length === 0) {
  console.error(`No test file matches ${words.join(" ")}`);
  Deno.exit(2);
}

const folder = await Deno.makeTempDir({ prefix: "everymap-test-" });
let results: Result[] = [];
try {
  await installDependencies();
  // Deno and Bun run one file after the other, so that they leave a core to each other; Node runs two at a time.
  const pair = names.filter((name) => name !== "node");
  if (navigator.hardwareConcurrency > 1) results.push(...await Promise.all(pair.map(run)));
  else for (const name of pair) results.push(await run(name));
  if (names.includes("node")) results.push(await run("node"));
} finally {
  await Deno.remove(folder, { recursive: true });
}
results = withReasons(results);
if (ci) results = withoutExcuses(results, (Deno.env.get("EVERYMAP_SERVERS") ?? "").split(/[\s,]+/).filter(Boolean));
console.log(summary(results).join("\n"));
Deno.exit(results.some(({ cases }) => count(cases).failed > 0) ? 1 : 0);

async function run(name: RuntimeName): Promise<Result> {
  let label: string = name;
  try {
    const runtime = await findRuntime(name);
    label = `${name} ${runtime.version}`;
    const report = join(folder, `${name}.xml`);
    const args = testArguments(name, files, report);
    const finished = await watch(runtime.path, args, { label, step: STEP, limit: LIMIT });
    const xml = await Deno.readTextFile(report).catch(() => undefined);
    const cases = judge({ report: xml, code: finished.code, output: finished.output, files });
    console.log(`${label.padEnd(14)} ${countLine(count(cases))} in ${(finished.took / 1000).toFixed(1)} s`);
    return { runtime: label, cases };
  } catch (error) {
    const reason = error instanceof Error ? error.message : `${error}`;
    return { runtime: label, cases: [{ title: `${name} runs the suite`, outcome: "failed", reason }] };
  }
}

async function testFiles(filters: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of walk("tests", { includeDirs: false, exts: [".ts"] })) {
    const file = path.replaceAll("\\", "/");
    if (!file.endsWith("_test.ts") || file.includes("/node_modules/")) continue;
    if (filters.length === 0 || filters.some((filter) => file.startsWith(filter.replace(/^\.\//, "")))) {
      found.push(file);
    }
  }
  return found.sort();
}
