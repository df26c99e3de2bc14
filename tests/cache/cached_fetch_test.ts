/** `fetch` and handlers with a cache, over a store in memory and a shared one. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { cachedFetch, type CachedFetchOptions } from "../../src/cache/cached_fetch.ts";
import { cachedHandler } from "../../src/cache/cached_handler.ts";
import { Region, type RegionOptions } from "../../src/cache/region.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { faulty } from "../../src/testing/faulty.ts";
import { serve } from "../support/serve.ts";

const STORES: Readonly<Record<string, (now: Clock) => Store<unknown>>> = {
  memory: (now) => new Store(memory({ now })),
  sqlite: (now) => new Store(sqlite(":memory:", { now })),
};
const URL_ = "https://example.com/thing";

type Answer = (request: Request, number: number) => Response | Promise<Response>;

for (const [name, makeStore] of Object.entries(STORES)) {
  /** A cached fetch whose origin counts what reaches it. */
  const setUp = (answer: Answer, options: CachedFetchOptions & { readonly region?: RegionOptions } = {}) => {
    const clock = new FakeClock(Date.parse("2026-11-25T12:00:00Z"));
    const work: Promise<unknown>[] = [];
    const asked: Request[] = [];
    const { region: more, ...rest } = options;
    const store = makeStore(clock.now);
    const region = new Region({ ttl: 1, store, ...more });
    const fetch = cachedFetch(region, {
      now: clock.now,
      fetch: (request) => answer(request, asked.push(request)),
      waitUntil: (one) => work.push(one),
      ...rest,
    });
    const text = async (headers: HeadersInit = {}) => await (await fetch(URL_, { headers })).text();
    const settled = async () => {
      while (work.length > 0) await Promise.all(work.splice(0));
    };
    return { clock, asked, fetch, text, region, store, settled };
  };
  const cacheable = (field: string, more: Record<string, string> = {}): Answer => (_, number) =>
    new Response(`answer ${number}`, { headers: { "cache-control": field, ...more } });

  describe(`cachedFetch() over ${name}`, () => {
    test("keeps an answer for as long as it says, and tells its age", async () => {
      const { fetch, clock, asked } = setUp(cacheable("max-age=60", { "x-more": "1" }));
      const first = await fetch(URL_);
      assertEquals([await first.text(), first.headers.get("age")], ["answer 1", null]);
      assertEquals(first.headers.get("cache-status"), "everymap; fwd=uri-miss");
      clock.advance(59_900);
      const second = await fetch(new Request(`${URL_}#part`));
      assertEquals([await second.text(), second.headers.get("x-more")], ["answer 1", "1"]);
      assertEquals([second.headers.get("age"), second.headers.get("cache-status")], ["59", "everymap; hit; ttl=0"]);
      clock.advance(100);
      assertEquals(await (await fetch(URL_)).text(), "answer 2");
      assertEquals(await (await fetch(`${URL_}?page=2`)).text(), "answer 3");
      assertEquals(asked.length, 3);
    });

    test("asks once for a hundred at one time", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { text, asked } = setUp(async (request, number) => {
        await promise;
        return await cacheable("max-age=60")(request, number);
      });
      const answers = Promise.all(Array.from({ length: 100 }, () => text()));
      resolve();
      assertEquals(new Set(await answers), new Set(["answer 1"]));
      assertEquals(asked.length, 1);
    });

    test("never lets many share an answer for one", async () => {
      for (
        const headers of [
          { "cache-control": "private, max-age=60" },
          { "cache-control": "max-age=60", "set-cookie": "session=1" },
          { "cache-control": "no-store" },
          { "cache-control": "No-Store, max-age=60" },
        ]
      ) {
        const { text, asked, store } = setUp(async (_, number) => {
          await Promise.resolve();
          return new Response(`for ${number}`, { headers });
        });
        const answers = await Promise.all(Array.from({ length: 10 }, () => text()));
        assertEquals(new Set(answers).size, 10, JSON.stringify(headers));
        assertEquals([await text(), asked.length, await store.size], ["for 11", 11, 0]);
      }
    });

    test("keeps no answer for an Authorization, unless it says that others may have it", async () => {
      const ada = { authorization: "Bearer ada" };
      const { text, asked } = setUp(cacheable("max-age=60"));
      assertEquals([await text(ada), await text(ada), await text(), asked.length], [
        "answer 1",
        "answer 2",
        "answer 3",
        3,
      ]);
      const open = setUp(cacheable("public, max-age=60"));
      assertEquals([await open.text(ada), await open.text(), open.asked.length], ["answer 1", "answer 1", 1]);
    });

    test("keeps what is for one when it is told, and credentials apart", async () => {
      const { text, asked, store } = setUp(cacheable("private, max-age=60", { "set-cookie": "a=1" }), {
        keep: ["authorization", "private", "set-cookie"],
      });
      const [ada, bob] = [{ authorization: "Bearer ada" }, { authorization: "Bearer bob" }];
      assertEquals([await text(ada), await text(ada), await text(bob), await text()], [
        "answer 1",
        "answer 1",
        "answer 2",
        "answer 3",
      ]);
      assertEquals(asked.length, 3);
      for await (const [key, value] of store) assert(!JSON.stringify([key, value]).includes("Bearer"));
    });

    test("keeps variants apart by the fields that Vary names, without those fields in the store", async () => {
      const { text, asked, store } = setUp((request, number) =>
        new Response(`${request.headers.get("accept-language")} ${number}`, {
          headers: { "cache-control": "max-age=60", vary: "Accept-Language, Cookie" },
        })
      );
      const [en, fr] = [{ "accept-language": "en", cookie: "secret" }, { "accept-language": "fr", cookie: "secret" }];
      assertEquals([await text(en), await text(fr), await text(en), await text(fr)], ["en 1", "fr 2", "en 1", "fr 2"]);
      assertEquals([await text({ ...en, cookie: "other" }), await text({ ...en, accept: "x" })], ["en 3", "en 1"]);
      assertEquals(asked.length, 3);
      for await (const [key, value] of store) assert(!JSON.stringify([key, value]).includes("secret"));
    });

    test("lets callers at one time have the variant of their own", async () => {
      const { text, asked } = setUp(async (request, number) => {
        await Promise.resolve();
        return new Response(`${request.headers.get("accept")} ${number}`, {
          headers: { "cache-control": "max-age=60", vary: "accept" },
        });
      });
      const answers = await Promise.all(["a", "b", "a", "b", "c"].map((accept) => text({ accept })));
      assertEquals(answers.map((answer) => answer[0]), ["a", "b", "a", "b", "c"]);
      assertEquals([asked.length, answers[0], answers[1]], [3, answers[2], answers[3]]);
    });

    test("follows an answer that changes what it varies by", async () => {
      const vary = ["accept", "accept-language", ""];
      const { text, asked, clock } = setUp((request, number) =>
        new Response(`${request.headers.get("accept")} ${request.headers.get("accept-language")} ${number}`, {
          headers: { "cache-control": "max-age=60", ...(vary[number - 1] ? { vary: vary[number - 1]! } : {}) },
        })
      );
      const en = { accept: "a", "accept-language": "en" };
      assertEquals([await text(en), await text({ ...en, "accept-language": "fr" })], ["a en 1", "a en 1"]);
      clock.advance(60_000);
      assertEquals([await text(en), await text(en)], ["a en 2", "a en 2"]);
      assertEquals([await text({ ...en, "accept-language": "fr" }), await text(en)], ["a fr 3", "a fr 3"]);
      assertEquals(asked.length, 3);
    });

    test("asks with the tag of what it has, and takes a 304 for it", async () => {
      const { fetch, asked, clock } = setUp((request, number) => {
        const headers = { etag: '"v1"', "cache-control": "max-age=10", "x-number": `${number}` };
        return request.headers.get("if-none-match") === '"v1"'
          ? new Response(null, { status: 304, headers })
          : new Response("content", { headers: { ...headers, "content-type": "text/x-thing" } });
      });
      await fetch(URL_);
      clock.advance(10_000);
      const answer = await fetch(URL_);
      assertEquals([answer.status, await answer.text(), answer.headers.get("x-number")], [200, "content", "2"]);
      assertEquals(answer.headers.get("content-type"), "text/x-thing");
      clock.advance(9000);
      assertEquals((await fetch(URL_)).headers.get("age"), "9");
      assertEquals(asked.map(({ headers }) => headers.get("if-none-match")), [null, '"v1"']);
    });

    test("asks for what is never fresh each time, but not for its content", async () => {
      const { text, asked } = setUp((request) =>
        request.headers.has("if-none-match")
          ? new Response(null, { status: 304 })
          : new Response("content", { headers: { etag: '"1"', "cache-control": "no-cache" } })
      );
      assertEquals([await text(), await text(), await text()], ["content", "content", "content"]);
      assertEquals(asked.map(({ headers }) => headers.has("if-none-match")), [false, true, true]);
    });

    test("serves what is stale while one new answer is fetched (RFC 5861)", async () => {
      const { text, fetch, asked, clock, settled } = setUp(cacheable("max-age=10, stale-while-revalidate=20"));
      await text();
      clock.advance(15_000);
      const stale = await Promise.all([fetch(URL_), fetch(URL_), fetch(URL_)]);
      assertEquals(await Promise.all(stale.map((answer) => answer.text())), ["answer 1", "answer 1", "answer 1"]);
      assertEquals([stale[0]!.headers.get("age"), stale[0]!.headers.get("cache-status")], [
        "15",
        "everymap; hit; ttl=-5",
      ]);
      await settled();
      assertEquals([await text(), asked.length], ["answer 2", 2]);
      clock.advance(30_000);
      assertEquals([await text(), asked.length], ["answer 3", 3]);
    });

    test("stands in for an origin that fails, for as long as it may (RFC 5861, X-13)", async () => {
      const failures: readonly (() => Response)[] = [
        () => new Response("down", { status: 503 }),
        () => {
          throw new RangeError("no network");
        },
      ];
      const outcome = async (ask: () => Response | Promise<Response>): Promise<unknown> => {
        try {
          return (await ask()).status;
        } catch (error) {
          return error;
        }
      };
      for (const fail of failures) {
        const setUpFailing = async (field: string) => {
          const made = setUp((request, number) => number > 1 ? fail() : cacheable(field)(request, number));
          await made.text();
          made.clock.advance(10_000);
          return made;
        };
        const failed = await outcome(fail);
        const { fetch, clock } = await setUpFailing("max-age=10, stale-if-error=60");
        clock.advance(59_000);
        const stale = await fetch(URL_);
        assertEquals([stale.status, await stale.text(), stale.headers.get("age")], [200, "answer 1", "69"]);
        clock.advance(1000);
        assertEquals(await outcome(() => fetch(URL_)), failed);
        for (const more of ["must-revalidate", "no-cache"]) {
          const strict = await setUpFailing(`max-age=10, stale-if-error=60, ${more}`);
          assertEquals(await outcome(() => strict.fetch(URL_)), failed);
        }
      }
    });

    test("heeds what a request says of caches, unless told not to", async () => {
      const { text, fetch, clock } = setUp(cacheable("max-age=60"));
      await text();
      clock.advance(10_000);
      assertEquals(await text({ "cache-control": "max-age=10" }), "answer 1");
      assertEquals(await text({ "cache-control": "max-age=5" }), "answer 2");
      assertEquals(await text({ "cache-control": "no-cache" }), "answer 3");
      assertEquals(await text({ pragma: "no-cache" }), "answer 4");
      assertEquals(await text({ "cache-control": "no-store" }), "answer 5");
      clock.advance(30_000);
      assertEquals(await text({ "cache-control": "min-fresh=30" }), "answer 4");
      assertEquals(await text({ "cache-control": "min-fresh=31" }), "answer 6");
      clock.advance(70_000);
      assertEquals(await text({ "cache-control": "max-stale=11" }), "answer 6");
      assertEquals((await fetch(URL_, { headers: { "cache-control": "only-if-cached" } })).status, 504);
      assertEquals(await text({ "cache-control": "max-stale" }), "answer 6");
      assertEquals(await text(), "answer 7");
      const deaf = setUp(cacheable("max-age=60"), { heedRequests: false });
      assertEquals([await deaf.text(), await deaf.text({ "cache-control": "no-cache" })], ["answer 1", "answer 1"]);
    });

    test("forgets a thing, with its variants, when it is changed", async () => {
      let status = 200;
      const { text, fetch, asked } = setUp((request, number) =>
        request.method === "GET"
          ? new Response(`answer ${number}`, { headers: { "cache-control": "max-age=60", vary: "accept" } })
          : new Response(null, { status })
      );
      assertEquals([await text({ accept: "a" }), await text({ accept: "b" })], ["answer 1", "answer 2"]);
      status = 403;
      await fetch(URL_, { method: "POST", body: "x" });
      assertEquals(await text({ accept: "a" }), "answer 1");
      status = 204;
      await fetch(URL_, { method: "DELETE" });
      assertEquals([await text({ accept: "a" }), await text({ accept: "b" })], ["answer 5", "answer 6"]);
      assertEquals(asked.length, 6);
    });

    test("does not bring back what was forgotten while it was fetched", async () => {
      for (const vary of [{}, { vary: "accept" }]) {
        const gates: Promise<void>[] = [];
        const { text, fetch, asked } = setUp(async (request, number) => {
          await gates.shift();
          const headers = { "cache-control": "max-age=60", ...vary };
          return request.method === "GET" ? new Response(`answer ${number}`, { headers }) : new Response(null);
        });
        if ("vary" in vary) await text({ accept: "a" });
        const before = asked.length;
        const { promise, resolve } = Promise.withResolvers<void>();
        gates.push(promise);
        const late = text({ accept: "b" });
        while (asked.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
        await fetch(URL_, { method: "PUT", body: "new" });
        resolve();
        assertEquals(await late, `answer ${before + 1}`);
        assertEquals(await text({ accept: "b" }), `answer ${before + 3}`);
        assertEquals(await text({ accept: "b" }), `answer ${before + 3}`);
        if ("vary" in vary) assertEquals(await text({ accept: "a" }), `answer ${before + 4}`);
      }
    });

    test("is forgotten with the region, and served as it was softly", async () => {
      const { text, region, settled } = setUp(cacheable("max-age=60, stale-while-revalidate=60"));
      await text();
      await region.invalidate({ mode: "soft" });
      assertEquals(await text(), "answer 1");
      await settled();
      assertEquals(await text(), "answer 2");
      await region.invalidate();
      assertEquals(await text(), "answer 3");
    });

    test("passes on what has no end, is too long, or is a part", async () => {
      const endless = () =>
        new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
        });
      const { fetch } = setUp((_, number) => new Response(endless(), { headers: { "x-number": `${number}` } }));
      for (const number of ["1", "2"]) {
        const answer = await fetch(URL_);
        assertEquals(answer.headers.get("x-number"), number);
        const reader = answer.body!.getReader();
        assert((await reader.read()).value!.length > 0);
        await reader.cancel();
      }
      const long = setUp(
        (_, number) => new Response(`${number}`.repeat(1000), { headers: { "cache-control": "max-age=60" } }),
        { maxBytes: 999 },
      );
      assertEquals([await long.text(), await long.text()], ["1".repeat(1000), "2".repeat(1000)]);
      const short = setUp(
        (_, number) => new Response(`${number}`.repeat(999), { headers: { "cache-control": "max-age=60" } }),
        { maxBytes: 999 },
      );
      assertEquals([await short.text(), await short.text()], ["1".repeat(999), "1".repeat(999)]);
      const part = setUp(cacheable("max-age=60"));
      assertEquals([await part.text({ range: "bytes=0-1" }), await part.text({ range: "bytes=0-1" })], [
        "answer 1",
        "answer 2",
      ]);
    });

    test("shares a failure with those who asked at the same time, and keeps it not", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { fetch, asked } = setUp(async (_, number) => {
        await promise;
        return new Response(`down ${number}`, { status: 502 });
      });
      const answers = Promise.all([fetch(URL_), fetch(URL_), fetch(URL_)]);
      resolve();
      assertEquals(await Promise.all((await answers).map((answer) => answer.text())), ["down 1", "down 1", "down 1"]);
      assertEquals([await (await fetch(URL_)).text(), asked.length], ["down 2", 2]);
    });

    test("has a lifetime for answers that do not say", async () => {
      const { text, clock } = setUp((_, number) => new Response(`answer ${number}`), { ttl: { seconds: 5 } });
      assertEquals([await text(), await text()], ["answer 1", "answer 1"]);
      clock.advance(5000);
      assertEquals(await text(), "answer 2");
    });

    test("frees a caller by the signal of its request", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { fetch, text, asked } = setUp(async (request, number) => {
        await promise;
        return await cacheable("max-age=60")(request, number);
      });
      const controller = new AbortController();
      const [left, stays] = [fetch(URL_, { signal: controller.signal }), text()];
      controller.abort();
      await assertRejects(() => left, DOMException);
      resolve();
      assertEquals([await stays, asked.length], ["answer 1", 1]);
    });
  });

  describe(`cachedHandler() over ${name}`, () => {
    test("answers clients from the cache, conditional requests and HEAD too", async () => {
      const clock = new FakeClock(Date.parse("2026-11-25T12:00:00Z"));
      const seen: unknown[][] = [];
      const handler = cachedHandler(
        new Region({ ttl: 1, store: makeStore(clock.now) }),
        (request: Request, ...rest: [string, { waitUntil(work: Promise<unknown>): void }]) => {
          seen.push([request.method, request.headers.get("if-none-match"), rest[0]]);
          return new Response("page", {
            headers: { etag: '"p"', "cache-control": "max-age=60, stale-while-revalidate=60" },
          });
        },
        { now: clock.now, waitUntil: (work, _env, context) => context.waitUntil(work) },
      );
      const work: Promise<unknown>[] = [];
      const context = { waitUntil: (one: Promise<unknown>) => void work.push(one) };
      const ask = (init?: RequestInit) => handler(new Request(URL_, init), "env", context);
      assertEquals((await ask({ headers: { "if-none-match": '"other"' } })).status, 200);
      const same = await ask({ headers: { "if-none-match": '"p"' } });
      assertEquals([same.status, await same.text(), same.headers.get("etag")], [304, "", '"p"']);
      const head = await ask({ method: "HEAD" });
      assertEquals([head.status, await head.text(), head.headers.get("etag")], [200, "", '"p"']);
      assertEquals(seen, [["GET", null, "env"]]);
      clock.advance(61_000);
      assertEquals(await (await ask()).text(), "page");
      while (work.length > 0) await Promise.all(work.splice(0));
      assertEquals(seen.length, 2);
    });

    test("leaves other methods and misses of HEAD to the handler", async () => {
      const handler = cachedHandler(new Region({ ttl: 1 }), (request: Request) => new Response(request.method));
      for (const method of ["POST", "OPTIONS", "PUT"]) {
        assertEquals(await (await handler(new Request(URL_, { method }))).text(), method);
      }
      assertEquals((await handler(new Request(URL_, { method: "HEAD" }))).status, 200);
    });

    test("passes on what the handler throws", async () => {
      const handler = cachedHandler(new Region({ ttl: 1 }), () => {
        throw new RangeError("broken");
      });
      await assertRejects(() => handler(new Request(URL_)), RangeError, "broken");
    });
  });
}

