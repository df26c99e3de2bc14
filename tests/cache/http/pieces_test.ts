/** The rules of HTTP caches, piece by piece. */

import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { cacheControlOf, millisecondsOf } from "../../../src/cache/http/cache_control.ts";
import { confirmed, notModified, toRevalidation } from "../../../src/cache/http/conditional.ts";
import { ageOf, freshnessOf, timeOf } from "../../../src/cache/http/freshness.ts";
import { type StoredResponse, toResponse, toStored } from "../../../src/cache/http/stored_response.ts";
import { isStorable, type Personal } from "../../../src/cache/http/storing.ts";

const SHARED = { isShared: true, defaultTtl: 0 };
const URL_ = "https://example.com/a";
const stored = (headers: Record<string, string>, more: Partial<StoredResponse> = {}): StoredResponse => ({
  status: 200,
  statusText: "OK",
  headers: Object.entries(headers),
  body: new TextEncoder().encode("content"),
  url: "",
  requestedAt: 1_000_000,
  receivedAt: 1_000_000,
  ...more,
});
const request = (headers: Record<string, string> = {}) => new Request(URL_, { headers });

describe("cacheControlOf()", () => {
  const directives = (field: string) => [...cacheControlOf(new Headers({ "cache-control": field }))];

  test("reads directives in any case, with and without arguments", () => {
    assertEquals(directives("Max-Age=60, PRIVATE,no-cache"), [["max-age", "60"], ["private", true], [
      "no-cache",
      true,
    ]]);
    assertEquals(directives(" public ,, s-maxage = 5 "), [["public", true], ["s-maxage", "5"]]);
    assertEquals(directives(""), []);
  });

  test("reads quoted arguments whole", () => {
    assertEquals(directives('private="set-cookie, x-\\"user", max-age="9"'), [
      ["private", 'set-cookie, x-"user'],
      ["max-age", "9"],
    ]);
  });

  test("takes the first of equal directives", () => {
    assertEquals(directives("max-age=1, max-age=2"), [["max-age", "1"]]);
  });

  test("takes Pragma for no-cache in a request without Cache-Control only", () => {
    const pragma = new Headers({ pragma: "no-cache" });
    assertEquals(cacheControlOf(pragma, true).has("no-cache"), true);
    assertEquals(cacheControlOf(pragma).has("no-cache"), false);
    assertEquals(cacheControlOf(new Headers({ pragma: "no-cache", "cache-control": "max-age=1" }), true).size, 1);
  });

  test("counts seconds, and takes what is no number for none", () => {
    const control = cacheControlOf(new Headers({ "cache-control": "a=60, b=-1, c=x, d, e=99999999999999999999" }));
    assertEquals(["a", "b", "c", "d", "f"].map((name) => millisecondsOf(control, name)), [60_000, 0, 0, 0, undefined]);
    assertEquals(millisecondsOf(control, "e"), 2 ** 31 * 1000);
  });
});

describe("freshnessOf()", () => {
  const fresh = (headers: Record<string, string>, rules = SHARED) => freshnessOf(stored(headers), rules).fresh;

  test("is told by s-maxage, max-age, Expires, in this order", () => {
    const expires = { expires: "Thu, 01 Jan 1970 00:16:50 GMT" };
    assertEquals(fresh({ "cache-control": "max-age=60, s-maxage=5", ...expires }), 5000);
    assertEquals(fresh({ "cache-control": "max-age=60, s-maxage=5" }, { ...SHARED, isShared: false }), 60_000);
    assertEquals(fresh({ "cache-control": "max-age=60", ...expires }), 60_000);
    assertEquals(fresh({ ...expires, date: "Thu, 01 Jan 1970 00:16:40 GMT" }), 10_000);
    assertEquals(fresh({ ...expires }), 10_000);
    assertEquals(fresh({ expires: "0" }), 0);
    assertEquals(fresh({}, { ...SHARED, defaultTtl: 7 }), 7);
    assertEquals(fresh({ "cache-control": "no-cache, max-age=60" }, { ...SHARED, defaultTtl: 7 }), 0);
  });

  test("has the windows of RFC 5861, unless must-revalidate forbids them", () => {
    const field = "max-age=10, stale-while-revalidate=20, stale-if-error=30";
    assertEquals(freshnessOf(stored({ "cache-control": field }), SHARED), {
      fresh: 10_000,
      whileRevalidate: 30_000,
      ifError: 40_000,
      stale: true,
    });
    for (const more of ["must-revalidate", "proxy-revalidate"]) {
      assertEquals(freshnessOf(stored({ "cache-control": `${field}, ${more}` }), SHARED), {
        fresh: 10_000,
        whileRevalidate: 10_000,
        ifError: 10_000,
        stale: false,
      });
    }
    const withShared = freshnessOf(stored({ "cache-control": `s-maxage=1, ${field}` }), SHARED);
    assertEquals(withShared, { fresh: 1000, whileRevalidate: 21_000, ifError: 31_000, stale: false });
  });
});

