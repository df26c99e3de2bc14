import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { TestCase } from "../../scripts/gate/junit.ts";
import { count, summary, withoutExcuses, withReasons } from "../../scripts/gate/summary.ts";

const passed: TestCase = { title: "a", outcome: "passed" };
const failed: TestCase = { title: "b", outcome: "failed", reason: "boom" };
const skipped: TestCase = { title: "c", outcome: "skipped" };

describe("summary()", () => {
  test("ends with one line of counts over all runtimes", () => {
    const lines = summary([{ runtime: "deno", cases: [passed, failed] }, { runtime: "bun", cases: [passed, skipped] }]);
    assertEquals(lines.at(-1), "2 passed, 1 failed, 1 skipped");
  });

  test("names each failure with its runtime and reason", () => {
    const text = summary([{ runtime: "deno", cases: [failed] }]).join("\n");
    assert(text.includes("FAILED on deno: b\n    boom"));
  });

  test("tells a reason for skipping once", () => {
    const cases: TestCase[] = ["x", "y"].map((title) => ({ title, outcome: "skipped", reason: "no server" }));
    assertEquals(summary([{ runtime: "node", cases }]).filter((line) => line.includes("no server")), [
      "skipped: x (node) and 1 more: no server",
    ]);
  });
});

describe("withReasons()", () => {
  test("takes a reason from the runtime that gave one", () => {
    const results = withReasons([
      { runtime: "deno", cases: [skipped] },
      { runtime: "node", cases: [{ ...skipped, reason: "no server" }] },
    ]);
    assertEquals(results.map(({ cases }) => cases[0]!.reason), ["no server", "no server"]);
  });

  test("says so if there is none", () => {
    assertEquals(withReasons([{ runtime: "deno", cases: [skipped] }])[0]!.cases[0]!.reason, "no reason given");
  });
});

describe("withoutExcuses()", () => {
  test("fails what was skipped for want of a server that is installed", () => {
    const cases: TestCase[] = [
      { title: "x", outcome: "skipped", reason: "no redis-server here" },
      { title: "y", outcome: "skipped", reason: "no zookeeper here" },
      passed,
    ];
    const [result] = withoutExcuses([{ runtime: "node", cases }], ["redis-server"]);
    assertEquals(count(result!.cases), { passed: 1, failed: 1, skipped: 1 });
  });
});
