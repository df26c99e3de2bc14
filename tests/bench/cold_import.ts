/**
 * What a first import costs, over that of an empty module: the best of many processes of the runtime that runs this.
 * On Node most of it is the stripping of types, which it does anew in each process.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { join, toFileUrl } from "@std/path";
import { inTemporaryFolder, scriptCommand } from "../support/runtime.ts";
import { machine, median, runtime } from "./harness.ts";

const PROCESSES = 25;

const SOURCES: Readonly<Record<string, readonly string[]>> = {
  "an empty module": [],
  "Store and memory": ["core/store", "backends/memory"],
  "Store and lru": ["core/store", "backends/lru"],
  "Store and disk": ["core/store", "backends/disk"],
  "Store and redis": ["core/store", "backends/redis"],
  "Store and sqlite": ["core/store", "backends/sqlite"],
  "open": ["open/open"],
};

await inTemporaryFolder((folder) => {
  const timer = join(folder, "timer.mjs");
  const code = 'import process from "node:process"; const begun = performance.now(); await import(process.argv[2]);' +
    " console.log(performance.now() - begun);";
  writeFileSync(timer, code);
  const modules = Object.entries(SOURCES).map(([name, paths], index) => {
    const file = join(folder, `module${index}.mjs`);
    const imports = paths.map((path) => `import "${new URL(`../../src/${path}.ts`, import.meta.url).href}";`);
    writeFileSync(file, imports.join("\n"));
    return { name, url: toFileUrl(file).href, samples: [] as number[] };
  });

  // In turn, so that a busy moment of the machine hits all alike.
  for (let round = 0; round <= PROCESSES; round++) {
    for (const { url, samples } of modules) {
      const [executable, ...args] = scriptCommand(toFileUrl(timer), url);
      const took = Number(
        execFileSync(executable, args, {
          encoding: "utf8",
          cwd: process.cwd(),
        }),
      );
      // The first one fills the runtime's own caches.
      if (round > 0) samples.push(took);
    }
  }

  const best = (samples: readonly number[]) => Math.min(...samples);
  const empty = modules[0]!.samples;
  console.log(`\nCold import, ms (${runtime()}; ${machine()})\n`);
  console.log(
    "| module | best | median | best over empty |\n|---|---:|---:|---:|",
  );
  for (const { name, samples } of modules) {
    const numbers = [
      best(samples),
      median(samples),
      best(samples) - best(empty),
    ].map((number) => number.toFixed(2));
    console.log(`| ${name} | ${numbers.join(" | ")} |`);
  }
});
