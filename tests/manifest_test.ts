/** deno.json is the truth, jsr.json and package.json repeat it, and all of it opens. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readJson } from "./support/repository.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}
interface DenoManifest extends Manifest {
  readonly imports: Readonly<Record<string, string>>;
  readonly links: readonly string[];
}
interface PackageManifest extends Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

// Subpaths that are not their path under src.
const SPECIAL: Readonly<Record<string, string>> = {
  ".": "./mod.ts",
  "./open": "./src/open/open.ts",
  "./testing": "./src/testing/mod.ts",
};

const deno = await readJson<DenoManifest>("deno.json");
const jsr = await readJson<Manifest>("jsr.json");
const npm = await readJson<PackageManifest>("package.json");
const subpaths = Object.keys(deno.exports);

describe("deno.json", () => {
  test("agrees with jsr.json, which holds nothing else", () => {
    const { name, version, license, exports } = deno;
    assertEquals(jsr, { name, version, license, exports });
  });

  test("agrees with package.json on name, version, license and exports", () => {
    const { name, version, license, exports } = npm;
    assertEquals({ name, version, license, exports }, { ...jsr });
  });

  test("agrees with package.json on the packages and their versions", () => {
    const packages: Record<string, string> = {};
    for (const [name, target] of Object.entries(deno.imports)) {
      const [, packageName, range, path = ""] = /^npm:(.+)@([^@/]+)(\/.*)?$/.exec(target) ?? [];
      if (packageName === undefined) continue;
      assertEquals(name, packageName + path);
      packages[packageName] = range!;
    }
    for (const folder of deno.links) packages[`@std/${folder.split("_").at(-1)}`] = `file:${folder}`;
    assertEquals({ ...npm.dependencies, ...npm.devDependencies }, packages);
  });

  test("imports this package under its own name", () => {
    const own = Object.entries(deno.imports).filter(([name]) => name === deno.name || name.startsWith(`${deno.name}/`));
    const exported = subpaths.map((subpath) => [deno.name + subpath.slice(1), deno.exports[subpath]!] as const);
    assertEquals(Object.fromEntries(own), Object.fromEntries(exported));
  });

  test("exports files under their path in kebab-case", () => {
    for (const [subpath, file] of Object.entries(deno.exports)) {
      assertEquals(file, SPECIAL[subpath] ?? `./src/${subpath.slice(2).replaceAll("-", "_")}.ts`);
    }
  });

  test("exports in the order of the alphabet", () => {
    assertEquals(subpaths, subpaths.toSorted());
  });
});

describe("every export opens", () => {
  for (const subpath of subpaths) {
    const name = deno.name + subpath.slice(1);
    test(name, async () => {
      const module = await import(name);
      assert(Object.keys(module).length > 0 || subpath === "./core/codec", `${name} exports nothing`);
    });
  }
});
