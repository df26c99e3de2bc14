/** Durable maps that are synced once per request, under Hono and under a bare handler. */

import { describe, test } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { memory } from "../../src/backends/memory.ts";
import { DurableMap } from "../../src/cache/durable_map.ts";
import { syncPerRequest } from "../../src/cache/sync_per_request.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { Calls, distant } from "../support/following.ts";

const request = (path = "/", signal?: AbortSignal) =>
  new Request(`http://localhost${path}`, { signal: signal ?? null });

describe("syncPerRequest()", () => {
  test("asks once for a request, whatever a Hono app reads", async () => {
    const shared = memory<string>();
    const calls = new Calls();
    const texts = await DurableMap.open(new Store(distant(shared, calls)), { autosync: false });
    const others = new Store(shared);
    const app = new Hono<{ Bindings: { name: string } }>();
    app.get("/:key", async (c) => {
      const key = c.req.param("key");
      const before = await texts.get(key);
      await others.set(key, `${before}, again`);
      return c.text(`${before} ${texts.snapshot.get(key)} ${await texts.size} ${c.env.name}`);
    });
    const fetch = syncPerRequest(app.fetch, texts);
    const ask = async (path: string) => await (await fetch(request(path), { name: "env" })).text();
    await others.set("hello", "Hello");
    calls.take();
    assertEquals(await ask("/hello"), "Hello Hello 1 env");
    assertEquals(calls.take(), { revision: 1, versions: 1, read: 1 });
    assertEquals(await ask("/hello"), "Hello, again Hello, again 1 env");
    calls.take();
    await others.delete("hello");
    await Promise.all(Array.from({ length: 100 }, () => ask("/none")));
    assertEquals(calls.take(), { revision: 1, versions: 1 });
  });

  test("serves what was known while a store is down, or lets the request fail", async () => {
    let isDown = false;
    const shaky = faulty(memory<number>({ map: new Map([["a", 1]]) }), { when: () => isDown });
    const maps = await Promise.all(
      [shaky, memory<number>()].map((backend) => DurableMap.open(new Store(backend), { autosync: false })),
    );
    const handler = () => `${maps[0]!.snapshot.get("a")} ${maps[0]!.stale}`;
    const lenient = syncPerRequest(handler, maps);
    const strict = syncPerRequest(handler, maps, { onOutage: "throw" });
    assertEquals([await lenient(request()), await strict(request())], ["1 false", "1 false"]);
    isDown = true;
    assertEquals(await lenient(request()), "1 true");
    await assertRejects(() => strict(request()), StoreError, "faulty");
    isDown = false;
    assertEquals(await strict(request()), "1 false");
    assertThrows(() => syncPerRequest(handler, maps, { stale: true } as object), TypeError, "stale");
  });

  test("lets a request go whose client has left", async () => {
    const isHanging = { now: false };
    const hanging = faulty(memory<number>(), { fault: "hang", when: () => isHanging.now });
    const map = await DurableMap.open(new Store(hanging), { autosync: false });
    isHanging.now = true;
    const controller = new AbortController();
    const answer = syncPerRequest(() => "never", map)(request("/", controller.signal));
    controller.abort("gone");
    await assertRejects(() => answer.catch((reason) => Promise.reject(new Error(`${reason}`))));
    await map.close();
  });
});
