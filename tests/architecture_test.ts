/** The source tree keeps its rules; and the rules catch what breaks them. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { cycles, fileFaults, floorFaults } from "./support/architecture.ts";
import { readJson, sourceFiles } from "./support/repository.ts";
import { sourceFile } from "./support/source_file.ts";

const MODULE = "/** A thing. @module */\n";

function files(sources: Readonly<Record<string, string>>) {
  return Object.entries(sources).map(([path, text]) => sourceFile(path, MODULE + text));
}

describe("src", () => {
  test("has arrows that point down only", async () => {
    const sources = await sourceFiles("src");
    assert(sources.length > 10);
    assertEquals(floorFaults(sources), []);
  });

  test("has no cycle of imports, types included", async () => {
    assertEquals(cycles(await sourceFiles("src")), []);
  });

  test("has files that begin, are named and import as they should", async () => {
    const { dependencies } = await readJson<{ dependencies: Record<string, string> }>("package.json");
    const sources = await sourceFiles("src");
    assertEquals(sources.flatMap((file) => fileFaults(file, Object.keys(dependencies))), []);
  });
});

describe("floorFaults()", () => {
  test("accepts arrows that point down or stay with one thing", () => {
    assertEquals(
      floorFaults(files({
        "src/core/store.ts": 'import { a } from "./backend.ts";',
        "src/core/backend.ts": "export const a = 1;",
        "src/backends/disk.ts": 'import { b } from "./disk/names.ts";\nimport { json } from "../codecs/json.ts";',
        "src/backends/disk/names.ts": 'import type { Disk } from "../disk.ts";',
        "src/backends/upstash.ts": 'import { wire } from "./redis/wire.ts";',
        "src/backends/redis/wire.ts": "",
        "src/platform/file_system.ts": "",
        "src/platform/node_file_system.ts": 'import type { FileSystem } from "./file_system.ts";',
        "src/testing/mod.ts": 'import { memory } from "../backends/memory.ts";',
        "src/open/open.ts": 'await import("../backends/disk.ts");',
      })),
      [],
    );
  });

  const broken: Readonly<Record<string, [path: string, text: string]>> = {
    "an arrow up": ["src/core/store.ts", 'import { json } from "../codecs/json.ts";'],
    "an arrow up that is a type": ["src/core/store.ts", 'import type { Json } from "../codecs/json.ts";'],
    "an arrow up that is lazy": ["src/core/store.ts", 'const m = await import("../codecs/json.ts");'],
    "an arrow up over several lines": ["src/core/store.ts", 'import {\n  a,\n  b,\n} from "../codecs/json.ts";'],
    "an export from above": ["src/core/store.ts", 'export * from "../codecs/json.ts";'],
    "a layer that knows a backend": ["src/layers/bounded.ts", 'import { lru } from "../backends/lru.ts";'],
    "a backend that knows a layer": ["src/backends/disk.ts", 'import { bounded } from "../layers/bounded.ts";'],
    "a backend that knows another": ["src/backends/disk.ts", 'import { lru } from "./lru.ts";'],
    "a backend that knows a part of another": ["src/backends/sqlite.ts", 'import { n } from "./disk/names.ts";'],
    "a part that knows another road to its place": [
      "src/backends/redis/wire.ts",
      'import { u } from "../upstash/u.ts";',
    ],
    "a road that goes by another": ["src/backends/upstash.ts", 'import { redis } from "./redis.ts";'],
    "a codec that knows another": ["src/codecs/gzip.ts", 'import { json } from "./json.ts";'],
    "a codec that knows the platform": ["src/codecs/gzip.ts", 'import { f } from "../platform/file_system.ts";'],
    "source that knows the laws": ["src/open/open.ts", 'import { FakeClock } from "../testing/mod.ts";'],
    "source that knows mod.ts": ["src/open/open.ts", 'import { Store } from "../../mod.ts";'],
    "a folder without a floor": ["src/extras/thing.ts", ""],
  };
  for (const [title, [path, text]] of Object.entries(broken)) {
    test(`catches ${title}`, () => {
      const faults = floorFaults(files({ [path]: text }));
      assertEquals(faults.length, 1);
      assert(faults[0]!.startsWith(path));
    });
  }

  test("looks past imports in comments", () => {
    const text = '/**\n * import { json } from "../codecs/json.ts";\n */\n// import "../codecs/json.ts";\n';
    assertEquals(floorFaults(files({ "src/core/store.ts": text })), []);
  });
});

describe("cycles()", () => {
  test("catches a cycle through a type", () => {
    const found = cycles(files({
      "src/core/a.ts": 'import { b } from "./b.ts";',
      "src/core/b.ts": 'export { c } from "./c.ts";',
      "src/core/c.ts": 'import type { A } from "./a.ts";',
    }));
    assertEquals(found, ["src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts"]);
  });

  test("catches a file that imports itself", () => {
    assertEquals(cycles(files({ "src/core/a.ts": 'import "./a.ts";' })).length, 1);
  });

  test("accepts two ways to one file", () => {
    const found = cycles(files({
      "src/core/a.ts": 'import "./b.ts";\nimport "./c.ts";',
      "src/core/b.ts": 'import "./d.ts";',
      "src/core/c.ts": 'import "./d.ts";',
      "src/core/d.ts": "",
    }));
    assertEquals(found, []);
  });
});

describe("fileFaults()", () => {
  const faultsOf = (path: string, text: string) => fileFaults(sourceFile(path, text), ["fflate", "@msgpack/msgpack"]);

  test("accepts a file that keeps the rules", () => {
    const text = `${MODULE}import { a } from "./a.ts";\nimport { gzipSync } from "fflate";\n` +
      'import type { Stats } from "node:fs";\nconst zlib = () => import("node:zlib");\nexport const b = a + 1;\n';
    assertEquals(faultsOf("src/codecs/gzip_level.ts", text), []);
  });

  const broken: Readonly<Record<string, [path: string, text: string]>> = {
    "a file without @module": ["src/core/a.ts", "/** A thing. */\nexport const a = 1; /* @module */"],
    "a name that says nothing": ["src/core/utils.ts", MODULE],
    "a name in another case": ["src/core/storeError.ts", MODULE],
    "a barrel": ["src/core/all.ts", `${MODULE}export * from "./a.ts";\nexport type {\n  B,\n} from "./b.ts";\n`],
    "a file of more than 400 lines": ["src/core/a.ts", MODULE + "const a = 1;\n".repeat(400)],
    "a built-in module that is loaded at once": ["src/core/a.ts", `${MODULE}import { gzipSync } from "node:zlib";`],
    "a package for development": ["src/core/a.ts", `${MODULE}import type { WalkEntry } from "@std/fs";`],
    "a package that is no dependency": ["src/core/a.ts", `${MODULE}import { chunk } from "lodash";`],
    "a package under a specifier of its own": ["src/core/a.ts", `${MODULE}import { gzipSync } from "npm:fflate@0.8";`],
    "an import without its extension": ["src/core/a.ts", `${MODULE}import { b } from "./b";\nb();`],
  };
  for (const [title, [path, text]] of Object.entries(broken)) {
    test(`catches ${title}`, () => assertEquals(faultsOf(path, text).length, 1));
  }
});
