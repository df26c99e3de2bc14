import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { disk, diskFromUrl, type DiskOptions } from "../../src/backends/disk.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { json } from "../../src/codecs/json.ts";
import { text } from "../../src/codecs/text.ts";
import type { Codec } from "../../src/core/codec.ts";
import { FRAME_BYTES } from "../../src/core/frame.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { type FileOperation, MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { checkStoreLaws } from "../support/laws.ts";

const utf8 = (value: string) => new TextEncoder().encode(value);
const { supports } = disk("/anywhere");

/** Runs a test in a folder of its own, which is gone afterwards. */
async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(`${tmpdir()}/everymap-`);
  try {
    await check(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All files below a folder, with their paths from there. */
async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const item of await readdir(folder, { withFileTypes: true })) {
    if (!item.isDirectory()) files.push(item.name);
    else files.push(...(await filesIn(`${folder}/${item.name}`)).map((file) => `${item.name}/${file}`));
  }
  return files.sort();
}

async function sortedKeys(store: Store<unknown>, options?: { prefix?: string }): Promise<string[]> {
  return (await Array.fromAsync(store.keys(options))).sort();
}

async function assertStoreError(
  code: StoreErrorCode,
  call: () => Promise<unknown>,
  includes = "",
): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, includes);
  assertEquals(error.code, code);
  return error;
}

function lawsOnDisk(title: string, codec?: Codec<unknown, Uint8Array>): void {
  checkStoreLaws(title, supports, {
    make: async (clock) => {
      const folder = await mkdtemp(`${tmpdir()}/everymap-`);
      return {
        open: () => disk(folder, { now: clock.now }),
        dispose: () => rm(folder, { recursive: true }),
      };
    },
    ...(codec && { codec, values: blobs }),
  });
}

function lawsInMemory(
  title: string,
  { links = true, durable = false }: { links?: boolean; durable?: boolean },
  codec?: Codec<unknown, Uint8Array>,
): void {
  checkStoreLaws(title, supports, {
    make: (clock) => {
      const fileSystem = new MemoryFileSystem({ links });
      return { open: () => disk("/data", { fileSystem, durable, now: clock.now }) };
    },
    ...(codec && { codec, values: blobs }),
  });
}

const raw = bytes() as Codec<unknown, Uint8Array>;
// The second and the last one look like the beginning of a frame.
const blobs = [utf8("one"), Uint8Array.of(0xee, 0x4d), utf8(""), utf8("什么"), Uint8Array.of(0xee, 0x4d, 1, 2, 3)];

lawsOnDisk("disk, JSON files");
lawsOnDisk("disk, files as they come", raw);
lawsInMemory("disk, in memory, durable", { durable: true });
lawsInMemory("disk, in memory, files with one path only", { links: false });
lawsInMemory("disk, in memory, files as they come", {}, raw);

