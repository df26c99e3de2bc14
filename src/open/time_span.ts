/**
 * A length of time in a URL: `60000`, `90s`, `1h30m`.
 *
 * @module
 */

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * The milliseconds of a length: a number of them, or numbers with a unit of `ms s m h d w` that add up.
 *
 * @throws {TypeError} If it is no length of time.
 */
export function toMillisecondsFromText(text: string): number {
  if (text === "Infinity") return Infinity;
  if (!/^(\d+(\.\d+)?|(\d+(\.\d+)?(ms|[smhdw]))+)$/.test(text)) {
    throw new TypeError(
      'Cannot open: "ttl" must be milliseconds or a length such as 90s or 1h30m',
    );
  }
  let total = 0;
  for (
    const [, amount, unit = ""] of text.matchAll(
      /(\d+(?:\.\d+)?)(ms|[smhdw])?/g,
    )
  ) {
    total += Number(amount) * UNITS[unit]!;
  }
  return total;
}