describe("cachedFetch() with the global fetch", () => {
  test("keeps what was read, not how it was sent, and where it came from", async () => {
    let asked = 0;
    const { endpoint, stop } = await serve(async () => {
      asked++;
      const zipped = new Blob(["content"]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Response(await new Response(zipped).arrayBuffer(), {
        headers: { "cache-control": "max-age=60", "content-encoding": "gzip", "content-type": "text/plain" },
      });
    });
    try {
      const fetch = cachedFetch(new Region({ ttl: 1, store: new Store(sqlite(":memory:")) }));
      for (let times = 0; times < 2; times++) {
        const answer = await fetch(`${endpoint}/thing`);
        assertEquals([await answer.text(), answer.headers.get("content-encoding")], ["content", null]);
        assertEquals([answer.url, answer.headers.get("content-type")], [`${endpoint}/thing`, "text/plain"]);
      }
      assertEquals(asked, 1);
    } finally {
      await stop();
    }
  });

  test("keeps nothing that a redirect led to, and rejects as fetch does", async () => {
    let asked = 0;
    const { endpoint, stop } = await serve(async (request) => {
      if (request.url.endsWith("/old")) return new Response(null, { status: 302, headers: { location: "/new" } });
      return await Promise.resolve(new Response(`${++asked}`, { headers: { "cache-control": "max-age=60" } }));
    });
    const fetch = cachedFetch(new Region({ ttl: 1 }));
    try {
      assertEquals([await (await fetch(`${endpoint}/old`)).text(), await (await fetch(`${endpoint}/old`)).text()], [
        "1",
        "2",
      ]);
    } finally {
      await stop();
    }
    await assertRejects(() => fetch(`${endpoint}/gone`), Error);
  });
});

describe("cachedFetch()", () => {
  test("takes no store that fails for a miss, unless it is told to", async () => {
    for (const onStoreError of ["throw", "bypass"] as const) {
      const store = new Store(faulty(memory<unknown>(), { when: ({ method }) => !method.startsWith("has") }));
      const fetch = cachedFetch(new Region({ ttl: 1, store, onStoreError }), {
        fetch: () => new Response("answer", { headers: { "cache-control": "max-age=60" } }),
      });
      if (onStoreError === "throw") await assertRejects(() => fetch(URL_), StoreError);
      else assertEquals(await (await fetch(URL_)).text(), "answer");
    }
  });

  test("refuses options that it does not know", () => {
    assertThrows(() => cachedFetch(new Region({ ttl: 1 }), { keeep: [] } as never), TypeError, '"keeep"');
    assertThrows(
      () => cachedHandler(new Region({ ttl: 1 }), () => new Response(), { fetch } as never),
      TypeError,
      '"fetch"',
    );
  });
});