describe("ageOf()", () => {
  test("counts from the origin, over the caches between", () => {
    assertEquals(ageOf(stored({}), 1_005_000), 5000);
    assertEquals(ageOf(stored({ age: "3" }, { requestedAt: 999_000 }), 1_005_000), 9000);
    assertEquals(ageOf(stored({ date: "Thu, 01 Jan 1970 00:16:00 GMT" }), 1_000_000), 40_000);
    assertEquals(ageOf(stored({ age: "much", date: "never" }), 1_000_000), 0);
  });
});

describe("timeOf()", () => {
  test("reads the three forms of a date, and nothing else", () => {
    for (
      const date of [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
      ]
    ) {
      assertEquals(timeOf(date), 784_111_777_000);
    }
    for (const date of [null, "", "0", "1", "2020", "tomorrow", "Sun, never"]) assertEquals(timeOf(date), undefined);
  });
});

describe("isStorable()", () => {
  const storable = (
    headers: Record<string, string>,
    { status = 200, sent = {}, keep = [] }: {
      readonly status?: number;
      readonly sent?: Record<string, string>;
      readonly keep?: readonly Personal[];
    } = {},
  ) => isStorable(request(sent), new Response(null, { status, headers }), keep);

  test("keeps what says how long, and what may be kept without saying", () => {
    assertEquals(storable({}), true);
    assertEquals(storable({}, { status: 404 }), true);
    assertEquals(storable({}, { status: 500 }), false);
    assertEquals(storable({ "cache-control": "max-age=5" }, { status: 500 }), true);
    assertEquals(storable({ expires: "0" }, { status: 302 }), true);
  });

  test("keeps nothing that says no-store, and nothing that is a part", () => {
    assertEquals(storable({ "cache-control": "No-Store" }), false);
    assertEquals(storable({}, { sent: { "cache-control": "no-store" } }), false);
    assertEquals(storable({ "cache-control": "max-age=5" }, { status: 206 }), false);
    assertEquals(storable({ "content-range": "bytes 0-1/2" }), false);
    assertEquals(storable({ vary: "accept, *" }), false);
    assertEquals(storable({ "cache-control": "must-understand, max-age=5" }, { status: 299 }), false);
  });

  test("keeps nothing that is for one user, unless told", () => {
    const cacheable = { "cache-control": "max-age=60" };
    const authorization = { authorization: "Bearer token" };
    assertEquals(storable({ "cache-control": "Private, max-age=60" }), false);
    assertEquals(storable({ "cache-control": 'private="x-user", max-age=60' }), false);
    assertEquals(storable({ "cache-control": "private, max-age=60" }, { keep: ["private"] }), true);
    assertEquals(storable({ ...cacheable, "set-cookie": "a=1" }), false);
    assertEquals(storable({ ...cacheable, "set-cookie": "a=1" }, { keep: ["set-cookie"] }), true);
    assertEquals(storable(cacheable, { sent: authorization }), false);
    assertEquals(storable(cacheable, { sent: authorization, keep: ["authorization"] }), true);
    assertEquals(storable({ "cache-control": "public, max-age=60" }, { sent: authorization }), true);
    assertEquals(storable({ "cache-control": "s-maxage=60" }, { sent: authorization }), true);
  });
});

