/** Cached fragments, by hand and in templates of Vento. */

import { describe, test } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import vento from "ventojs";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { cachedFragment } from "../../src/cache/cached_fragment.ts";
import { Region } from "../../src/cache/region.ts";
import { cachedTag } from "../../src/cache/vento.ts";
import type { Clock } from "../../src/core/clock.ts";
import { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";

const STORES: Readonly<Record<string, (now: Clock) => Store<unknown>>> = {
  memory: (now) => new Store(memory({ now })),
  sqlite: (now) => new Store(sqlite(":memory:", { now })),
};

for (const [name, makeStore] of Object.entries(STORES)) {
  describe(`fragments over ${name}`, () => {
    const setUp = (options: { readonly autoescape?: boolean } = {}) => {
      const clock = new FakeClock(1_000_000);
      const store = makeStore(clock.now);
      const region = (name: string, ttl: number) => new Region<string>({ name, ttl, store, now: clock.now });
      const regions = { short: region("short", 1000), long: region("long", 60_000) };
      const templates = vento(options);
      templates.use(cachedTag({ regions, region: "short" }));
      let count = 0;
      const next = () => ++count;
      const render = async (source: string, data: object = {}) =>
        (await templates.runString(source, { next, ...data })).content;
      return { clock, regions, render, templates };
    };

    test("cachedFragment() renders once for each key, and for each lifetime", async () => {
      const { regions: { short }, clock } = setUp();
      let count = 0;
      const fragment = (key: string | unknown[]) => cachedFragment(short, key, () => `<p>${++count}</p>`, { ttl: 100 });
      assertEquals([await fragment("a"), await fragment("a"), await fragment(["a"])], [
        "<p>1</p>",
        "<p>1</p>",
        "<p>2</p>",
      ]);
      assertEquals([await fragment(["a:", "b"]), await fragment(["a", ":b"])], ["<p>3</p>", "<p>4</p>"]);
      clock.advance(100);
      assertEquals(await fragment("a"), "<p>5</p>");
      await assertRejects(async () => await fragment([() => {}]), TypeError, "it is a function");
    });

    test("a cached part of a page is rendered once (DP-K1)", async () => {
      const { render, regions } = setUp();
      const source = '{{ next() }} {{ cached "menu" }}<b>{{ next() }}</b>{{ /cached }} {{ next() }}';
      assertEquals(await render(source), "1 <b>2</b> 3");
      assertEquals(await render(source), "4 <b>2</b> 5");
      assertEquals(regions.short.counters.create, 1);
      assertEquals(await regions.short.get("menu"), "<b>2</b>");
    });

    test("a tag has a lifetime of its own (DP-K2)", async () => {
      const { render, clock } = setUp();
      const source =
        '{{ cached "a" 20 }}{{ next() }}{{ /cached }} {{ cached "b" { seconds: 2 } }}{{ next() }}{{ /cached }}' +
        ' {{ cached "c" }}{{ next() }}{{ /cached }}';
      assertEquals(await render(source), "1 2 3");
      clock.advance(20);
      assertEquals(await render(source), "4 2 3");
      clock.advance(1000);
      assertEquals(await render(source), "5 2 6");
    });

    test("a tag chooses its region by name, also by one that is computed", async () => {
      const { render, clock, regions } = setUp();
      const source = '{{ cached "a" { region: "long" } }}{{ next() }}{{ /cached }} ' +
        "{{ cached `a` { region: where, ttl: 5000 } }}{{ next() }}{{ /cached }}";
      assertEquals(await render(source, { where: "short" }), "1 2");
      assertEquals([await regions.long.get("a"), await regions.short.get("a")], ["1", "2"]);
      clock.advance(4000);
      assertEquals(await render(source, { where: "short" }), "1 2");
    });

    test("keys are made of what is in the template, of several parts too", async () => {
      const { render, regions } = setUp();
      const source = '{{ cached ["user", user.id] 500 }}{{ user.name }}{{ /cached }}';
      assertEquals(await render(source, { user: { id: 1, name: "Ada" } }), "Ada");
      assertEquals(await render(source, { user: { id: 2, name: "Bob" } }), "Bob");
      assertEquals(await render(source, { user: { id: 1, name: "Eve" } }), "Ada");
      assertEquals(await regions.short.get('"user",2'), "Bob");
      const sum = '{{ cached "user " + user.id 500 }}{{ next() }}{{ /cached }}';
      assertEquals([await render(sum, { user: { id: 7 } }), await regions.short.get("user 7")], ["1", "1"]);
      const call = '{{ cached key("a b", { c: "d e" }) { ttl: 500 } }}{{ next() }}{{ /cached }}';
      assertEquals(await render(call, { key: (a: string, b: object) => a + JSON.stringify(b) }), "2");
      assertEquals(await regions.short.get('a b{"c":"d e"}'), "2");
    });

    test("fragments nest, loop and are filtered", async () => {
      const { render } = setUp();
      const nested = '{{ cached "out" }}{{ next() }}{{ cached "in" }}{{ next() }}{{ /cached }}{{ /cached }}';
      assertEquals([await render(nested), await render(nested)], ["12", "12"]);
      const loop = "{{ for n of [1, 2, 1] }}{{ cached [n] }}{{ n }}:{{ next() }} {{ /cached }}{{ /for }}";
      assertEquals(await render(loop), "1:3 2:4 1:3 ");
      const filtered = '{{ cached "upper" |> toUpperCase }}text{{ /cached }}';
      assertEquals(await render(filtered), "TEXT");
    });

    test("what is escaped stays so, once", async () => {
      const { render } = setUp({ autoescape: true });
      const source = '{{ cached "a" }}<b>{{ word }}</b>{{ /cached }}';
      assertEquals([await render(source, { word: "<&>" }), await render(source)], [
        "<b>&lt;&amp;&gt;</b>",
        "<b>&lt;&amp;&gt;</b>",
      ]);
    });

    test("a thousand renderings at one time render a fragment once", async () => {
      const { render, regions } = setUp();
      const source = '{{ cached "a" }}{{ await word() }}{{ /cached }}';
      const { promise, resolve } = Promise.withResolvers<string>();
      const pages = Promise.all(Array.from({ length: 1000 }, () => render(source, { word: () => promise })));
      resolve("done");
      assertEquals(new Set(await pages), new Set(["done"]));
      assertEquals(regions.short.counters.create, 1);
    });

    test("what fails in a fragment fails the page, and nothing is kept", async () => {
      const { render, regions } = setUp();
      const fail = () => {
        throw new RangeError("no word");
      };
      await assertRejects(() => render('{{ cached "a" }}{{ fail() }}{{ /cached }}', { fail }), Error, "no word");
      assertEquals(await regions.short.get("a"), undefined);
    });
  });
}

describe("cachedTag()", () => {
  const render = async (source: string, options: Parameters<typeof cachedTag>[0]) => {
    const templates = vento();
    templates.use(cachedTag(options));
    return (await templates.runString(source)).content;
  };
  const region = new Region<string>({ ttl: 1000 });

  test("says clearly which region is missing", async () => {
    const regions = { one: region, two: region };
    const known = "(there are: one, two)";
    await assertRejects(
      () => render('{{ cached "a" { region: "three" } }}x{{ /cached }}', { regions }),
      Error,
      `Cannot cache a fragment: there is no region "three" ${known}`,
    );
    await assertRejects(
      () => render('{{ cached "a" }}x{{ /cached }}', { regions }),
      Error,
      `Cannot cache a fragment: the tag names no region ${known}`,
    );
    assertThrows(() => cachedTag({ regions, region: "three" }), TypeError, 'there is no region "three"');
    await assertRejects(
      () => render('{{ cached "a" { region: "toString" } }}x{{ /cached }}', { regions }),
      Error,
      'there is no region "toString"',
    );
  });

  test("takes the only region there is", async () => {
    assertEquals(await render('{{ cached "a" }}x{{ /cached }}', { regions: { pages: region } }), "x");
  });

  test("says clearly what is wrong with a region or a tag", async () => {
    const regions = { later: new Region<string>() };
    await assertRejects(() => render('{{ cached "a" }}x{{ /cached }}', { regions }), Error, "it is not configured");
    for (const tag of ['"a" 1 2', '"a" { ttl: 1 } "b"']) {
      await assertRejects(
        () => render(`{{ cached ${tag} }}x{{ /cached }}`, { regions }),
        SyntaxError,
        `Cannot read the tag {{ cached ${tag} }}: it takes a key, and a lifetime or options`,
      );
    }
    await assertRejects(
      () => render('{{ cached "b" "soon" }}x{{ /cached }}', { regions: { region } }),
      Error,
      "ttl must be",
    );
    await assertRejects(() => render('{{ cached "a" }}x', { regions }), Error, "/cached");
    assertThrows(() => cachedTag({ regions, default: "later" } as never), TypeError, '"default"');
  });
});