describe("disk as a folder of files", () => {
  for (const [kind, codec] of [["text", text()], ["JSON", json<string>()]] as const) {
    for (const [key, other] of [["test", "中"], ["subdir/test", "什么/考"]] as const) {
      test(`${kind} files: the whole list for ${key} and ${other} (BK-01…08, BK-10, BK-12, BK-13)`, () =>
        inFolder(async (folder) => {
          const open = () => new Store<string>(disk(folder), { codec });
          const store = open();
          await store.set(key, "value");
          assertEquals(await store.size, 1);
          assertEquals(await Array.fromAsync(store), [[key, "value"]]);
          assert(await store.has(key));
          assertEquals(await Array.fromAsync(store.keys()), [key]);
          assertEquals(await store.get(key), "value");
          await store.set(other, "中文");
          // What the first object wrote, a fresh one finds, counts and deletes (X-10).
          const fresh = open();
          assertEquals(await fresh.size, 2);
          assertEquals(await sortedKeys(fresh), [key, other].sort());
          assertEquals(await fresh.get(other), "中文");
          assertEquals([await fresh.delete(key), await fresh.delete(other), await fresh.delete(other)], [
            true,
            true,
            false,
          ]);
          assertEquals(await store.size, 0);
          await store.setMany([[key, "1"], [other, "2"]]);
          await fresh.clear();
          assertEquals([await store.size, await filesIn(folder)], [0, []]);
        }));
    }
  }

  test("a JSON file is JSON (PS-10, PS JSON)", () =>
    inFolder(async (folder) => {
      const store = new Store<{ text: string }>(disk(folder));
      await store.set("greeting", { text: "Hello World!" });
      assertEquals(JSON.parse(await readFile(`${folder}/greeting.json`, "utf8")), { text: "Hello World!" });
      assertEquals([await store.get("greeting"), await store.size], [{ text: "Hello World!" }, 1]);
      assert(await store.delete("greeting"));
      await assertStoreError("not-found", () => store.getOrThrow("greeting"));
    }));

  test("indented JSON is what people would write (BK-12)", () =>
    inFolder(async (folder) => {
      await new Store(disk(folder), { codec: json({ indent: 4 }) }).set("a", { b: 1 });
      assertEquals(await readFile(`${folder}/a.json`, "utf8"), '{\n    "b": 1\n}');
    }));

  test("damaged JSON is corrupt, and stays where it is (BK-05)", () =>
    inFolder(async (folder) => {
      await writeFile(`${folder}/a.json`, '{"half":');
      const store = new Store(disk(folder));
      await assertStoreError("corrupt", () => store.get("a"));
      assertEquals(await filesIn(folder), ["a.json"]);
      assert(await store.has("a"));
    }));

  test("a damaged frame is corrupt", () =>
    inFolder(async (folder) => {
      await writeFile(`${folder}/a.json`, Uint8Array.of(0xee, 0x4d, 77));
      await assertStoreError("corrupt", () => new Store(disk(folder)).get("a"));
    }));

  test("keys become readable files with the codec's ending, or a given one", () =>
    inFolder(async (folder) => {
      await new Store(disk(folder)).set("users/ada", 1);
      await new Store(disk(folder), { codec: text() }).set("users/什么 (1)", "x");
      await new Store(disk(folder), { codec: bytes() }).set("css/site.css", utf8("x"));
      await new Store(disk(folder, { extension: ".v1.bin" }), { codec: bytes() }).set("x", utf8("x"));
      assertEquals(await filesIn(folder), ["css/site.css", "users/ada.json", "users/什么 (1).txt", "x.v1.bin"]);
    }));

  test("files that were put there by hand are entries; other people's files are left alone", () =>
    inFolder(async (folder) => {
      await mkdir(`${folder}/notes`);
      await mkdir(`${folder}/.git`);
      await mkdir(`${folder}/empty`);
      const others = [
        "README.md",
        "UPPER.json",
        "notes/.hidden.json",
        ".git/config.json",
        "%zz.json",
        "a%61b.json",
        "%.JSON",
      ];
      for (const file of others) await writeFile(`${folder}/${file}`, "1");
      await writeFile(`${folder}/by-hand.json`, '"hello"');
      await writeFile(`${folder}/notes/deep.json`, "[1]");
      const store = new Store(disk(folder));
      assertEquals(await sortedKeys(store), ["by-hand", "notes/deep"]);
      assertEquals(await store.get("by-hand"), "hello");
      await store.clear();
      assertEquals(await filesIn(folder), [...others].sort());
      assert(existsSync(`${folder}/empty`));
    }));

  test("clear() takes the folders along that it emptied", () =>
    inFolder(async (folder) => {
      const store = new Store(disk(folder));
      await store.setMany([["a/b/c", 1], ["a/d", 1], ["x/y", 1]]);
      await writeFile(`${folder}/x/foreign.txt`, "");
      await store.clear({ prefix: "a/b" });
      assertEquals(await sortedKeys(store), ["a/d", "x/y"]);
      await store.clear();
      assertEquals(await readdir(folder), ["x"]);
    }));

  test("a folder may be a URL, and a relative one starts where the process stands", () =>
    inFolder(async (folder) => {
      await new Store(disk(pathToFileURL(`${folder}/a b`))).set("k", 1);
      assertEquals(await filesIn(folder), ["a b/k.json"]);
      const store = new Store(disk(`${folder}/x/../a b/./`));
      assertEquals(await store.get("k"), 1);
      assertEquals(await new Store(disk("tests/no-such-folder")).get("k"), undefined);
    }));

  test("a folder that is not there is empty, and is made by the first write", () =>
    inFolder(async (folder) => {
      const store = new Store(disk(`${folder}/new/place`));
      assertEquals([await store.get("a"), await store.get("b/c"), await store.has("a"), await store.size], [
        undefined,
        undefined,
        false,
        0,
      ]);
      assertEquals([await store.delete("a"), await store.prune()], [false, 0]);
      await store.clear();
      assertEquals(await readdir(folder), []);
      await store.add("b/c", 1);
      assertEquals(await filesIn(folder), ["new/place/b/c.json"]);
    }));

  test("a file system that is given is the one that is used", async () => {
    const fileSystem = new MemoryFileSystem();
    await new Store(disk("/data", { fileSystem })).set("a", 1);
    assertEquals(await new Store(disk("/data", { fileSystem })).get("a"), 1);
    assert(!existsSync("/data/a.json"));
  });
});

