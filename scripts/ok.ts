/**
 * Everything that has to hold before a commit: `deno task ok [--no-test]`. Goes on after a failure, so that one run
 * tells all.
 *
 * @module
 */

import { exists, walk } from "@std/fs";

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** Whether its output is shown while it runs. @default {false} */
  readonly live?: boolean;
}

const INHERITED = { stdout: "inherit", stderr: "inherit" } as const;
const FOLDERS = ["src", "tests", "scripts", "examples", "links"];
const CODE = ["mod.ts", ...FOLDERS];

const { exports } = JSON.parse(await Deno.readTextFile("deno.json")) as { exports: Record<string, string> };
const sources = ["mod.ts", ...await typescriptFiles(FOLDERS)];
const documented = ["mod.ts", "src", ...(await exists("README.md") ? ["README.md"] : [])];

const steps: readonly Step[] = [
  { name: "fmt", args: ["fmt", "--check", ...CODE] },
  { name: "lint", args: ["lint", ...CODE] },
  { name: "types", args: ["check", ...sources] },
  { name: "documentation", args: ["doc", "--lint", ...Object.values(exports)] },
  { name: "examples", args: ["test", "--doc", "-A", ...documented] },
  { name: "publish", args: ["publish", "--dry-run", "--allow-dirty"] },
  { name: "size", args: ["task", "size"] },
  ...(Deno.args.includes("--no-test") ? [] : [{ name: "tests", args: ["run", "-A", "scripts/test.ts"], live: true }]),
];

const failed: string[] = [];
for (const { name, args, live = false } of steps) {
  const started = performance.now();
  const options = { args: [...args], stdin: "null" as const, env: { NO_COLOR: "1" }, ...(live && INHERITED) };
  const command = new Deno.Command(Deno.execPath(), options);
  let success: boolean;
  if (live) success = (await command.spawn().status).success;
  else {
    const output = await command.output();
    success = output.success;
    if (!success) {
      for (const text of [output.stdout, output.stderr]) console.log(shorten(new TextDecoder().decode(text)));
    }
  }
  if (!success) failed.push(name);
  console.log(`${success ? "ok  " : "FAIL"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
if (failed.length > 0) console.log(`Not ok: ${failed.join(", ")}`);
Deno.exit(failed.length > 0 ? 1 : 0);

async function typescriptFiles(roots: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const root of roots) {
    for await (const { path } of walk(root, { includeDirs: false, exts: [".ts"] })) {
      // Benchmarks compare with packages that are installed only for them.
      if (!path.includes("node_modules") && !path.startsWith("tests/bench/")) files.push(path);
    }
  }
  return files;
}

function shorten(output: string): string {
  return output.split("\n").filter((line) => !/^(Check|Download|Task) /.test(line)).join("\n").trim();
}
