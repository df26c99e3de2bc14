/** Memoized functions, methods and answers inside workerd, the runtime of Cloudflare's workers. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Miniflare } from "miniflare";
import { serve, type Served } from "../support/serve.ts";
import { startWorkerd } from "../support/workerd.ts";

describe("in workerd", () => {
  let service: Served;
  let miniflare: Miniflare;
  let asked = 0;
  before(async () => {
    service = await serve(async (request) => {
      const headers = { "cache-control": "max-age=60", "x-number": `${++asked}` };
      if (!request.url.endsWith("/gzip")) return new Response(`answer ${asked}`, { headers });
      const zipped = new Blob(["content"]).stream().pipeThrough(new CompressionStream("gzip"));
      const body = await new Response(zipped).arrayBuffer();
      return new Response(body, { headers: { ...headers, "content-encoding": "gzip" } });
    });
    miniflare = await startWorkerd(new URL("memoize_worker.ts", import.meta.url), {
      external: ["node:*", "bun:*"],
      target: "es2022",
      bindings: { SERVICE: service.endpoint },
    });
  });
  after(async () => {
    await miniflare?.dispose();
    await service?.stop();
  });
  const ask = async (path: string) => await (await miniflare.dispatchFetch(`http://worker${path}`)).json() as unknown;

  test("functions remember, also those without a name and of many", async () => {
    assertEquals(await ask("/anonymous"), [2, 2, 4]);
    assertEquals(await ask("/anonymous"), [2, 2, 4]);
    assertEquals(await ask("/many"), [[1, 1], [2, 4], [2, 4], [3, 9]]);
    assertEquals(await ask("/key"), '{"a":Set(Uint8Array(AQ==)),"b":1n},-0');
  });

  test("decorated methods remember for each instance", async () => {
    assertEquals(await ask("/method"), ["x 2", "x 1"]);
  });

  test("requests at one time share a call", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask("/stampede")));
    assertEquals([new Set(answers.flat()).size, asked], [1, 1]);
  });

  test("fetched answers are kept as they were read", async () => {
    const before = asked;
    assertEquals(await ask("/fetch"), ["content", null, `${before + 1}`, "content", null, `${before + 1}`]);
  });

  test("a handler's stale answer is served, and a new one made behind it by waitUntil", async () => {
    const page = async () => await (await miniflare.dispatchFetch("http://worker/page")).text();
    assertEquals(await page(), "page 1");
    let text = await page();
    // An answer is fresh for a millisecond at least, during which it is not made anew.
    for (let left = 100; left > 0 && text === "page 1"; left--) {
      await ask("/behind");
      text = await page();
    }
    assertEquals(text, "page 2");
  });
});
