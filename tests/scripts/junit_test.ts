/** The reports are those that Deno 2.9, Bun 1.4 and Node 22 write. */

import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { filesIn, parseJunit } from "../../scripts/gate/junit.ts";

const DENO = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="7" failures="2" errors="1" time="0.083">
    <testsuite name="./tests/a_test.ts" tests="5" disabled="1" errors="1" failures="1">
        <testcase name="alone" classname="./tests/a_test.ts" time="0.001" line="2" col="1">
        </testcase>
        <testcase name="left out" classname="./tests/a_test.ts" time="0.000" line="3" col="1">
            <skipped/>
        </testcase>
        <testcase name="suite &lt;x&gt;" classname="./tests/a_test.ts" time="0.001" line="3" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="exits" classname="./tests/a_test.ts" time="0.000" line="4" col="1">
            <error message="Cancelled"/>
        </testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="suite &lt;x&gt; &gt; in it" classname="ext:deno_node/testing.ts" time="0.000">
            <failure message="Uncaught Error: boom &lt;&amp;&gt;">Error: boom
    at file:///a_test.ts:3:84</failure>
        </testcase>
        <testcase name="suite &lt;x&gt; &gt; too" classname="ext:deno_node/testing.ts" time="0.000">
        </testcase>
    </testsuite>
</testsuites>`;

const BUN = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="0" failures="1" skipped="1" time="0.024413421">
  <testsuite name="tests/a_test.ts" file="tests/a_test.ts" tests="4" failures="1" skipped="1" time="0.016">
    <testcase name="alone" classname="" time="0.000716" file="tests/a_test.ts" line="2" assertions="0" />
    <testcase name="left out" classname="" time="0" file="tests/a_test.ts" line="3" assertions="0">
      <skipped />
    </testcase>
    <testsuite name="suite &lt;x&gt;" file="tests/a_test.ts" line="6" tests="2" failures="1" time="0">
      <testcase name="in it" classname="suite &lt;x&gt;" time="0.000084" file="tests/a_test.ts" line="3" assertions="0">
        <failure type="Error" message="boom">Error: boom&#10;      at tests/a_test.ts:3:88&#10;</failure>
      </testcase>
      <testcase name="too" classname="suite &lt;x&gt;" time="0.000015" file="tests/a_test.ts" line="7" assertions="0" />
    </testsuite>
  </testsuite>
</testsuites>`;

const NODE = `<?xml version="1.0" encoding="utf-8"?>
<testsuites>
	<testcase name="alone" time="0.000504" classname="test"/>
	<testcase name="left out" time="0.000084" classname="test">
		<skipped type="skipped" message="no redis-server here"/>
	</testcase>
	<testsuite name="suite &amp;lt;x>" time="0.000733" disabled="0" errors="0" tests="2" failures="1" skipped="0" hostname="vm">
		<testcase name="in it" time="0.000140" classname="test" failure="boom &lt;&amp;>">
			<failure type="testCodeFailure" message="boom &lt;&amp;>">
[Error [ERR_TEST_FAILURE]: boom &lt;&amp;>] {
  cause: Error: boom &lt;&amp;>
}
			</failure>
		</testcase>
		<testcase name="too" time="0.000072" classname="test"/>
	</testsuite>
	<!-- tests 4 -->
</testsuites>`;

const short = (xml: string) => parseJunit(xml).map(({ title, outcome }) => `${outcome}: ${title}`);

describe("parseJunit()", () => {
  test("reads Deno's report: steps instead of their suite, an early end as a failure", () => {
    assertEquals(short(DENO), [
      "passed: alone",
      "skipped: left out",
      "failed: exits",
      "failed: suite <x> > in it",
      "passed: suite <x> > too",
    ]);
  });

  test("reads Bun's report: suites within suites", () => {
    assertEquals(short(BUN), [
      "passed: alone",
      "skipped: left out",
      "failed: suite <x> > in it",
      "passed: suite <x> > too",
    ]);
  });

  test("reads Node's report: suites escaped twice, reasons of skips", () => {
    assertEquals(short(NODE), short(BUN));
    assertEquals(parseJunit(NODE)[1]!.reason, "no redis-server here");
  });

  test("keeps what a failure says", () => {
    const reason = (xml: string) => parseJunit(xml).find(({ title }) => title.endsWith("in it"))!.reason!;
    assertEquals(reason(DENO), "Error: boom <&>\nError: boom\n    at file:///a_test.ts:3:84");
    assertEquals(reason(BUN), "Error: boom\n      at tests/a_test.ts:3:88");
    assertEquals(reason(NODE).split("\n")[0], "[Error [ERR_TEST_FAILURE]: boom <&>] {");
  });

  test("counts a suite that failed although its tests passed", () => {
    const xml = '<testcase name="s" classname="./a_test.ts"><failure message="after"></failure></testcase>' +
      '<testcase name="s &gt; t" classname="x"></testcase>';
    assertEquals(short(xml), ["failed: s", "passed: s > t"]);
  });

  test("takes the reason of a skip from the title if the runtime gives none", () => {
    const xml = '<testcase name="t [skipped: no such server]"><skipped/></testcase>';
    assertEquals(parseJunit(xml)[0]!.reason, "no such server");
  });

  test("reads an empty report", () => assertEquals(parseJunit(""), []));
});

describe("filesIn()", () => {
  test("names the test files where the runtime does", () => {
    assertEquals([...filesIn(DENO)], ["tests/a_test.ts"]);
    assertEquals([...filesIn(BUN)], ["tests/a_test.ts"]);
    assertEquals([...filesIn(NODE)], []);
  });
});
