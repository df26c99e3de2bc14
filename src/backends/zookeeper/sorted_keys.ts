/**
 * Keys in the order of their UTF-8 bytes.
 *
 * @module
 */

/** The keys that start with the prefix and come after another one, in order. */
export function sortedKeys(
  keys: readonly string[],
  { prefix, after }: { readonly prefix: string; readonly after: string | undefined },
): string[] {
  const wanted = keys.filter((key) => key.startsWith(prefix) && (after === undefined || compare(key, after) > 0));
  return wanted.sort(compare);
}

/** UTF-16 puts characters beyond U+FFFF before U+E000 to U+FFFF, UTF-8 behind them. */
function compare(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return rank(one) - rank(other);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
