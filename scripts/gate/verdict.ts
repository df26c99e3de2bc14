/**
 * What a run of the suite on one runtime amounts to. Whatever looks wrong counts as failed: a runtime that dies, a file
 * that runs nothing, a report that is missing or does not fit the exit code.
 *
 * @module
 */

import { filesIn, parseJunit, type TestCase } from "./junit.ts";

/** What one runtime left behind. */
export interface Run {
  /** The JUnit report, if one was written. */
  readonly report: string | undefined;
  /** The exit code; `undefined` if the runtime was stopped. */
  readonly code: number | undefined;
  /** What it printed. */
  readonly output: string;
  /** The test files that it was given. */
  readonly files: readonly string[];
}

/** The tests of a run, with a failed one for each thing that went wrong besides tests. */
export function judge({ report, code, output, files }: Run): TestCase[] {
  const cases = parseJunit(report ?? "").map((one): TestCase => {
    // Node reports a file that ended before its tests, or has none, as a test that passed.
    const ranNothing = one.outcome === "passed" && files.includes(one.title.replace(/^\.\//, ""));
    return ranNothing ? { ...one, outcome: "failed", reason: "The file ran no test, or ended early" } : one;
  });
  const broken = (title: string): void => {
    cases.push({ title, outcome: "failed", reason: lastLines(output) });
  };

  const named = filesIn(report ?? "");
  if (named.size > 0) {
    for (const file of files) if (!named.has(file)) broken(`${file} ran no test`);
  }
  const failed = () => cases.some(({ outcome }) => outcome === "failed");
  if (report === undefined) broken("The runtime ended without a report");
  else if (code === undefined) broken("The runtime was stopped: it took too long");
  else if (code !== 0 && !failed()) broken(`The runtime ended with exit code ${code}`);
  else if (!cases.some(({ outcome }) => outcome !== "skipped")) broken("No test ran");
  return cases;
}

function lastLines(output: string): string {
  return output.trim().split("\n").slice(-40).join("\n");
}
