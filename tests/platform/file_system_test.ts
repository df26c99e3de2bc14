import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { describe, test } from "node:test";
import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import { errorCode, type FileSystem } from "../../src/platform/file_system.ts";
import { folderPath } from "../../src/platform/folder_path.ts";
import { IN_PLACE_BYTES, InPlace } from "../../src/core/in_place.ts";
import { localFileSystem } from "../../src/platform/local_file_system.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { nodeFileSystem } from "../../src/platform/node_file_system.ts";

const utf8 = (value: string) => new TextEncoder().encode(value);

const never = new InPlace();
never.isAllowed = () => false;
const filesOfRuntime = async (inPlace: InPlace): Promise<FileSystem> =>
  "Deno" in globalThis ? denoFileSystem(inPlace) : await nodeFileSystem(inPlace);

interface Place {
  readonly files: FileSystem;
  readonly root: string;
  makeLink(target: string, path: string): Promise<void>;
  dispose(): Promise<void>;
}

const places: Readonly<Record<string, () => Promise<Place>>> = {
  "the files of this machine": async () => {
    const root = await mkdtemp(`${tmpdir()}/everymap-`);
    return { files: await localFileSystem(), root, makeLink: symlink, dispose: () => rm(root, { recursive: true }) };
  },
  "the files of this machine, by threads alone": async () => {
    const root = await mkdtemp(`${tmpdir()}/everymap-`);
    return {
      files: await filesOfRuntime(never),
      root,
      makeLink: symlink,
      dispose: () => rm(root, { recursive: true }),
    };
  },
  "files in memory": async () => {
    const files = new MemoryFileSystem();
    await files.makeFolder("/data");
    return {
      files,
      root: "/data",
      makeLink: (target, path) => Promise.resolve(files.makeLink(target, path)),
      dispose: () => Promise.resolve(),
    };
  },
};

async function assertCode(code: string, call: () => unknown): Promise<void> {
  assertEquals(errorCode(await assertRejects(async () => await call(), Error)), code);
}

for (const [title, make] of Object.entries(places)) {
  const inPlace = (check: (place: Place) => Promise<void>) => async () => {
    const place = await make();
    try {
      await check(place);
    } finally {
      await place.dispose();
    }
  };
  const names = async (files: FileSystem, path: string) =>
    (await Array.fromAsync(files.items(path))).flat().map(({ name, kind }) => `${kind} ${name}`).sort();

  describe(title, () => {
    test(
      "writeFile() and create() make new files only; readFile() and open() read them",
      inPlace(async ({ files, root }) => {
        const before = Date.now();
        await files.writeFile(`${root}/a`, utf8("hello"));
        await files.writeFile(`${root}/b`, new Uint8Array(), true);
        await assertCode("EEXIST", () => files.writeFile(`${root}/a`, utf8("x")));
        await assertCode("EEXIST", () => files.create(`${root}/a`));
        await assertCode("ENOENT", () => files.writeFile(`${root}/no/a`, utf8("x")));
        const bytes = await files.readFile(`${root}/a`);
        assertEquals([bytes, Object.getPrototypeOf(bytes)], [utf8("hello"), Uint8Array.prototype]);
        const writer = await files.create(`${root}/c`);
        for (const part of ["one ", "two"]) await writer.write(utf8(part));
        await writer.sync();
        await writer.close();
        const reader = await files.open(`${root}/c`);
        const buffer = new Uint8Array(5);
        assertEquals([await reader.read(buffer), buffer], [5, utf8("one t")]);
        assertEquals([await reader.read(buffer), buffer.subarray(0, 2)], [2, utf8("wo")]);
        assertEquals(await reader.read(buffer), 0);
        assertEquals(await reader.look(), await files.look(`${root}/c`));
        await reader.close();
        const { kind, size, modifiedAt } = (await files.look(`${root}/a`))!;
        assertEquals([kind, size], ["file", 5]);
        assert(modifiedAt > before - 2000 && modifiedAt < Date.now() + 2000);
      }),
    );

    test(
      "files around the length that is read and written in place are whole",
      inPlace(async ({ files, root }) => {
        for (const length of [IN_PLACE_BYTES - 1, IN_PLACE_BYTES, IN_PLACE_BYTES + 1, 5 * IN_PLACE_BYTES + 7]) {
          const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
          await files.writeFile(`${root}/${length}`, bytes);
          // The one that was read first must not change with the next.
          const read = await files.readFile(`${root}/${length}`);
          await files.writeFile(`${root}/${length}.other`, new Uint8Array(100));
          assertEquals(await files.readFile(`${root}/${length}.other`), new Uint8Array(100));
          assert(read.length === length && read.every((byte, index) => byte === index % 251));
        }
      }),
    );

    test(
      "rename() replaces a file, link() does not",
      inPlace(async ({ files, root }) => {
        await files.writeFile(`${root}/a`, utf8("a"));
        await files.writeFile(`${root}/b`, utf8("b"));
        const { id } = (await files.look(`${root}/a`))!;
        await assertCode("EEXIST", () => files.link!(`${root}/a`, `${root}/b`));
        await files.link!(`${root}/a`, `${root}/c`);
        await files.rename(`${root}/a`, `${root}/b`);
        assertEquals([await names(files, root), (await files.look(`${root}/b`))!.id], [["file b", "file c"], id]);
        assertEquals(await files.readFile(`${root}/b`), utf8("a"));
        await assertCode("ENOENT", () => files.rename(`${root}/a`, `${root}/b`));
        await files.makeFolder(`${root}/d`);
        await assertCode("EISDIR", () => files.rename(`${root}/b`, `${root}/d`));
      }),
    );

    test(
      "folders are made one by one, and removed when they are empty",
      inPlace(async ({ files, root }) => {
        await assertCode("ENOENT", () => files.makeFolder(`${root}/a/b`));
        await files.makeFolder(`${root}/a`);
        await assertCode("EEXIST", () => files.makeFolder(`${root}/a`));
        await files.writeFile(`${root}/a/f`, utf8("x"));
        await files.syncFolder(`${root}/a`);
        await assertCode("ENOTEMPTY", () => files.removeFolder(`${root}/a`));
        await assertCode("ENOTDIR", () => files.removeFolder(`${root}/a/f`));
        await assertCode("EISDIR", () => files.removeFile(`${root}/a`));
        await assertCode("ENOTDIR", () => files.readFile(`${root}/a/f/g`));
        await assertCode("EISDIR", () => files.readFile(`${root}/a`));
        await files.removeFile(`${root}/a/f`);
        await assertCode("ENOENT", () => files.removeFile(`${root}/a/f`));
        await files.removeFolder(`${root}/a`);
        assertEquals([await files.look(`${root}/a`), await files.look(`${root}/a/b`)], [undefined, undefined]);
        await assertCode("ENOENT", () => names(files, `${root}/a`));
      }),
    );

    test(
      "a symbolic link is seen as one, and not read",
      inPlace(async ({ files, root, makeLink }) => {
        await files.writeFile(`${root}/file`, utf8("x"));
        await makeLink(`${root}/file`, `${root}/link`);
        await makeLink(`${root}/nowhere`, `${root}/broken`);
        assertEquals(await names(files, root), ["file file", "link broken", "link link"]);
        assertEquals((await files.look(`${root}/link`))?.kind, "link");
        for (const link of ["link", "broken"]) {
          await assertCode("ELOOP", () => files.readFile(`${root}/${link}`));
          await assertCode("ELOOP", () => files.open(`${root}/${link}`));
          await assertCode("EEXIST", () => files.writeFile(`${root}/${link}`, utf8("y")));
        }
        await files.removeFile(`${root}/link`);
        assertEquals(await files.readFile(`${root}/file`), utf8("x"));
      }),
    );

    test(
      "items() gives thousands of names in pages, each once",
      inPlace(async ({ files, root }) => {
        const expected = Array.from({ length: 2100 }, (_, index) => `file-${index}`).sort();
        for (let at = 0; at < expected.length; at += 100) {
          const some = expected.slice(at, at + 100);
          await Promise.all(some.map((name) => files.writeFile(`${root}/${name}`, new Uint8Array())));
        }
        const pages = await Array.fromAsync(files.items(root));
        assert(pages.length > 1);
        assertEquals(pages.flat().map(({ name }) => name).sort(), expected);
        for await (const _ of files.items(root)) break;
      }),
    );
  });
}

