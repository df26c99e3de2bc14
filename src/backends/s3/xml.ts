/**
 * The few shapes of XML that S3 speaks, read without trust: no entity is expanded but the five of XML itself, a document
 * type is refused, and the time it takes grows with the length alone.
 *
 * @module
 */

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The text of the first element of this name from a place on, or `undefined` if there is none. */
export function textOf(xml: string, name: string, from = 0, to = xml.length): string | undefined {
  const start = xml.indexOf(`<${name}>`, from);
  if (start < 0 || start >= to) return undefined;
  const begin = start + name.length + 2;
  const end = xml.indexOf("<", begin);
  if (end < 0 || end > to || !xml.startsWith(`</${name}>`, end)) return undefined;
  return unescape(xml.slice(begin, end));
}

/** Calls back with the bounds of each element of this name; they do not nest. */
export function eachElement(xml: string, name: string, visit: (from: number, to: number) => void): void {
  const open = `<${name}>`;
  const close = `</${name}>`;
  for (let from = xml.indexOf(open); from >= 0;) {
    const to = xml.indexOf(close, from);
    if (to < 0) return;
    visit(from, to);
    from = xml.indexOf(open, to);
  }
}

/** Whether it is a whole document with this root, and nothing that could make a parser do more than read it. */
export function isDocument(xml: string, root: string): boolean {
  const start = xml.indexOf(`<${root}`);
  return start >= 0 && start < 200 && /[\s/>]/.test(xml[start + root.length + 1] ?? "") &&
    !xml.includes("<!") && (xml.trimEnd().endsWith(`</${root}>`) || /^<[^<>]*\/>\s*$/.test(xml.slice(start)));
}

/** Text as the content of an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>\r\n\t"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Whether XML 1.0 can say it (https://www.w3.org/TR/xml/#charsets). */
export function isSayable(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text);
}

function unescape(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-fA-F]{1,6}));/g, (whole, name, decimal, hex) => {
    if (name) return ENTITIES[name]!;
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
