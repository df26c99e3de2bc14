/**
 * The npm packages that Bun, Node and the bundler find in `node_modules`; Deno fetches its own.
 *
 * @module
 */

import { exists } from "@std/fs";

const STAMP = "node_modules/.installed-for";

/** Installs the development dependencies, unless that has been done for this very manifest. */
export async function installDependencies(): Promise<void> {
  const manifest = await Deno.readTextFile("package.json");
  if (await exists(STAMP) && await Deno.readTextFile(STAMP) === manifest) return;
  console.log("Installing development dependencies (npm install)");
  const args = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  const { code } = await new Deno.Command("npm", { args, stdin: "null", stdout: "null" }).output();
  if (code !== 0) throw new Error(`Cannot install development dependencies: npm install ended with exit code ${code}`);
  await Deno.writeTextFile(STAMP, manifest);
}
