import { describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { join, relative, toFileUrl } from "@std/path";
import { memory } from "../../src/backends/memory.ts";
import { text } from "../../src/codecs/text.ts";
import { open, type OpenOptions } from "../../src/open/open.ts";
import type { Place } from "../../src/open/place.ts";
import { registry } from "../../src/open/registry.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { inTemporaryFolder } from "../support/runtime.ts";

describe("open()", () => {
  for (const url of ["memory:", "lru:?maxEntries=10", "sieve:?maxEntries=10", "sqlite::memory:"]) {
    test(`opens ${url} (PS-01)`, async () => {
      const store = await open<{ name: string }>(url);
      await store.set("ada", { name: "Ada" });
      assertEquals(await store.get("ada"), { name: "Ada" });
      await store.close();
    });
  }

  for (const url of ["none:", "dummy:"]) {
    test(`opens ${url}, where every read misses`, async () => {
      const store = await open(url);
      await store.set("ada", 1);
      assertEquals(await store.get("ada"), undefined);
    });
  }

  test("takes a URL object and leaves it as it is", async () => {
    const url = new URL("lru:?maxEntries=10&ttl=1h");
    await open(url);
    assertEquals(url.href, "lru:?maxEntries=10&ttl=1h");
  });

  test("opens a folder by absolute and by relative path, as disk: and as file:", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = relative(process.cwd(), folder);
      const urls = [`disk:${path}`, `file:${path}`, `disk:${folder}`, toFileUrl(folder).href];
      for (const [index, url] of urls.entries()) {
        const store = await open<number>(url);
        await store.set(`key${index}`, index);
        assertEquals(await store.size, index + 1);
      }
      assertEquals(await readFile(join(folder, "key0.json"), "utf8"), "0");
    });
  });

  test("opens a path with characters that a URL escapes", async () => {
    await inTemporaryFolder(async (folder) => {
      const odd = join(folder, "my folder #1?");
      const described = await open<number>({ backend: "disk", arguments: { folder: odd } });
      await described.set("a", 1);
      assertEquals(await readFile(join(odd, "a.json"), "utf8"), "1");
      const named = await open<number>(`disk:${encodeURI(odd).replace("#", "%23").replace("?", "%3F")}`);
      assertEquals(await named.get("a"), 1);
    });
  });

  test("opens a SQLite file again", async () => {
    await inTemporaryFolder(async (folder) => {
      const url = `sqlite:${join(folder, "cache.db")}?prefix=users:&codec=json+gzip&ttl=1h`;
      const first = await open<string>(url);
      await first.set("ada", "Lovelace");
      await first.close();
      const second = await open<string>(url);
      assertEquals(await second.get("ada"), "Lovelace");
      await second.close();
      const whole = await open<Uint8Array>(`sqlite:${join(folder, "cache.db")}?codec=bytes`);
      assertEquals(await Array.fromAsync(whole.keys()), ["users:ada"]);
      await whole.close();
    });
  });

  test("gives entries the lifetime of the parameter ttl", async () => {
    const clock = new FakeClock();
    const own = registry.with("own", () => memory({ now: clock.now }));
    for (const [text, length] of [["60000", 60_000], ["90s", 90_000], ["1h30m", 5_400_000], ["7d", 604_800_000]]) {
      const store = await open<number>(`own:?ttl=${text}`, { registry: own });
      await store.set("a", 1);
      assertEquals((await store.entry("a"))!.expiresAt, clock.now() + Number(length));
    }
    const store = await open<number>("own:?ttl=Infinity", { registry: own });
    await store.set("a", 1);
    assertEquals((await store.entry("a"))!.expiresAt, undefined);
  });

  test("keeps keys behind the parameter prefix, with and without a codec", async () => {
    const map = new Map<string, unknown>();
    const own = registry.with("own", () => memory({ map }));
    await (await open<number>("own:?prefix=users/", { registry: own })).set("ada", 1);
    await (await open<string>("own:?prefix=names/&codec=text", { registry: own })).set("ada", "Ada");
    assertEquals([...map], [["users/ada", 1], ["names/ada", new TextEncoder().encode("Ada")]]);
  });

  test("encodes with the codec of the options", async () => {
    const map = new Map<string, unknown>();
    const own = registry.with("own", () => memory({ map }));
    const store = await open("own:", { registry: own, codec: text() });
    await store.set("ada", "Ada");
    assertEquals(map.get("ada"), new TextEncoder().encode("Ada"));
    assertEquals(await store.get("ada"), "Ada");
  });
});

