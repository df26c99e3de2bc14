/**
 * The check that an options bag holds only what its function knows: a misspelt option is an error, not a default.
 *
 * @module
 */

/**
 * Refuses options that a function does not know.
 *
 * @throws {TypeError} If one is not among the known names.
 */
export function checkOptions(owner: string, options: object | undefined, known: readonly string[]): void {
  for (const name in options) {
    if (!known.includes(name)) {
      throw new TypeError(`Cannot make ${owner}: "${name}" is not one of its options (${known.join(", ")})`);
    }
  }
}
