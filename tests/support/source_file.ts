/**
 * A TypeScript file as the architecture sees it: what it imports, and how long it is.
 *
 * @module
 */

/** One import of a file. */
export interface Import {
  /** What stands in the quotes. */
  readonly specifier: string;
  /** Whether it is loaded with the file; `import()` and types are not. */
  readonly loaded: boolean;
}

/** One file. */
export interface SourceFile {
  /** Path from the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** The file of this path and text. */
export function sourceFile(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  const imports: Import[] = [];
  const statement = /^[ \t]*(import|export)\b([^;"'`(]*?)\bfrom\s*["']([^"']+)["']|^[ \t]*import\s*["']([^"']+)["']/gm;
  for (const [, , clause = "", specifier, bare] of code.matchAll(statement)) {
    imports.push({ specifier: (specifier ?? bare)!, loaded: !/^\s*type\b/.test(clause) });
  }
  for (const [, specifier] of code.matchAll(/\bimport\(\s*["']([^"']+)["']/g)) {
    imports.push({ specifier: specifier!, loaded: false });
  }
  return { path, text, imports };
}

/** The path that a relative import means; `undefined` for others. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

// The examples in the documentation import too.
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}
