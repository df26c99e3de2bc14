/** Keys as names of nodes. */

import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { sortedKeys } from "../../../src/backends/zookeeper/sorted_keys.ts";
import { toKey, toNodeName } from "../../../src/backends/zookeeper/node_names.ts";
import { anyString } from "../../../src/testing/laws/any_string.ts";
import { AWKWARD_KEYS } from "../../../src/testing/laws/key_laws.ts";

describe("names of nodes", () => {
  test("are the keys where they can be", () => {
    for (const key of ["a", "feature-x", "a.json", "...", "user:1", "日本語", "zookeeper2"]) {
      assertEquals(toNodeName(key), key);
    }
    const escaped = {
      "a/b": "a%2Fb",
      "": "%",
      "%": "%25",
      ".": "%2E",
      "..": "%2E.",
      zookeeper: "%7Aookeeper",
      "😀": "%F0%9F%98%80",
    };
    for (const [key, name] of Object.entries(escaped)) assertEquals(toNodeName(key), name);
  });

  test("lead back to the key, are legal, and differ", () => {
    const check = (key: string) => {
      const name = toNodeName(key);
      assertEquals(toKey(name), key);
      // deno-lint-ignore no-control-regex -- these are what ZooKeeper refuses
      assert(!/^$|^\.{1,2}$|^zookeeper$|[/\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff]/.test(name), name);
    };
    for (const key of AWKWARD_KEYS) check(key);
    fc.assert(fc.property(anyString(30), check));
    assertEquals(new Set(AWKWARD_KEYS.map(toNodeName)).size, AWKWARD_KEYS.length);
  });

  test("that no key has are none", () => {
    for (const name of ["%zz", "%2f", "%41", "%%", "a%", "%FF", ".", "..", "zookeeper"]) {
      assertEquals(toKey(name), undefined);
    }
  });

  test("sort as UTF-8 does", () => {
    const keys = ["\uffff", "😀", "a", "", "\ue000", "aa", "é"];
    assertEquals(sortedKeys(keys, { prefix: "", after: undefined }), ["", "a", "aa", "é", "\ue000", "\uffff", "😀"]);
    assertEquals(sortedKeys(keys, { prefix: "", after: "\uffff" }), ["😀"]);
    assertEquals(sortedKeys(keys, { prefix: "a", after: "a" }), ["aa"]);
  });
});