const AWKWARD = [
  "",
  "/",
  "//",
  ".",
  "..",
  "../x",
  "../../etc/passwd",
  "/etc/passwd",
  "a/",
  "a//b",
  "a/./b",
  "a/../b",
  "a",
  "a/b",
  "a.json",
  "a.json/b",
  "a%2ejson",
  "a%2ejson/b",
  "%",
  "%%",
  "%long/x",
  "A",
  "é",
  "e\u0301",
  "CON",
  "con",
  "con.txt",
  "nul",
  "com1",
  "aux /x",
  "dot.",
  "dot./x",
  "space ",
  " space",
  "nul\u0000",
  "back\\slash",
  "c:/windows",
  "a:b",
  'q?*<>|"',
  "~",
  "progra~1",
  ".hidden",
  ".everymap-lifetimes",
  "\ufeff",
  "\n",
  "😀",
  "什么/考",
  "__proto__",
  "x".repeat(230),
  "x".repeat(231),
  "x".repeat(300),
  "X".repeat(300),
  "什".repeat(100),
  "y/".repeat(500),
  "z".repeat(1024),
];

describe("disk names", () => {
  for (const [title, codec] of [["JSON", undefined], ["bytes", raw]] as const) {
    test(`awkward keys stay inside, apart, and come back from keys(), ${title} (X-08)`, () =>
      inFolder(async (folder) => {
        const root = `${folder}/deep/root`;
        const store = codec ? new Store<unknown>(disk(root), { codec }) : new Store<unknown>(disk(root));
        const values = new Map<string, unknown>(AWKWARD.map((key) => [key, utf8(key)]));
        await store.setMany(values);
        assertEquals(await sortedKeys(store), [...AWKWARD].sort());
        assertEquals(await store.size, AWKWARD.length);
        for (const [key, value] of values) assertEquals(await store.get(key), value);
        assertEquals(await readdir(folder), ["deep"]);
        assertEquals(await readdir(`${folder}/deep`), ["root"]);
        const files = await filesIn(root);
        assertEquals(files.length, AWKWARD.length);
        // Also where a disk ignores case and normalises names.
        assertEquals(new Set(files.map((file) => file.toLowerCase().normalize("NFD"))).size, AWKWARD.length);
        for (const file of files) {
          for (const part of file.split("/")) {
            // deno-lint-ignore no-control-regex
            assertMatch(part, /^[^\x00-\x1f<>:"|?*\\A-Z~.][^\x00-\x1f<>:"|?*\\A-Z~]*$/);
            assert(!/[. ]$/.test(part) && new TextEncoder().encode(part).length <= 255);
            assert(!/^(con|prn|aux|nul|com\d|lpt\d) *(\.|$)/.test(part), part);
          }
        }
        for (const key of AWKWARD) assert(await store.delete(key), JSON.stringify(key));
        assertEquals(await filesIn(root), []);
      }));
  }

  test("a prefix finds the same keys as comparing all of them", async () => {
    const store = new Store<unknown>(disk("/data", { fileSystem: new MemoryFileSystem() }));
    await store.setMany(AWKWARD.map((key) => [key, 1]));
    for (
      const prefix of ["", "a", "a/", "a//", "A", "..", "../", "x", "x".repeat(250), "y/y/", "%", "什", "/", "nope/"]
    ) {
      const expected = AWKWARD.filter((key) => key.startsWith(prefix)).sort();
      assertEquals(await sortedKeys(store, { prefix }), expected, prefix);
    }
  });

  test("a prefix opens only the folders that can match", async () => {
    const fileSystem = new MemoryFileSystem();
    const store = new Store<unknown>(disk("/data", { fileSystem }));
    await store.setMany([["users/ada", 1], ["users/old/bob", 1], ["cars/vw", 1]]);
    fileSystem.fail("items", "EIO", { path: "/data/cars" });
    fileSystem.fail("items", "EIO", { path: "/data/users/old" });
    assertEquals(await sortedKeys(store, { prefix: "users/a" }), ["users/ada"]);
  });

  test("a hashed name is verified by the key inside", async () => {
    const fileSystem = new MemoryFileSystem();
    const store = new Store<string>(disk("/data", { fileSystem }));
    const long = "k".repeat(400);
    await store.set(long, "value");
    const [item] = (await Array.fromAsync(fileSystem.items("/data/%long")))[0]!;
    assertMatch(item!.name, /^[0-9a-f]{64}\.json$/);
    const stranger = `/data/%long/${"0".repeat(64)}.json`;
    await fileSystem.writeFile(stranger, await fileSystem.readFile(`/data/%long/${item!.name}`));
    await fileSystem.writeFile(`/data/%long/${"1".repeat(64)}.json`, utf8("1"));
    assertEquals(await Array.fromAsync(store.keys()), [long]);
    assertEquals(await store.size, 1);
  });

  test("two codecs in one folder do not see each other's files", () =>
    inFolder(async (folder) => {
      const [texts, values] = [new Store(disk(folder), { codec: text() }), new Store(disk(folder))];
      await texts.set("a", "text");
      await values.set("a", "value");
      assertEquals([await texts.get("a"), await values.get("a")], ["text", "value"]);
      await texts.clear();
      assertEquals(await sortedKeys(values), ["a"]);
    }));
});

