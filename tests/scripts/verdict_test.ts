import { describe, test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { count } from "../../scripts/gate/summary.ts";
import { judge, type Run } from "../../scripts/gate/verdict.ts";

const PASSED = '<testcase name="a" file="tests/a_test.ts"/>';
const SKIPPED = '<testcase name="b" file="tests/a_test.ts"><skipped/></testcase>';
const FAILED = '<testcase name="c" file="tests/a_test.ts"><failure message="no"/></testcase>';

function verdict(run: Partial<Run>) {
  return judge({ report: PASSED, code: 0, output: "the output", files: ["tests/a_test.ts"], ...run });
}

describe("judge()", () => {
  test("counts what the report says if all is well", () => {
    assertEquals(count(verdict({ report: PASSED + SKIPPED })), { passed: 1, failed: 0, skipped: 1 });
    assertEquals(count(verdict({ report: PASSED + FAILED, code: 1 })), { passed: 1, failed: 1, skipped: 0 });
  });

  const wrong: Readonly<Record<string, Partial<Run>>> = {
    "a runtime that left no report": { report: undefined },
    "a runtime that was stopped": { code: undefined },
    "an exit code that no test explains": { code: 1 },
    "a run of no test": { report: "", files: [] },
    "a run of skipped tests only": { report: SKIPPED },
    "a file of which nothing is reported": { files: ["tests/a_test.ts", "tests/b_test.ts"] },
    "a file that Node reports as a test that passed": {
      report: '<testcase name="a" classname="test"/><testcase name="tests/a_test.ts" classname="test"/>',
    },
  };
  for (const [title, run] of Object.entries(wrong)) {
    test(`counts ${title} as failed`, () => assertEquals(count(verdict(run)).failed, 1));
  }

  test("shows the last lines of output where there is no better reason", () => {
    const [, failure] = verdict({ code: 1, output: `${"line\n".repeat(1000)}the end` });
    assertStringIncludes(failure!.reason!, "the end");
    assertEquals(failure!.reason!.split("\n").length, 40);
  });
});
