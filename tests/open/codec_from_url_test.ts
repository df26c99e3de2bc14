import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { test } from "node:test";
import { codecFromUrl, type CodecScheme } from "../../src/open/codec_from_url.ts";
import { codecLawsFor } from "../../src/testing/codec_laws.ts";

const values = [{ a: [1, "two", null] }, "text"];

for (const url of ["json", "msgpack", "structured", "json+gzip", "msgpack+zstd", "structured+deflate", "json+brotli"]) {
  test(`codecFromUrl("${url}") gives a codec that obeys the laws: CT-60, CT-62, CT-63, CT-64`, async () => {
    for (const form of [url, `${url}:`, `${url}://`, `${url}://?`, url.replaceAll("+", " ")]) {
      const subject = { codec: await codecFromUrl(form), values, whole: url.includes("+"), deterministic: true };
      assertEquals(subject.codec.name, url);
      for (const law of codecLawsFor(subject)) await law.run(subject);
    }
  });
}

test("codecFromUrl() knows text, bytes and compressions without a codec of values", async () => {
  assertEquals((await codecFromUrl("text")).extension, ".txt");
  assertEquals((await codecFromUrl("bytes+gzip")).extension, ".gz");
  assertEquals(
    await (await codecFromUrl("zstd")).decode(await (await codecFromUrl("zstd")).encode(Uint8Array.of(1))),
    Uint8Array.of(1),
  );
  assertEquals((await codecFromUrl(new URL("json+gzip://?level=1"))).name, "json+gzip");
});

test("codecFromUrl() gives every layer the parameters it knows: CT-60", async () => {
  const text = Array.from({ length: 3000 }, (_, i) => i * i).join();
  const [fast, small] = await Promise.all([1, 9].map((level) => codecFromUrl(`json+gzip://?level=${level}&indent=2`)));
  assertLess((await small!.encode(text)).length, (await fast!.encode(text)).length);
  const indented = await codecFromUrl("json?indent=2&plain=true");
  assertEquals(new TextDecoder().decode(await indented.encode([1])), "[\n  1\n]");
  await assertRejects(async () => await indented.encode(new Date()), TypeError);
  const bounded = await codecFromUrl("bytes+zstd://?maxBytes=10");
  await assertRejects(async () => await bounded.decode(await bounded.encode(new Uint8Array(11))));
});

test("codecFromUrl() refuses an unknown scheme and lists the known ones: CT-01, CT-61", async () => {
  for (
    const url of ["pickle://", "json+lzma", "", "+gzip", "json++gzip", "JSON", "__proto__", "json:/path", "json#x"]
  ) {
    const error = await assertRejects(() => codecFromUrl(url), TypeError);
    assert(
      error.message.includes("json, text, bytes, msgpack, structured, gzip, deflate, brotli, zstd"),
      error.message,
    );
  }
});

test("codecFromUrl() refuses parameters that are unknown, doubled, wrong or out of range: CT-61", async () => {
  for (const query of ["levl=9", "__proto__=1", "indent=1"]) {
    await assertRejects(() => codecFromUrl(`msgpack+gzip://?${query}`), TypeError, "(level, maxBytes, minBytes)");
  }
  await assertRejects(() => codecFromUrl("text?level=9"), TypeError, "(none)");
  await assertRejects(() => codecFromUrl("json+gzip?level=1&level=2"), TypeError, "twice");
  for (const level of ["", "high", "1e1", "0x9", " 9"]) {
    await assertRejects(() => codecFromUrl(`json+gzip?level=${level}`), TypeError, "must be a number");
  }
  await assertRejects(() => codecFromUrl("json?plain=yes"), TypeError, "true or false");
  for (
    const url of [
      "json+gzip?level=10",
      "json+gzip?level=1.5",
      "json+zstd?level=23",
      "json+zstd+gzip?level=19",
      "json?indent=11",
      "json+gzip?minBytes=-1",
    ]
  ) {
    await assertRejects(() => codecFromUrl(url), RangeError);
  }
});

test("codecFromUrl() lets a codec of values only come first", async () => {
  for (const url of ["gzip+json", "json+text", "json+json"]) {
    await assertRejects(() => codecFromUrl(url), TypeError, "come first");
  }
});

test("codecFromUrl({ schemes }) takes codecs of one's own", async () => {
  const flip = (raw: Uint8Array) => raw.map((byte) => byte ^ 255);
  const schemes: Record<string, CodecScheme> = {
    flip: {
      encodes: "bytes",
      parameters: { mode: "string" },
      make: ({ mode = "flip" }) => ({
        name: `${mode}`,
        encode: (raw) => flip(raw as Uint8Array),
        decode: flip,
      }),
    },
  };
  const codec = await codecFromUrl("json+flip://?mode=all", { schemes });
  assertEquals(codec.name, "json+all");
  assertEquals(await codec.decode(await codec.encode([1])), [1]);
  await assertRejects(() => codecFromUrl("json+flop", { schemes }), TypeError, "zstd, flip");
});