describe("disk and symbolic links", () => {
  const outside = { name: "secret" };

  test("none inside the folder leads out of it: reading, listing, writing, removing", () =>
    inFolder(async (folder) => {
      const root = `${folder}/root`;
      await mkdir(`${folder}/out`);
      await mkdir(root);
      await writeFile(`${folder}/out/secret.json`, JSON.stringify(outside));
      await symlink(`${folder}/out/secret.json`, `${root}/file.json`);
      await symlink(`${folder}/out`, `${root}/folder`);
      const store = new Store<unknown>(disk(root));
      for (const key of ["file", "folder/secret"]) {
        assertEquals([await store.get(key), await store.entry(key), await store.has(key)], [
          undefined,
          undefined,
          false,
        ]);
        assertEquals([await store.readable(key), await store.take(key), await store.touch(key, 1)], [
          undefined,
          undefined,
          false,
        ]);
        assertEquals(await store.delete(key), false);
        await assertStoreError("denied", () => store.set(key, "changed"), "symbolic link");
        await assertStoreError("denied", () => store.add(key, "changed"), "symbolic link");
      }
      await assertStoreError("denied", () => store.set("folder/new/deep", "x"));
      const writer = (await store.writable("file")).getWriter();
      await assertStoreError("denied", () => writer.close());
      assertEquals([await sortedKeys(store), await sortedKeys(store, { prefix: "folder/" }), await store.size], [
        [],
        [],
        0,
      ]);
      await store.clear();
      await store.prune();
      assertEquals(await filesIn(folder), ["out/secret.json", "root/file.json", "root/folder"]);
      assertEquals(JSON.parse(await readFile(`${folder}/out/secret.json`, "utf8")), outside);
    }));

  test("a folder that becomes a link after it was used is not followed", () =>
    inFolder(async (folder) => {
      const store = new Store<unknown>(disk(`${folder}/root`));
      await store.set("a/b", "inside");
      await rm(`${folder}/root/a`, { recursive: true });
      await mkdir(`${folder}/out`);
      await writeFile(`${folder}/out/b.json`, '"outside"');
      await symlink(`${folder}/out`, `${folder}/root/a`);
      assertEquals(await store.get("a/b"), undefined);
      await assertStoreError("denied", () => store.set("a/b", "changed"));
      assertEquals(await readFile(`${folder}/out/b.json`, "utf8"), '"outside"');
    }));

  test("the folder itself may be reached by a link", () =>
    inFolder(async (folder) => {
      await mkdir(`${folder}/real`);
      await symlink(`${folder}/real`, `${folder}/link`);
      const store = new Store<unknown>(disk(`${folder}/link`));
      await store.set("a/b", 1);
      assertEquals([await store.get("a/b"), await sortedKeys(store)], [1, ["a/b"]]);
      assertEquals(await filesIn(`${folder}/real`), ["a/b.json"]);
    }));
});

