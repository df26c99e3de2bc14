/** Paths by the rules of this system. @module */

import { sep } from "node:path";

export { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve } from "node:path";

/** What stands between the parts of a path. */
export const SEPARATOR: "/" | "\\" = sep;
