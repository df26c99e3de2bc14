import { assertEquals, assertRejects } from "@std/assert";
import { describe, test } from "node:test";
import type { Road } from "../../../src/backends/upstash/requester.ts";
import { loaded } from "../../../src/backends/upstash/road.ts";

describe("a road to Upstash", () => {
  test("is loaded once, and again after loading failed", async () => {
    let loads = 0;
    const road = loaded(() => {
      if (++loads === 1) return Promise.reject(new TypeError("no such module"));
      const way: Road = (commands) => Promise.resolve(commands.length);
      return Promise.resolve(way);
    });
    const options = { signal: new AbortController().signal, repeatable: true };
    await assertRejects(() => road([["PING"]], options), TypeError, "no such module");
    assertEquals(await Promise.all([road([["PING"]], options), road([], options)]), [1, 0]);
    assertEquals(loads, 2);
  });
});