describe("open() of plain data", () => {
  test("means the same as a URL (PS-10)", async () => {
    await inTemporaryFolder(async (folder) => {
      const store = await open({ backend: "disk", arguments: { folder, durable: true }, codec: "json" });
      await store.set("greeting", { text: "Hello World!" });
      assertEquals(JSON.parse(await readFile(join(folder, "greeting.json"), "utf8")), { text: "Hello World!" });
    });
  });

  test("takes the location as it is, not as a URL", async () => {
    await inTemporaryFolder(async (folder) => {
      for (const name of ["100%", "a%20b", "a#b", "..x", "什么"]) {
        const store = await open<string>({ backend: "disk", arguments: { folder: join(folder, name) } });
        await store.set("key", name);
        assertEquals(await readFile(join(folder, name, "key.json"), "utf8"), JSON.stringify(name));
      }
    });
  });

  test("hands arguments, prefix and ttl on unchanged", async () => {
    let seen = "";
    const own = registry.with("own", (url) => {
      seen = url.href;
      return memory();
    });
    const place: Place = { backend: "own", arguments: { a: "x&y=1", n: 1.5, b: false }, prefix: "a+b&c/", ttl: "1h" };
    const store = await open<number>(place, { registry: own });
    assertEquals(Object.fromEntries(new URL(seen).searchParams), { a: "x&y=1", n: "1.5", b: "false" });
    await store.set("k", 1);
    assertEquals(await store.get("k"), 1);
  });
});

describe("open() with a registry", () => {
  test("opens what was registered (PS-15)", async () => {
    const map = new Map([["ada", 36]]);
    const store = await open<number>("my:", { registry: registry.with("my", () => memory({ map })) });
    assertEquals(await store.get("ada"), 36);
  });

  test("knows a scheme only in the registry that it was added to", async () => {
    registry.with("my", () => memory());
    await assertRejects(() => open("my:"), TypeError, "disk");
  });

  test("passes on what an opener throws (PS-02)", async () => {
    const error = new RangeError("the disk is on fire");
    const failing = registry.with("my", () => Promise.reject(error));
    assertEquals(await assertRejects(() => open("my:", { registry: failing })), error);
  });
});

describe("open() refuses", () => {
  const wrong: Readonly<Record<string, [place: unknown, message: string, options?: OpenOptions<unknown>]>> = {
    "an unknown scheme and lists the known ones (PS-02, CT-01)": [
      "pickle:x",
      '"pickle:": the known schemes are disk, dummy, file, lru, memory, none, postgres, postgresql, redis, redis+unix, rediss, s3, sieve, sqlite',
    ],
    "an unknown backend of plain data": [{ backend: "pickle" }, "the known schemes are disk"],
    "a name of every object": [{ backend: "constructor" }, "the known schemes are disk"],
    "text that is no URL": ["just words", "starts with a scheme (disk, "],
    "empty text": ["", "starts with a scheme"],
    "nothing": [undefined, "it must be a URL"],
    "null": [null, "it must be a URL"],
    "an object without a backend": [{ arguments: {} }, "it must be a URL"],
    "an unknown field": [{ backend: "memory", argument: {} }, '"argument"'],
    "an argument that is no plain value": [{ backend: "lru", arguments: { maxEntries: [1] } }, '"maxEntries"'],
    "an unknown parameter": ["lru:?maxEntries=1&maxAge=5", '"maxAge"'],
    "an unknown option": ["memory:", '"schemes"', { schemes: {} } as OpenOptions<unknown>],
    "a parameter that comes twice": ["memory:?ttl=1&ttl=2", '"ttl" is there twice'],
    "a ttl without a number": ["memory:?ttl=soon", '"ttl" must be'],
    "a ttl of an unknown unit": ["memory:?ttl=5y", '"ttl" must be'],
    "a ttl that is negative": ["memory:?ttl=-5", '"ttl" must be'],
    "a ttl that is NaN": [{ backend: "memory", ttl: NaN }, '"ttl" must be'],
    "an empty ttl": ["memory:?ttl=", '"ttl" must be'],
    "an unknown codec": ["memory:?codec=pickle", "pickle"],
    "two codecs": ["memory:?codec=json", "two codecs", { codec: text() as never }],
  };
  for (const [title, [place, message, options]] of Object.entries(wrong)) {
    test(title, async () => {
      await assertRejects(() => open(place as string, options), TypeError, message);
    });
  }

  test("before a backend is opened", async () => {
    let opened = 0;
    const own = registry.with("own", () => {
      opened++;
      return memory();
    });
    for (const query of ["ttl=x", "codec=pickle", "ttl=1&ttl=1"]) {
      await assertRejects(() => open(`own:?${query}`, { registry: own }), TypeError);
    }
    assertEquals(opened, 0);
  });

  test("without quoting a password", async () => {
    const places: unknown[] = [
      "redis://user:hunter2@host/database",
      "no url user:hunter2@host",
      "redis://user:hunter2@host:port",
      "lru://user:hunter2@host",
      "memory://user:hunter2@host/?ttl=x",
      "memory:?hunter2=1&ttl=hunter2",
      { backend: "redis", arguments: { db: "hunter2" } },
      { backend: "lru", arguments: { maxEntries: "hunter2" } },
    ];
    for (const place of places) {
      const error = await assertRejects(() => open(place as string), TypeError);
      assertFalse(error.message.replace('"hunter2" is not', "").includes("hunter2"), error.message);
      assert(error.cause === undefined);
    }
  });
});
