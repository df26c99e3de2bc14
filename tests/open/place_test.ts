import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { placeFrom, toUrl } from "../../src/open/place.ts";

const SETTINGS = {
  "cache.local.backend": "disk",
  "cache.local.arguments.folder": "./x",
  "cache.local.arguments.durable": "true",
  "cache.local.ttl": "1h",
  "cache.remote.backend": "lru",
  "cache.remote.arguments.maxEntries": 100,
  "cache.remote.prefix": "users/",
  "log.level": { nested: true },
};

describe("placeFrom()", () => {
  test("reads the keys behind the prefix and leaves others alone", () => {
    assertEquals(placeFrom(SETTINGS, "cache.local."), {
      backend: "disk",
      arguments: { folder: "./x", durable: "true" },
      ttl: "1h",
    });
    assertEquals(placeFrom(SETTINGS, "cache.remote."), {
      backend: "lru",
      arguments: { maxEntries: 100 },
      prefix: "users/",
    });
  });

  test("refuses keys that mean nothing", () => {
    assertThrows(() => placeFrom({ "c.backend": "lru", "c.maxEntries": 1 }, "c."), TypeError, '"c.maxEntries"');
    assertThrows(() => placeFrom({ "c.backend": "lru", "c.arguments.map": {} }, "c."), TypeError, '"c.arguments.map"');
    assertThrows(() => placeFrom({ "c.backend": "lru", "c.ttl": true }, "c."), TypeError, '"c.ttl"');
  });

  test("refuses settings without a backend", () => {
    assertThrows(() => placeFrom({ "c.ttl": 1 }, "c."), TypeError, '"c.backend"');
    assertThrows(() => placeFrom({ "c.backend": 5 }, "c."), TypeError, '"c.backend"');
    assertThrows(() => placeFrom({}, ""), TypeError, '"backend"');
  });
});

describe("toUrl()", () => {
  test("writes numbers and booleans so that they read back (DP-U01)", () => {
    const url = toUrl({ backend: "x", arguments: { a: -1, b: 0.1, c: true, d: "false", e: -3.14e-10 } }, undefined);
    assertEquals(Object.fromEntries(url.searchParams), { a: "-1", b: "0.1", c: "true", d: "false", e: "-3.14e-10" });
  });

  test("makes the location the path", () => {
    const path = (folder: string) =>
      decodeURIComponent(toUrl({ backend: "disk", arguments: { folder } }, "folder").pathname);
    for (const folder of ["./x", "../x", "x y", "/var/x", "100%", "a#b?c", ":memory:", "什么"]) {
      assertEquals(path(folder), folder);
    }
    assertEquals(path("//server/x"), "/server/x");
  });
});
