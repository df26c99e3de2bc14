/**
 * Where a folder is, in one spelling for all runtimes.
 *
 * @module
 */

/** What knows where the process stands. */
interface Process {
  cwd?(): string;
}

/**
 * The absolute path of a folder, with `/` between its parts and none at its end. A relative one starts where the process
 * stands now.
 *
 * @throws {TypeError} If it is empty, has a NUL in it, or is a URL other than `file:`.
 */
export function folderPath(folder: string | URL): string {
  const given: unknown = folder instanceof URL ? pathOfUrl(folder) : folder;
  if (typeof given !== "string" || given === "" || given.includes("\0")) {
    throw new TypeError("Cannot use folder: it must be a path or a file: URL, not empty and without NUL");
  }
  const isWindows = /^[a-z]:[\\/]|^\\\\/i.test(given);
  const path = isWindows ? given.replaceAll("\\", "/") : given;
  const { Deno, process } = globalThis as { readonly Deno?: Process; readonly process?: Process };
  const isAbsolute = isWindows || path.startsWith("/");
  const start = isAbsolute ? "" : (Deno?.cwd?.() ?? process?.cwd?.() ?? "").replaceAll("\\", "/");
  const root = /^(?:[a-z]:|\/\/[^/]+)?/i.exec(isAbsolute ? path : start)![0];
  const parts: string[] = [];
  for (const part of `${start}/${path}`.slice(isAbsolute ? root.length + 1 : root.length).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `${root}/${parts.join("/")}`;
}

function pathOfUrl(url: URL): string {
  if (url.protocol !== "file:") throw new TypeError("Cannot use folder: its URL is not a file: URL");
  const path = decodeURIComponent(url.pathname);
  if (url.hostname) return `//${url.hostname}${path}`;
  return /^\/[a-z]:/i.test(path) ? path.slice(1) : path;
}
