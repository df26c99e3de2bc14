/**
 * The files of this project, for tests that look at the project itself.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { walk } from "@std/fs";
import { fromFileUrl, join, relative } from "@std/path";
import { type SourceFile, sourceFile } from "./source_file.ts";

/** The folder of the project. */
export const ROOT: string = fromFileUrl(new URL("../../", import.meta.url));

/** The text of one of its files. */
export async function readText(path: string): Promise<string> {
  return await readFile(join(ROOT, path), "utf8");
}

/** One of its files as JSON. */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readText(path));
}

/** The TypeScript files in one of its folders. */
export async function sourceFiles(folder: string): Promise<SourceFile[]> {
  const paths: string[] = [];
  for await (const { path } of walk(join(ROOT, folder), { includeDirs: false, exts: [".ts"] })) {
    paths.push(relative(ROOT, path).replaceAll("\\", "/"));
  }
  return await Promise.all(paths.sort().map(async (path) => sourceFile(path, await readText(path))));
}
