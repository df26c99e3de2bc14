/**
 * The runtimes of the suite: where they are, and how each runs test files and writes a JUnit report.
 *
 * @module
 */

/** A runtime that can run the suite. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  /** Its executable. */
  readonly path: string;
}

/** The names of the runtimes. */
export type RuntimeName = keyof typeof ARGUMENTS;

const ARGUMENTS = {
  deno: (files: readonly string[], report: string) => ["test", "-A", "--no-check", `--junit-path=${report}`, ...files],
  bun: (files: readonly string[], report: string) => [
    "test",
    "--timeout=60000",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...files.map((file) => `./${file}`),
  ],
  node: (files: readonly string[], report: string) => [
    "--disable-warning=ExperimentalWarning",
    "--test",
    `--test-concurrency=${Math.min(navigator.hardwareConcurrency, 2)}`,
    "--test-reporter=junit",
    `--test-reporter-destination=${report}`,
    "--test-reporter=tap",
    "--test-reporter-destination=stdout",
    ...files,
  ],
};

/** The runtimes in the order of the suite. */
export const RUNTIME_NAMES: readonly RuntimeName[] = ["deno", "bun", "node"];

// The oldest that is supported.
const MAJOR = { bun: 1, node: 22 };
const ASK = "console.log(JSON.stringify([process.versions.bun ?? process.versions.node, process.execPath]))";

/** What the runtime is called with to test these files. */
export function testArguments(name: RuntimeName, files: readonly string[], report: string): string[] {
  return ARGUMENTS[name](files, report);
}

/** The runtime: this Deno, else the one on the path if its version fits, else the one from npm. */
export async function findRuntime(name: RuntimeName): Promise<Runtime> {
  if (name === "deno") return { name, version: Deno.version.deno, path: Deno.execPath() };
  const wanted = MAJOR[name];
  const [version = "", path = name] = await ask(name, []) ?? [];
  if (version.startsWith(`${wanted}.`)) return { name, version, path };
  const answer = await ask("npx", ["-y", `${name}@${wanted}`]);
  if (!answer) throw new Error(`Cannot find ${name} ${wanted}: it is not on the path, and npx cannot fetch it`);
  return { name, version: answer[0], path: answer[1] };
}

async function ask(command: string, args: readonly string[]): Promise<[string, string] | undefined> {
  try {
    const { stdout } = await new Deno.Command(command, { args: [...args, "-e", ASK], stdin: "null" }).output();
    return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1) ?? "");
  } catch {
    return undefined;
  }
}
