/** Paths as URLs. @module */

import { fileURLToPath, pathToFileURL } from "node:url";

/** The path of a `file:` URL. */
export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

/** A path as `file:` URL. */
export function toFileUrl(path: string): URL {
  return pathToFileURL(path);
}
