/**
 * One data set, five places, the same ten lines: `npx -y deno@2 task demo [--keep]`.
 *
 * @module
 */

import { Store } from "@everymap/everymap";
import { disk } from "@everymap/everymap/backends/disk";
import { lru } from "@everymap/everymap/backends/lru";
import { memory } from "@everymap/everymap/backends/memory";
import { sqlite } from "@everymap/everymap/backends/sqlite";
import { chain } from "@everymap/everymap/codecs/chain";
import { gzip } from "@everymap/everymap/codecs/gzip";
import { json } from "@everymap/everymap/codecs/json";
import { assertEquals } from "@std/assert";
import { emptyDir, ensureDir, walk } from "@std/fs";
import { join, relative } from "@std/path";
import type { Country } from "world-countries";
import data from "world-countries/countries.json" with { type: "json" };

const countries = new Map(
  (data as unknown as Country[]).map((country) => [`${country.region}/${country.name.common}`.toLowerCase(), country]),
);

/** A place to try, and how to come to it; a durable one also once more. */
interface Candidate {
  readonly name: string;
  /** The folder that holds it, if it outlives this process. */
  readonly folder?: string;
  open(): Store<Country>;
}

const root = await Deno.makeTempDir({ prefix: "everymap-demo-" });
const [plain, gzipped, database] = [join(root, "plain"), join(root, "gzipped"), join(root, "sqlite")];
for (const folder of [plain, gzipped, database]) await ensureDir(folder);

const candidates: readonly Candidate[] = [
  { name: "memory", open: () => new Store<Country>(memory()) },
  { name: "LRU", open: () => new Store<Country>(lru({ maxEntries: 1000 })) },
  { name: "folder, JSON", folder: plain, open: () => new Store<Country>(disk(plain)) },
  {
    name: "folder, JSON gzipped",
    folder: gzipped,
    open: () => new Store<Country>(disk(gzipped), { codec: chain(json<Country>(), gzip()) }),
  },
  {
    name: "one SQLite file",
    folder: database,
    open: () => new Store<Country>(sqlite(join(database, "countries.db"))),
  },
];

/** The ten lines, the same for every place. */
async function exercise(store: Store<Country>): Promise<number> {
  for (const [key, country] of countries) await store.set(key, country);
  for (const [key, country] of countries) assertEquals(await store.get(key), country);
  assertEquals(await store.size, countries.size);
  assertEquals(await store.get("europe/atlantis"), undefined);
  assertEquals(await store.delete("europe/france"), true);
  assertEquals(await store.add("europe/france", countries.get("europe/france")!), true);
  let islands = 0;
  for await (const [, country] of store) if (country.borders.length === 0) islands++;
  return islands;
}

const terminal = Deno.stdout.isTerminal();
const style = (code: number) => (text: string) => terminal && !Deno.noColor ? `\x1b[${code}m${text}\x1b[0m` : text;
const [bold, dim, green] = [style(1), style(2), style(32)];
const started = performance.now();

console.log(`\n${bold("Every store is a Map. Put await in front.")}`);
console.log(dim(`${countries.size} countries from npm:world-countries, five places, the same ten lines\n`));

const rows: string[][] = [];
try {
  for (const candidate of candidates) rows.push(await present(candidate));
  clearProgress();
  printTable(["place", "entries", "on disk", "set/s", "get/s", "after a restart"], rows);
  await showFile();
} finally {
  if (Deno.args.includes("--keep")) console.log(dim(`Kept in ${root}`));
  else {
    await emptyDir(root);
    await Deno.remove(root);
  }
}
console.log(dim(`Every value came back equal. ${((performance.now() - started) / 1000).toFixed(1)} s\n`));

async function present({ name, folder, open }: Candidate): Promise<string[]> {
  progress(name, "writing, reading, comparing");
  const store = open();
  const islands = await exercise(store);
  progress(name, "measuring set");
  const sets = await perSecond((key, country) => store.set(key, country));
  progress(name, "measuring get");
  const gets = await perSecond((key) => store.get(key));
  const entries = await store.size;
  await store.close();

  let found = dim("gone, as it should be");
  if (folder !== undefined) {
    progress(name, "opening again");
    const again = open();
    for (const [key, country] of countries) assertEquals(await again.get(key), country);
    assertEquals(await again.size, entries);
    found = green(`all ${entries} there`);
    await again.close();
  }
  assertEquals(islands, [...countries.values()].filter(({ borders }) => borders.length === 0).length);
  const bytes = folder === undefined ? dim("-") : megabytes(await bytesIn(folder));
  return [name, `${entries}`, bytes, rounded(sets), rounded(gets), found];
}

async function perSecond(call: (key: string, country: Country) => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let calls = 0;
  let took = 0;
  while (took < 500) {
    for (const [key, country] of countries) await call(key, country);
    calls += countries.size;
    took = performance.now() - begun;
  }
  return calls / took * 1000;
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { path } of walk(folder, { includeDirs: false })) bytes += (await Deno.stat(path)).size;
  return bytes;
}

async function showFile(): Promise<void> {
  for await (const { path } of walk(plain, { includeDirs: false })) {
    if (!path.endsWith("iceland.json")) continue;
    const text = (await Deno.readTextFile(path)).slice(0, 60);
    console.log(`${dim("A folder is only files:")} ${relative(root, path)}  ${dim(`${text}…`)}`);
  }
}

function progress(name: string, step: string): void {
  const line = `${rows.length + 1}/${candidates.length}  ${name}: ${step}`;
  if (terminal) Deno.stdout.writeSync(new TextEncoder().encode(`\r\x1b[K${dim(line)}`));
  else if (step.startsWith("writing")) console.log(`${rows.length + 1}/${candidates.length}  ${name}`);
}

function clearProgress(): void {
  if (terminal) Deno.stdout.writeSync(new TextEncoder().encode("\r\x1b[K"));
  else console.log();
}

function printTable(head: readonly string[], body: readonly string[][]): void {
  // deno-lint-ignore no-control-regex -- colours take no room
  const width = (text: string) => text.replace(/\x1b\[\d+m/g, "").length;
  const widths = head.map((title, column) => Math.max(...[title, ...body.map((row) => row[column]!)].map(width)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => {
      const room = " ".repeat(widths[column]! - width(cell));
      return column === 0 || column === cells.length - 1 ? cell + room : room + cell;
    }).join("   ").trimEnd();
  console.log(bold(line(head)));
  console.log(dim(widths.map((count) => "─".repeat(count)).join("   ")));
  for (const row of body) console.log(line(row));
  console.log();
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

function rounded(count: number): string {
  return Number(count.toPrecision(2)).toLocaleString("en");
}
