import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { Registry, registry } from "../../src/open/registry.ts";

describe("Registry", () => {
  test("with() answers another registry and leaves this one", () => {
    const one = Registry.empty.with("b", () => memory());
    const two = one.with("a", () => memory());
    assertEquals([Registry.empty.schemes, one.schemes, two.schemes], [[], ["b"], ["a", "b"]]);
  });

  test("with() gives a known scheme another meaning", () => {
    const open = () => memory();
    assert(registry.with("disk", open).get("disk").open === open);
    assert(registry.get("disk").open !== open);
  });

  test("with() refuses what is no scheme", () => {
    for (const scheme of ["", "My", "1a", "a b", "a:", "a/b", "é"]) {
      assertThrows(() => registry.with(scheme, () => memory()), TypeError, "Cannot register");
    }
  });

  test("get() of an unknown scheme lists the known ones (CT-01)", () => {
    assertThrows(() => registry.get("toString"), TypeError, registry.schemes.join(", "));
  });
});