describe("disk and lifetimes", () => {
  test("a lifetime stands before the bytes; without one a file has only its bytes", () =>
    inFolder(async (folder) => {
      const clock = new FakeClock();
      const store = new Store<string>(disk(folder, { now: clock.now }), { codec: text() });
      await store.set("plain", "x");
      assertEquals(await filesIn(folder), ["plain.txt"]);
      await store.set("short", "x", { ttl: 1000 });
      assertEquals(await filesIn(folder), [".everymap-lifetimes", "plain.txt", "short.txt"]);
      assertEquals((await readFile(`${folder}/short.txt`)).length, FRAME_BYTES + 1);
      await store.touch("short", Infinity);
      assertEquals(await readFile(`${folder}/short.txt`, "utf8"), "x");
      const entry = await store.entry("plain");
      assert(Math.abs(entry!.createdAt! - Date.now()) < 60_000);
    }));

  test("what expired is absent for all of them, also in another process, until prune() removes the file", () =>
    inFolder(async (folder) => {
      const clock = new FakeClock();
      const open = () => new Store<number>(disk(folder, { now: clock.now }));
      const long = "l".repeat(300);
      await open().setMany([["a", 1], ["b/c", 2], [long, 3]], { ttl: 10 });
      await open().set("stays", 4);
      clock.advance(10);
      const store = open();
      assertEquals([await store.get("a"), await store.get(long), await store.has("b/c")], [
        undefined,
        undefined,
        false,
      ]);
      assertEquals([await sortedKeys(store), await store.size], [["stays"], 1]);
      assertEquals([await store.take("a"), await store.readable("a"), await store.touch("a", 5)], [
        undefined,
        undefined,
        false,
      ]);
      assertEquals(await store.delete("b/c"), false);
      assertEquals(await open().prune(), 2);
      assertEquals(await filesIn(folder), [".everymap-lifetimes", "stays.json"]);
    }));

  test("prune() keeps a value that is written between its look and its removal", async () => {
    const clock = new FakeClock();
    const fileSystem = new MemoryFileSystem();
    const open = () => new Store<string>(disk("/data", { fileSystem, now: clock.now }));
    await open().set("a", "old", { ttl: 10 });
    clock.advance(10);
    const { rename } = fileSystem;
    fileSystem.rename = async (from, to) => {
      fileSystem.rename = rename;
      await open().set("a", "new");
      await fileSystem.rename(from, to);
    };
    assertEquals(await open().prune(), 0);
    assertEquals(await open().get("a"), "new");
    assertEquals((await Array.fromAsync(fileSystem.items("/data"))).flat().length, 2);
  });

  test("an expired entry is absent for add() (X-01), and one of many adders wins", async () => {
    for (const links of [true, false]) {
      const clock = new FakeClock();
      const fileSystem = new MemoryFileSystem({ links });
      const stores = Array.from({ length: 20 }, () => new Store<number>(disk("/data", { fileSystem, now: clock.now })));
      const add = async () => (await Promise.all(stores.map((store, index) => store.add("a", index, { ttl: 10 }))));
      for (let round = 0; round < 5; round++) {
        const won = await add();
        assertEquals(won.filter((isMine) => isMine).length, 1);
        assertEquals(await stores[0]!.get("a"), won.indexOf(true));
        clock.advance(10);
      }
      assertEquals(await stores[0]!.prune(), 1);
      assertEquals((await Array.fromAsync(fileSystem.items("/data"))).flat().map(({ name }) => name), [
        ".everymap-lifetimes",
      ]);
    }
  });

  test("a lock that a dead process left is taken over", () =>
    inFolder(async (folder) => {
      const clock = new FakeClock();
      const store = new Store<string>(disk(folder, { now: clock.now }));
      await store.set("a", "old", { ttl: 10 });
      clock.advance(10);
      const lock = `${folder}/.everymap-lock-a.json`;
      await writeFile(lock, "");
      await utimes(lock, new Date(0), new Date(0));
      assert(await store.add("a", "new"));
      assertEquals(await store.get("a"), "new");
      assertEquals(await filesIn(folder), [".everymap-lifetimes", "a.json"]);
    }));
});

