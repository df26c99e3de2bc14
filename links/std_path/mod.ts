/**
 * The functions of `jsr:@std/path` that are in use here, over `node:path`: for machines that reach npm but not JSR.
 *
 * @module
 */

export { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve, SEPARATOR } from "./paths.ts";
export { fromFileUrl, toFileUrl } from "./file_urls.ts";