describe("MemoryFileSystem", () => {
  test("crashes instead of a step, and is down until it restarts", async () => {
    const files = new MemoryFileSystem();
    files.crashAt(3);
    await assertCode("EIO", () => files.writeFile("/a", utf8("torn apart")));
    await assertCode("EIO", () => files.readFile("/a"));
    assertThrows(() => files.look("/a"), Error, "EIO");
    files.restart();
    assertEquals([await files.readFile("/a"), files.steps], [utf8("torn "), 3]);
  });

  test("loses what was not synced: bytes, or names too", async () => {
    for (const loss of ["data", "names"] as const) {
      const files = new MemoryFileSystem();
      await files.writeFile("/synced", utf8("x"), true);
      await files.syncFolder("/");
      await files.writeFile("/new", utf8("x"));
      files.crashAt(1, loss);
      await assertCode("EIO", () => files.removeFile("/synced"));
      files.restart();
      assertEquals(await files.readFile("/synced"), utf8("x"));
      if (loss === "data") assertEquals(await files.readFile("/new"), new Uint8Array());
      else assertEquals(files.look("/new"), undefined);
    }
  });

  test("fails as it is told, so many times, on some paths", async () => {
    const files = new MemoryFileSystem();
    await files.writeFile("/a", utf8("x"));
    files.fail("readFile", "EIO", { times: 1, path: "a" });
    await assertCode("EIO", () => files.readFile("/a"));
    assertEquals(await files.readFile("/a"), utf8("x"));
    files.fail("readFile", "EACCES");
    await assertCode("EACCES", () => files.readFile("/a"));
    files.heal();
    assertEquals(await files.readFile("/a"), utf8("x"));
  });
});

describe("folderPath()", () => {
  test("is absolute, with slashes, without dots", () => {
    const here = process.cwd().replaceAll("\\", "/");
    assertEquals(folderPath("/a/./b//c/"), "/a/b/c");
    assertEquals(folderPath("/a/../b"), "/b");
    assertEquals(folderPath("/"), "/");
    assertEquals(folderPath("x/y"), `${here}/x/y`);
    assertEquals(folderPath("./x"), `${here}/x`);
    assertEquals(folderPath(new URL("file:///a%20b/%E4%B8%AD")), "/a b/中");
    assertEquals(folderPath(new URL("file:///C:/data/")), "C:/data");
    assertEquals(folderPath("C:\\data\\x\\..\\y"), "C:/data/y");
    assertEquals(folderPath("\\\\server\\share\\x"), "//server/share/x");
    assertEquals(folderPath(new URL("file://server/share/x")), "//server/share/x");
  });

  test("refuses what is no folder", () => {
    for (const folder of ["", "a\0", new URL("https://example.com/x"), null as unknown as string]) {
      assertThrows(() => folderPath(folder), TypeError, "Cannot use folder");
    }
  });
});
