/**
 * What a JUnit report says, as Deno, Bun and Node write it.
 *
 * @module
 */

/** How one test ended. */
export interface TestCase {
  /** The titles from the outermost suite to the test, joined by ` > `. */
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped, if the runtime says so. */
  readonly reason?: string | undefined;
}

const TAG = /<(\/?)(testsuite|testcase|failure|error|skipped)((?:\s+[\w:-]+="[^"]*")*)\s*(\/?)>([^<]*)/g;
const ATTRIBUTE = /([\w:-]+)="([^"]*)"/g;

/** The tests of a report, suites left out. */
export function parseJunit(xml: string): TestCase[] {
  const suites: string[] = [];
  const cases: TestCase[] = [];
  let open: { title: string; outcome: TestCase["outcome"]; reason?: string } | undefined;

  for (const [, closing, tag, attributeText = "", selfClosing, text = ""] of xml.matchAll(TAG)) {
    const attributes = new Map(
      Array.from(attributeText.matchAll(ATTRIBUTE), ([, name = "", value = ""]) => [name, unescape(value)]),
    );
    if (tag === "testsuite") {
      if (closing) suites.pop();
      // Deno and Bun have a suite around each file.
      // Node escapes the names of suites twice.
      else if (!selfClosing) suites.push(isFile(attributes.get("name")) ? "" : unescape(attributes.get("name") ?? ""));
    } else if (tag === "testcase") {
      if (!closing) {
        const title = [...suites, attributes.get("name") ?? ""].filter((part) => part !== "").join(" > ");
        open = { title, outcome: "passed" };
      }
      if (open && (closing || selfClosing)) {
        cases.push(open);
        open = undefined;
      }
    } else if (open && !closing) {
      open.outcome = tag === "skipped" ? "skipped" : "failed";
      const message = (attributes.get("message") ?? "").replace(/^Uncaught /, "");
      const details = unescape(text).trim();
      const reason = details.includes(message) ? details : `${message}\n${details}`.trim();
      if (reason) open.reason = reason;
    }
  }
  return cases.filter((one) => !isContainer(one, cases)).map(withReasonFromTitle);
}

/** The test files that a report names; Node names none. */
export function filesIn(xml: string): Set<string> {
  const names = Array.from(
    xml.matchAll(/<test(?:suite|case)\b[^>]*?\b(?:file|classname)="([^"]*)"/g),
    ([, name]) => name,
  );
  return new Set(names.filter((name) => name?.endsWith("_test.ts")).map((name) => name!.replace(/^\.\//, "")));
}

/** Deno lists a suite like a test, in front of its steps. One that failed on its own account counts. */
function isContainer(one: TestCase, cases: readonly TestCase[]): boolean {
  const steps = cases.filter(({ title }) => title.startsWith(`${one.title} > `));
  if (steps.length === 0) return false;
  return one.outcome !== "failed" || steps.some(({ outcome }) => outcome === "failed");
}

// Only Node reports why a test was skipped, so a title may say it.
function withReasonFromTitle(one: TestCase): TestCase {
  const reason = / \[skipped: (.*)\]$/.exec(one.title)?.[1];
  return one.outcome === "skipped" && reason ? { ...one, reason } : one;
}

function isFile(name: string | undefined): boolean {
  return name !== undefined && /\.m?[tj]sx?$/.test(name);
}

function unescape(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'" };
  return text
    .replace(/&#(x?)([0-9a-fA-F]+);/g, (_, hex, digits) => String.fromCodePoint(parseInt(digits, hex ? 16 : 10)))
    .replace(/&(lt|gt|quot|apos);/g, (_, name) => named[name]!)
    .replaceAll("&amp;", "&");
}