describe("disk among writers", () => {
  test("writes of one key that nobody awaits end in the order of the program", () =>
    inFolder(async (folder) => {
      const store = new Store<number>(disk(folder));
      const calls: Promise<unknown>[] = [];
      for (let index = 0; index < 100; index++) {
        calls.push(index % 10 === 5 ? store.delete("a/b") : store.set("a/b", index));
      }
      await Promise.all(calls);
      assertEquals(await store.get("a/b"), 99);
    }));

  test("one of many gets what they take, add and delete (X-10)", () =>
    inFolder(async (folder) => {
      const stores = Array.from({ length: 10 }, () => new Store<number>(disk(folder)));
      const added = await Promise.all(stores.map((store, index) => store.add("a/b", index)));
      assertEquals(added.filter((isMine) => isMine).length, 1);
      const taken = await Promise.all(stores.map((store) => store.take("a/b")));
      assertEquals(taken.filter((value) => value !== undefined), [added.indexOf(true)]);
      await stores[0]!.set("a/b", 1);
      const deleted = await Promise.all(stores.map((store) => store.delete("a/b")));
      assertEquals(deleted.filter((isMine) => isMine).length, 1);
      assertEquals(await filesIn(folder), []);
    }));

  test("a reader sees the old value or the new one, never a mix (X-09)", () =>
    inFolder(async (folder) => {
      const [writer, reader] = [new Store<string>(disk(folder)), new Store<string>(disk(folder))];
      const values = [..."abc"].map((letter) => letter.repeat(100_000));
      await writer.set("k", values[0]!);
      let isDone = false;
      const writing = (async () => {
        for (let index = 0; index < 60; index++) await writer.set("k", values[index % 3]!);
        isDone = true;
      })();
      let count = 0;
      for (; !isDone; count++) assert(values.includes(await reader.getOrThrow("k")));
      await writing;
      assert(count > 0);
    }));

  test("writing while clear() removes the folders loses nothing that was written after it", async () => {
    const fileSystem = new MemoryFileSystem();
    const [one, two] = [1, 2].map(() => new Store<number>(disk("/data", { fileSystem })));
    for (let round = 0; round < 30; round++) {
      await Promise.all([one!.set(`a/b/c/${round}`, round), two!.clear()]);
      await one!.set(`a/b/c/${round}`, round);
      assertEquals(await two!.get(`a/b/c/${round}`), round);
    }
  });

  const places = [tmpdir(), "/dev/shm"].filter((place) => existsSync(place));
  for (const place of places) {
    test(`every key that is there throughout is listed once while all are overwritten, below ${place}`, async () => {
      const folder = await mkdtemp(`${place}/everymap-`);
      try {
        const [writer, reader] = [new Store<number>(disk(folder)), new Store<number>(disk(folder))];
        const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
        await writer.setMany(keys.map((key) => [key, 0]));
        let isDone = false;
        const writing = (async () => {
          for (let index = 0; !isDone; index = (index + 7) % keys.length) {
            await writer.set(keys[index]!, index);
            await writer.set(`other-${index}`, index);
            await writer.delete(`other-${(index + 600) % keys.length}`);
          }
        })();
        const seen: string[] = [];
        for await (const key of reader.keys({ prefix: "key-" })) {
          seen.push(key);
          if (seen.length % 100 === 0) await reader.get(key);
        }
        isDone = true;
        await writing;
        assertEquals(seen.length, keys.length);
        assertEquals(new Set(seen), new Set(keys));
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  test("a listing reads a folder as it is asked for, and stops at its limit", async () => {
    const fileSystem = new MemoryFileSystem();
    const store = new Store<number>(disk("/data", { fileSystem }));
    await store.setMany(Array.from({ length: 200 }, (_, index) => [`key-${index}`, index]));
    const items = fileSystem.items.bind(fileSystem);
    let pages = 0;
    fileSystem.items = async function* (path) {
      for await (const page of items(path)) {
        pages++;
        yield page;
      }
    };
    assertEquals((await Array.fromAsync(store.keys({ limit: 3 }))).length, 3);
    assertEquals(pages, 1);
    for await (const _ of store) break;
    assert(pages < 10);
  });

  test("leftovers of a crash are no entries; a walk sweeps them when nobody can be writing them any more", () =>
    inFolder(async (folder) => {
      const store = new Store<number>(disk(folder));
      await store.set("a/b", 1);
      const [young, old] = [`${folder}/a/.everymap-x-1.tmp`, `${folder}/a/.everymap-x-2.tmp`];
      for (const file of [young, old]) await writeFile(file, "half");
      await utimes(old, new Date(0), new Date(0));
      assertEquals([await store.size, await sortedKeys(store)], [1, ["a/b"]]);
      await store.prune();
      assertEquals(await filesIn(folder), ["a/.everymap-x-1.tmp", "a/b.json"]);
    }));
});

describe("disk streams", () => {
  test("a value is written and read as a stream, and is there only when the stream is closed (BK-11)", () =>
    inFolder(async (folder) => {
      const clock = new FakeClock();
      const store = new Store<Uint8Array>(disk(folder, { now: clock.now }), { codec: bytes() });
      const big = new Uint8Array(300_000).map((_, index) => index * 7);
      for (
        const [key, value] of [["什么/考", big], ["empty", utf8("")], ["frame", blobs[1]!], [
          "l".repeat(300),
          big,
        ]] as const
      ) {
        for (const options of [{}, { ttl: 10 }]) {
          const writer = (await store.writable(key, options)).getWriter();
          for (let at = 0; at < value.length; at += 70_001) await writer.write(value.subarray(at, at + 70_001));
          await writer.ready;
          await writer.close();
          assertEquals(await store.get(key), value);
          const stream = await store.readable(key);
          assertEquals(new Uint8Array(await new Response(stream).arrayBuffer()), value);
        }
        clock.advance(10);
        assertEquals(await store.readable(key), undefined);
      }
    }));

  test("an aborted stream leaves the old value and nothing else", () =>
    inFolder(async (folder) => {
      const store = new Store<string>(disk(folder), { codec: text() });
      await store.set("a", "old");
      const writer = (await store.writable("a")).getWriter();
      await writer.write(utf8("new"));
      assertEquals(await store.get("a"), "old");
      await writer.abort("enough");
      const controller = new AbortController();
      const other = (await store.writable("a", { signal: controller.signal })).getWriter();
      await other.write(utf8("newer"));
      controller.abort(new Error("stop"));
      await assertRejects(() => other.closed, Error, "stop");
      await assertRejects(() => other.close(), Error);
      assertEquals([await store.get("a"), await store.size], ["old", 1]);
    }));

  test("a reader keeps the value it opened, and closes the file when it is cancelled", () =>
    inFolder(async (folder) => {
      const store = new Store<Uint8Array>(disk(folder), { codec: bytes() });
      const value = new Uint8Array(200_000).fill(1);
      await store.set("a.bin", value);
      const [whole, part] = [await store.readable("a.bin"), await store.readable("a.bin")];
      await store.set("a.bin", utf8("new"));
      assertEquals(new Uint8Array(await new Response(whole).arrayBuffer()), value);
      await part!.cancel();
      assertEquals(await store.readable("absent"), undefined);
    }));
});

describe("disk failures", () => {
  const cases: readonly [FileOperation, string, StoreErrorCode, string][] = [
    ["write", "ENOSPC", "unavailable", "the disk is full"],
    ["write", "EDQUOT", "unavailable", "the quota is used up"],
    ["write", "EFBIG", "too-large", "the file would be too large"],
    ["create", "EROFS", "read-only", "the file system is read-only"],
    ["create", "EACCES", "denied", "the system denies access"],
    ["create", "ENAMETOOLONG", "invalid-key", "the path is too long"],
    ["sync", "EIO", "unavailable", "the disk fails"],
    ["rename", "EPERM", "denied", "the system denies access"],
    ["syncFolder", "ESTALE", "unavailable", "the system says ESTALE"],
  ];
  for (const [operation, code, expected, reason] of cases) {
    test(`${code} of ${operation} is ${expected}; the old value stays and nothing is left over (X-09)`, async () => {
      const fileSystem = new MemoryFileSystem();
      const store = new Store<string>(disk("/data", { fileSystem, durable: true }));
      await store.set("a", "old");
      fileSystem.fail(operation, code);
      const calls = [() => store.set("a", "new"), () => store.setMany([["a", "new"]])];
      if (operation !== "rename") {
        calls.push(async () => {
          await store.add("b", "new");
          return store;
        });
      }
      for (const call of calls) {
        const error = await assertStoreError(expected, call, reason);
        assertEquals([error.store, error.operation, error.retryable], ["disk", "write", expected === "unavailable"]);
        assert(error.cause instanceof Error && !error.message.includes("new"));
      }
      fileSystem.heal();
      if (operation === "syncFolder") return assertEquals(await store.get("a"), "new");
      assertEquals([await store.get("a"), await store.has("b")], ["old", false]);
      assertEquals((await Array.fromAsync(fileSystem.items("/data"))).flat().map(({ name }) => name), ["a.json"]);
    });
  }

  test("an outage is never a miss: reading, listing, counting, removing (law 5)", async () => {
    const fileSystem = new MemoryFileSystem();
    const store = new Store<string>(disk("/data", { fileSystem }));
    await store.set("a", "old");
    for (const [code, expected] of [["EACCES", "denied"], ["EIO", "unavailable"]] as const) {
      for (const operation of ["readFile", "open", "items", "removeFile", "rename"] as const) {
        fileSystem.fail(operation, code);
      }
      const calls: (() => Promise<unknown>)[] = [
        () => store.get("a"),
        () => store.entry("a"),
        () => store.getMany(["a"]),
        () => Array.fromAsync(store.keys()),
        () => store.size,
        () => store.delete("a"),
        () => store.take("a"),
        () => store.touch("a", 10),
        () => store.clear(),
        () => store.prune(),
        () => store.readable("a"),
      ];
      for (const call of calls) await assertStoreError(expected, call);
      fileSystem.heal();
      assertEquals(await store.get("a"), "old");
    }
  });

  test("too many open files pass when others are closed", async () => {
    const fileSystem = new MemoryFileSystem();
    const store = new Store<string>(disk("/data", { fileSystem }));
    for (const operation of ["readFile", "create", "open"] as const) fileSystem.fail(operation, "EMFILE", { times: 2 });
    await store.set("a", "value");
    assertEquals([await store.get("a"), (await store.entry("a"))?.value], ["value", "value"]);
  });

  test("a thousand calls at once succeed, whatever the limit on open files", () =>
    inFolder(async (folder) => {
      const store = new Store<number>(disk(folder));
      const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((key, index) => store.set(key, index)));
      const values = await Promise.all(keys.map((key) => store.get(key)));
      assertEquals(values, keys.map((_, index) => index));
    }));

  test("a folder that is a file is an error, not an empty store", () =>
    inFolder(async (folder) => {
      await writeFile(`${folder}/file`, "mine");
      const store = new Store<unknown>(disk(`${folder}/file`));
      const calls: (() => Promise<unknown>)[] = [
        () => store.get("a"),
        () => store.get("a/b"),
        () => store.has("a"),
        () => store.set("a", 1),
        () => store.set("a/b", 1),
        () => store.delete("a"),
        () => store.size,
        () => store.clear(),
        () => Array.fromAsync(store.keys()),
      ];
      for (const call of calls) {
        const error = await assertStoreError("unavailable", call, "a file is where a folder should be");
        assertEquals(error.retryable, false);
      }
      assertEquals(await readFile(`${folder}/file`, "utf8"), "mine");
    }));

  test("other people's files and folders in the way of an entry stay", () =>
    inFolder(async (folder) => {
      await writeFile(`${folder}/users`, "mine");
      await mkdir(`${folder}/a.json`);
      const store = new Store<unknown>(disk(folder));
      assertEquals([await store.get("users/ada"), await store.get("a"), await store.has("a")], [
        undefined,
        undefined,
        false,
      ]);
      await assertStoreError("unavailable", () => store.set("users/ada", 1), "a file is where a folder should be");
      await assertStoreError("unavailable", () => store.set("a", 1), "a folder is where the file should be");
      assertEquals(await store.delete("a"), false);
      assertEquals((await readdir(folder)).sort(), ["a.json", "users"]);
    }));

  test("an abort changes nothing, and rejects with its reason", () =>
    inFolder(async (folder) => {
      const backend = disk(folder);
      await backend.write("a", utf8("1"));
      const controller = new AbortController();
      const writing = Promise.resolve(backend.write("a", utf8("2"), { signal: controller.signal }));
      const reason = new Error("stop");
      controller.abort(reason);
      assertEquals(await assertRejects(() => writing), reason);
      assertEquals(await filesIn(folder), ["a.json"]);
      assertEquals(await readFile(`${folder}/a.json`, "utf8"), "1");
    }));

  test("versions are refused", async () => {
    const backend = disk("/data", { fileSystem: new MemoryFileSystem() });
    const condition = { version: "1" };
    await assertStoreError("unsupported", async () => await backend.write("a", utf8("1"), { condition }));
    await assertStoreError("unsupported", async () => await backend.remove("a", { condition }));
  });

  test("unknown options, wrong folders and endings are refused before anything is touched", () => {
    assertThrows(() => disk("/x", { sync: true } as DiskOptions), TypeError, '"sync"');
    assertThrows(() => disk("/x", { durable: "no" } as unknown as DiskOptions), TypeError, "durable");
    for (const extension of ["json", ".", ".JSON", "/x", ".a/..", ".a."]) {
      assertThrows(() => disk("/x", { extension }), TypeError, "extension");
    }
    for (const folder of ["", "a\0b", new URL("https://x/y"), 7 as unknown as string]) {
      assertThrows(() => disk(folder), TypeError, "Cannot use folder");
    }
  });
});

describe("diskFromUrl()", () => {
  test("opens disk: and file: URLs with their options", () =>
    inFolder(async (folder) => {
      await new Store(diskFromUrl(new URL(`disk://${folder}/a%20b?durable=true&extension=.v`))).set("k", 1);
      assertEquals(await filesIn(folder), ["a b/k.v"]);
      const file = new URL(`${pathToFileURL(`${folder}/a b`)}?extension=.v&durable=false`);
      assertEquals(await new Store(diskFromUrl(file)).get("k"), 1);
      assertEquals(await new Store(diskFromUrl(new URL("disk:./tests/no-such-folder"))).size, 0);
    }));

  test("refuses what it does not understand", () => {
    for (const url of ["disk:./x?sync=1", "disk://host/x", "disk:", "disk:./x#y", "disk:./x?durable=yes"]) {
      assertThrows(() => diskFromUrl(new URL(url)), TypeError);
    }
  });
});
