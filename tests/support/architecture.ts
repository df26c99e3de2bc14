/**
 * The rules of the source tree: floors, cycles, what may be imported, how a file is named and begins.
 *
 * @module
 */

import { resolveImport, type SourceFile } from "./source_file.ts";

const FLOORS: Readonly<Record<string, number>> = {
  core: 0,
  codecs: 1,
  platform: 1,
  backends: 2,
  layers: 2,
  cache: 3,
  open: 4,
  tools: 5,
};

// The laws may use floors 0 to 3; nothing uses the laws.
const TESTING = { folder: "testing", floor: 3.5 };

// The port that the files of a folder implement, and the file that picks one of them.
const PORTS: readonly string[] = ["src/platform/file_system.ts"];
const PICKERS: readonly string[] = ["src/platform/local_file_system.ts"];

// Folders whose files know nothing of each other; a sub-folder is one thing with the file of its name.
const SEPARATE: readonly string[] = ["codecs", "platform", "backends", "layers"];

// Two roads to one place share its parts: who may use the sub-folder of whom.
const KIN: Readonly<Record<string, string>> = { upstash: "redis", sql: "sqlite" };

const EMPTY_NAMES: readonly string[] = ["utils", "util", "helpers", "helper", "common", "types", "index", "misc"];

const LONGEST = 400;

/** Files that may be longer, and why. */
const LONGER: ReadonlyMap<string, number> = new Map([
  // One class with every call of the Map and its documentation; a second one would only be a way through.
  ["src/core/store.ts", 480],
]);

/** What breaks a rule of the floors, as sentences; none is right. */
export function floorFaults(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, imports }) => {
    const folder = folderOf(path);
    const floor = floorOf(folder);
    if (folder !== undefined && floor === undefined) return [`${path} is on no floor`];
    return imports.flatMap(({ specifier }) => {
      const target = resolveImport(path, specifier);
      if (target === undefined || folder === undefined || floor === undefined) return [];
      const targetFolder = folderOf(target);
      const targetFloor = floorOf(targetFolder);
      if (targetFolder === undefined || targetFloor === undefined) {
        return [`${path} imports ${target}, which is above all`];
      }
      if (targetFolder === TESTING.folder && folder !== TESTING.folder) {
        return [`${path} imports ${target}, which is for tests`];
      }
      if (targetFloor > floor) return [`${path} imports ${target}, which is a floor above`];
      if (targetFloor === floor && targetFolder !== folder) return [`${path} imports ${target}, which is next door`];
      const apart = SEPARATE.includes(folder) && targetFolder === folder && thingOf(path) !== thingOf(target) &&
        !(KIN[thingOf(path)] === thingOf(target) && target.split("/").length > 3);
      if (apart && !PORTS.includes(target) && !PICKERS.includes(path)) {
        return [`${path} imports ${target}, which is another of its kind`];
      }
      return [];
    });
  });
}

/** The cycles of imports, those of types and lazy ones included. */
export function cycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.map(({ specifier }) => resolveImport(path, specifier)).filter((target) => target !== undefined),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push([...trail.slice(start), path].join(" → "));
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

/** What breaks a rule that concerns one file alone, as sentences. `packages` are the names that may be imported. */
export function fileFaults(file: SourceFile, packages: readonly string[]): string[] {
  const { path, text, imports } = file;
  const faults: string[] = [];
  if (!/^(#!.*\n)?\/\*\*(?:(?!\*\/)[\s\S])*@module/.test(text)) faults.push(`${path} does not begin with @module`);
  const name = path.split("/").at(-1)!.replace(/\.ts$/, "");
  if (EMPTY_NAMES.includes(name)) faults.push(`${path} has a name that says nothing`);
  if (!/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name)) faults.push(`${path} is not named in snake_case`);
  const lines = text.trimEnd().split("\n").length;
  const longest = LONGER.get(path) ?? LONGEST;
  if (lines > longest) faults.push(`${path} has ${lines} lines, more than ${longest}`);
  if (isBarrel(file) && path !== "src/testing/mod.ts") faults.push(`${path} only passes on what others export`);
  for (const { specifier, loaded } of imports) {
    if (specifier.startsWith(".")) {
      if (!specifier.endsWith(".ts")) faults.push(`${path} imports ${specifier} without its extension`);
    } else if (specifier.startsWith("node:") || specifier.startsWith("bun:")) {
      if (loaded) faults.push(`${path} loads ${specifier} with itself`);
    } else if (specifier.startsWith("@std/")) faults.push(`${path} imports ${specifier}, which is for development`);
    else if (!packages.some((one) => specifier === one || specifier.startsWith(`${one}/`))) {
      faults.push(`${path} imports ${specifier}, which is no dependency`);
    }
  }
  return faults;
}

function isBarrel({ text, imports }: SourceFile): boolean {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return imports.length > 0 && code.replace(/\bexport\b[^;]*\bfrom\b[^;]*;/g, "").trim() === "";
}

function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function floorOf(folder: string | undefined): number | undefined {
  if (folder === undefined) return undefined;
  return folder === TESTING.folder ? TESTING.floor : FLOORS[folder];
}

// src/backends/disk.ts and src/backends/disk/names.ts are one thing.
function thingOf(path: string): string {
  return path.split("/")[2]!.replace(/\.ts$/, "");
}
