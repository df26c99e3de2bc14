/**
 * Strings of any characters, by chance.
 *
 * @module
 */

import fc from "fast-check";

/** Code points that are no characters of their own: half of one in UTF-16. */
const SURROGATES = { first: 0xd800, count: 0x800 };

const character = fc.nat({ max: 0x10ffff - SURROGATES.count }).map(
  (index) => String.fromCodePoint(index < SURROGATES.first ? index : index + SURROGATES.count),
  // The way back lets fast-check try names that have led programs astray, such as `__proto__`, and make them shorter.
  (text) => {
    const isOne = typeof text === "string" && [...text].length === 1 && text.isWellFormed();
    if (!isOne) throw new TypeError("It is not one character");
    const point = text.codePointAt(0)!;
    return point < SURROGATES.first ? point : point - SURROGATES.count;
  },
);

/**
 * Well-formed strings of at most so many characters, each of them any of Unicode's. fast-check's own unit `binary` says
 * the same, but takes more than a second to make, in each process anew.
 */
export function anyString(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: character, maxLength });
}