describe("conditions", () => {
  test("the origin is asked with what is known of the stored answer, not with the client's conditions", () => {
    const { signal } = new AbortController();
    const sent = request({ "if-none-match": '"theirs"', "if-modified-since": "x", accept: "text/html" });
    const asked = toRevalidation(sent, stored({ etag: 'W/"ours"', "last-modified": "then" }), signal);
    assertEquals([...asked.headers].sort(), [
      ["accept", "text/html"],
      ["if-modified-since", "then"],
      ["if-none-match", 'W/"ours"'],
    ]);
    assertEquals([...toRevalidation(sent, undefined, signal).headers], [["accept", "text/html"]]);
    assertEquals([...toRevalidation(request({ "if-none-match": '"1"' }), undefined, signal).headers], []);
    assertEquals(sent.headers.get("if-none-match"), '"theirs"');
  });

  test("a 304 refreshes fields and age, but nothing that describes the content", () => {
    const old = stored({ etag: '"1"', age: "50", "cache-control": "max-age=1", "content-type": "text/plain" });
    const answer = new Response(null, {
      status: 304,
      headers: { "cache-control": "max-age=9", "x-new": "1", "content-type": "text/html", "content-length": "0" },
    });
    const now = { requestedAt: 2_000_000, receivedAt: 2_000_100 };
    const renewed = confirmed(old, answer, now);
    assertEquals(Object.fromEntries(renewed.headers), {
      "cache-control": "max-age=9",
      "content-type": "text/plain",
      etag: '"1"',
      "x-new": "1",
    });
    assertEquals([renewed.requestedAt, renewed.receivedAt], [2_000_000, 2_000_100]);
    assertEquals(renewed.body, old.body);
  });

  test("a client that has the answer already gets a 304 without its content", async () => {
    const answer = () =>
      new Response("content", {
        headers: { etag: '"1"', "last-modified": "Thu, 01 Jan 1970 00:00:10 GMT", "content-type": "text/plain" },
      });
    const meets = (headers: Record<string, string>) => notModified(request(headers), answer());
    const response = meets({ "if-none-match": '"0", W/"1"' })!;
    assertEquals(response.status, 304);
    assertEquals(await response.text(), "");
    assertEquals([response.headers.get("etag"), response.headers.get("content-type")], ['"1"', null]);
    assertEquals(meets({ "if-none-match": "*" })?.status, 304);
    assertEquals(meets({ "if-none-match": '"2"' }), undefined);
    // The tag outweighs the date (RFC 9110 §13.1.3).
    const later = { "if-modified-since": "Thu, 01 Jan 1970 00:00:20 GMT" };
    assertEquals(meets({ "if-none-match": '"2"', ...later }), undefined);
    assertEquals(meets(later)?.status, 304);
    assertEquals(meets({ "if-modified-since": "Thu, 01 Jan 1970 00:00:05 GMT" }), undefined);
    assertEquals(meets({}), undefined);
    assertEquals(notModified(request(later), new Response(null, { status: 404 })), undefined);
  });
});

describe("stored answers", () => {
  test("come back with status, fields and content, but without what concerns one connection", async () => {
    const answer = new Response("content", {
      status: 404,
      statusText: "Not Here",
      headers: { connection: "keep-alive, x-hop", "x-hop": "1", "keep-alive": "timeout=5", "x-end": "2" },
    });
    answer.headers.append("set-cookie", "a=1");
    answer.headers.append("set-cookie", "b=2");
    const moments = { requestedAt: 0, receivedAt: 1 };
    const value = toStored(answer, new Uint8Array(await answer.arrayBuffer()), moments);
    const again = toResponse(structuredClone(value), { age: "7" });
    assertEquals([again.status, again.statusText, await again.text()], [404, "Not Here", "content"]);
    assertEquals(again.headers.getSetCookie(), ["a=1", "b=2"]);
    const names = [...again.headers.keys()].filter((name) => !name.startsWith("content"));
    assertEquals(new Set(names), new Set(["age", "set-cookie", "x-end"]));
  });

  test("without content have none", () => {
    const value = toStored(new Response(null, { status: 204 }), new Uint8Array(), { requestedAt: 0, receivedAt: 0 });
    assertEquals(toResponse(value).body, null);
  });
});
