/**
 * What is said at the end of a run: what was skipped and why, what failed, and the line that machines read.
 *
 * @module
 */

import type { TestCase } from "./junit.ts";

/** The tests of one runtime. */
export interface Result {
  readonly runtime: string;
  readonly cases: readonly TestCase[];
}

/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** How many of these ended how. */
export function count(cases: readonly TestCase[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of cases) counts[outcome]++;
  return counts;
}

/** The counts as the line that machines read. */
export function countLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The results with the reasons of skips filled in where another runtime gave them for the same test. */
export function withReasons(results: readonly Result[]): Result[] {
  const known = new Map<string, string>();
  for (const { cases } of results) {
    for (const { title, outcome, reason } of cases) if (outcome === "skipped" && reason) known.set(title, reason);
  }
  return results.map(({ runtime, cases }) => ({
    runtime,
    cases: cases.map((one) =>
      one.outcome === "skipped" ? { ...one, reason: one.reason ?? known.get(one.title) ?? "no reason given" } : one
    ),
  }));
}

/** The results with a failure for each test that was skipped for want of one of these servers. */
export function withoutExcuses(results: readonly Result[], servers: readonly string[]): Result[] {
  const excused = ({ outcome, reason }: TestCase): boolean =>
    outcome !== "skipped" || !servers.some((server) => reason?.includes(server));
  return results.map(({ runtime, cases }) => ({
    runtime,
    cases: cases.map((one) =>
      excused(one) ? one : { ...one, outcome: "failed", reason: `Skipped although it is installed: ${one.reason}` }
    ),
  }));
}

/** The end of the report; the last line is the {@linkcode countLine} of all runtimes. */
export function summary(results: readonly Result[]): string[] {
  const lines: string[] = [];
  const reasons = new Map<string, string[]>();
  for (const { runtime, cases } of results) {
    for (const { title, outcome, reason = "" } of cases) {
      if (outcome === "failed") lines.push("", `FAILED on ${runtime}: ${title}`, indent(reason));
      if (outcome === "skipped") reasons.set(reason, [...reasons.get(reason) ?? [], `${title} (${runtime})`]);
    }
  }
  if (reasons.size > 0) lines.push("");
  for (const [reason, titles] of reasons) {
    const others = titles.length > 1 ? ` and ${titles.length - 1} more` : "";
    lines.push(`skipped: ${titles[0]}${others}: ${reason}`);
  }
  lines.push("");
  for (const { runtime, cases } of results) lines.push(`${runtime.padEnd(14)} ${countLine(count(cases))}`);
  lines.push(countLine(count(results.flatMap(({ cases }) => cases))));
  return lines;
}

function indent(text: string): string {
  return text.split("\n").map((line) => `    ${line}`).join("\n");
}
