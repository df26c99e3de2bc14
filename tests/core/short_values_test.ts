import fc from "fast-check";
import { describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { disk } from "../../src/backends/disk.ts";
import { chain } from "../../src/codecs/chain.ts";
import { deflate } from "../../src/codecs/deflate.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { json } from "../../src/codecs/json.ts";
import { zstd } from "../../src/codecs/zstd.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { codecFromUrl } from "../../src/open/codec_from_url.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";

async function through(stream: TransformStream<Uint8Array, Uint8Array>, bytes: Uint8Array, size: number) {
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => index * size);
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const at of chunks) controller.enqueue(bytes.subarray(at, at + size));
      controller.close();
    },
  });
  return new Uint8Array(await new Response(source.pipeThrough(stream)).arrayBuffer());
}

for (const [name, make] of Object.entries({ gzip, deflate, zstd })) {
  describe(`${name}({ minBytes })`, () => {
    const codec = make({ minBytes: 100 });
    const begins = make().encode(new Uint8Array(200)) as Uint8Array;

    test("keeps short values as they are, and names no coding", async () => {
      const short = new TextEncoder().encode('{"name":"Ada"}');
      assertEquals(await codec.encode(short), short);
      assertEquals(await codec.decode(short), short);
      assertEquals(codec.contentEncoding, undefined);
      assertNotEquals(make({ minBytes: 0 }).contentEncoding, undefined);
      assert((await codec.encode(new Uint8Array(100))).length < 100);
    });

    test("brings any bytes back, also those that look compressed", async () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 150 }),
        fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(...begins.subarray(0, 6), ...rest)),
        fc.nat({ max: begins.length }).map((length) => begins.slice(0, length)),
      );
      await fc.assert(
        fc.asyncProperty(bytes, fc.integer({ min: 1, max: 20 }), async (bytes, size) => {
          const raw = await codec.encode(bytes);
          assertEquals(await codec.decode(raw), bytes);
          assertEquals(await through(codec.streams!.decode(), raw, size), bytes);
          assertEquals(await codec.decode(await through(codec.streams!.encode(), bytes, size)), bytes);
        }),
        { numRuns: 60 },
      );
    });

    test("does not take a cut-off value for a short one", async () => {
      await assertRejects(async () => await codec.decode(begins.slice(0, -1)));
    });

    test("keeps within maxBytes, compressed or not, at once or streamed", async () => {
      const limited = make({ minBytes: 100, maxBytes: 10 });
      for (const raw of [new Uint8Array(11).fill(65), begins]) {
        const uses = [() => limited.decode(raw), () => through(limited.streams!.decode(), raw, 3)];
        for (const use of uses) {
          assertEquals((await assertRejects(async () => await use(), StoreError)).code, "too-large");
        }
      }
      assertEquals((await limited.decode(new Uint8Array(10).fill(65))).length, 10);
    });

    test("gives plain bytes", async () => {
      class Own extends Uint8Array {}
      for (const bytes of [await codec.encode(Own.of(65)), await codec.decode(Own.of(65))]) {
        assertEquals(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      }
    });

    test("is refused below 0", () => {
      assertThrows(() => make({ minBytes: -1 }), RangeError, "minBytes");
      assertThrows(() => make({ minBytes: NaN }), RangeError, "minBytes");
    });
  });
}

test("without minBytes nothing is read that was not compressed", async () => {
  const place = disk("/", { fileSystem: new MemoryFileSystem(), extension: ".bin" });
  await new Store<string>(place, { codec: chain(json<string>(), gzip({ minBytes: 100 })) }).set("key", "short");
  const strict = new Store<string>(place, { codec: chain(json<string>(), gzip()) });
  assertEquals((await assertRejects(() => strict.get("key"), StoreError)).code, "corrupt");
});

test("codecFromUrl() takes minBytes, but not for brotli", async () => {
  const codec = await codecFromUrl("json+zstd://?minBytes=1000");
  assertEquals(await codec.encode("short"), new TextEncoder().encode('"short"'));
  await assertRejects(() => codecFromUrl("json+brotli://?minBytes=1000"), TypeError, "minBytes");
});
