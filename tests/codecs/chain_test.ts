import { assert, assertEquals, assertNotEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { bytes } from "../../src/codecs/bytes.ts";
import { chain } from "../../src/codecs/chain.ts";
import { deflate } from "../../src/codecs/deflate.ts";
import { encrypted, type EncryptionKey } from "../../src/codecs/encrypted.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { json } from "../../src/codecs/json.ts";
import { text } from "../../src/codecs/text.ts";
import { type StandardSchema, validated, type ValidatedOptions } from "../../src/codecs/validated.ts";
import { zstd } from "../../src/codecs/zstd.ts";
import type { Codec } from "../../src/core/codec.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { codecLawsFor, type CodecSubject } from "../../src/testing/codec_laws.ts";

function checkLaws(title: string, subject: CodecSubject): void {
  describe(title, () => {
    for (const law of codecLawsFor(subject)) test(law.title, () => law.run(subject));
  });
}

const key = (id: string, fill = id.charCodeAt(0)): EncryptionKey => ({ id, key: new Uint8Array(32).fill(fill) });
const values = [1, "two", { three: [3, new Date(3)] }, null];
const blobs = [new Uint8Array(), Uint8Array.of(1, 2, 3), new Uint8Array(5000)];

checkLaws("text()", {
  codec: text(),
  values: ["", "☃ é", "\uFEFFkept", "\u0000", "\uFFFD", "a".repeat(100_000)],
  refused: [1, null, undefined, "\uD800", Uint8Array.of(65), ["a"]],
  corrupt: [Uint8Array.of(0xff), Uint8Array.of(0xed, 0xa0, 0x80), Uint8Array.of(65, 0xc3)],
  deterministic: true,
});

checkLaws("bytes()", {
  codec: bytes(),
  values: blobs,
  refused: ["text", [1], null, undefined, new ArrayBuffer(1), Int8Array.of(1)],
  deterministic: true,
});

checkLaws("chain(json(), gzip()): CT-62, CT-63", {
  codec: chain(json(), gzip({ level: 9 })),
  values,
  refused: [() => 1],
  corrupt: [Uint8Array.of(1, 2), gzip().encode(new TextEncoder().encode("{ secret")) as Uint8Array],
  whole: true,
  deterministic: true,
});

checkLaws("chain(bytes(), deflate(), zstd())", {
  codec: chain(bytes(), deflate(), zstd()),
  values: blobs,
  whole: true,
});
checkLaws("chain(gzip(), encrypted())", { codec: chain(gzip(), encrypted([key("a")])), values: blobs, whole: true });
checkLaws("encrypted()", {
  codec: encrypted([key("new"), key("old")]),
  values: blobs,
  refused: ["text", null, [1]],
  corrupt: [new Uint8Array(), new Uint8Array(100), new TextEncoder().encode("secret token, not encrypted, ".repeat(3))],
  whole: true,
});

test("bytes() gives plain bytes for a class of the platform's own", async () => {
  class Chunk extends Uint8Array {}
  const chunk = new Chunk([1, 2, 3]);
  for (const plain of [await bytes().encode(chunk), await bytes().decode(chunk)]) {
    assertStrictEquals(Object.getPrototypeOf(plain), Uint8Array.prototype);
    assertStrictEquals(plain.buffer, chunk.buffer);
  }
});

test("chain() names its parts: CT-60", () => {
  const { name, extension, contentType, contentEncoding } = chain(json(), deflate(), gzip());
  assertEquals([name, extension, contentType, contentEncoding], [
    "json+deflate+gzip",
    ".json.zz.gz",
    "application/json",
    "deflate, gzip",
  ]);
  assertEquals(chain(bytes(), gzip()).extension, ".gz");
  assertEquals(chain(text()).name, "text");
  assertEquals(chain(json(), encrypted([key("a")])).contentEncoding, undefined);
});

test("chain() encodes from left to right and decodes from right to left: CT-62, CT-63", () => {
  const codec = chain(json(), gzip());
  const raw = codec.encode({ a: 1 }) as Uint8Array;
  assert(raw instanceof Uint8Array, "all parts answer at once");
  assertEquals(new TextDecoder().decode(gzip().decode(raw) as Uint8Array), '{"a":1}');
  assertEquals(codec.decode(raw), { a: 1 });
});

test("chain() streams the bytes inside of its compressions", async () => {
  const { streams } = chain(json(), deflate(), gzip());
  const raw = await chain(json(), deflate(), gzip()).encode({ a: 1 });
  const stream = new Response(raw as BufferSource).body!.pipeThrough(streams!.decode());
  assertEquals(await new Response(stream).text(), '{"a":1}');
});

test("chain() and encrypted() refuse to stream what would leave them unencrypted", () => {
  const quiet: Codec<Uint8Array, Uint8Array> = { name: "quiet", encode: (raw) => raw, decode: (raw) => raw };
  const ring = [key("a")];
  for (
    const codec of [
      encrypted(ring),
      chain(json(), gzip(), encrypted(ring)),
      chain(encrypted(ring), gzip()),
      chain(json(), quiet),
    ]
  ) {
    for (const use of [() => codec.streams!.encode(), () => codec.streams!.decode()]) {
      assertEquals(assertThrows(use, StoreError).code, "unsupported");
    }
  }
});

test("encrypted() reads with every key of its ring, and writes with the first", async () => {
  const old = await encrypted([key("old")]).encode(blobs[1]!);
  const ring = encrypted([key("new"), key("old")]);
  assertEquals(await ring.decode(old), blobs[1]);
  const error = await assertRejects(
    async () => await encrypted([key("old")]).decode(await ring.encode(blobs[1]!)),
    StoreError,
  );
  assertEquals(error.code, "denied");
  await assertRejects(async () => await encrypted([key("old", 9)]).decode(old));
});

test("encrypted() notices every changed bit and never writes the same twice", async () => {
  const ring = encrypted([key("a"), key("b")]);
  const raw = await ring.encode(blobs[1]!);
  assertNotEquals(raw, await ring.encode(blobs[1]!));
  for (let at = 0; at < raw.length; at++) {
    const changed = raw.slice();
    changed[at]! ^= 3;
    await assertRejects(async () => await ring.decode(changed));
  }
});

test("encrypted() takes keys of WebCrypto, and refuses a ring without use", async () => {
  const held = await crypto.subtle.importKey("raw", new Uint8Array(32).fill(97), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
  const raw = await encrypted([{ id: "a", key: held }]).encode(blobs[1]!);
  assertEquals(await encrypted([key("a")]).decode(raw), blobs[1]);
  const short = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["encrypt"]);
  for (
    const ring of [
      [],
      undefined,
      [key("a"), key("a")],
      [{ id: "", key: new Uint8Array(32) }],
      [{ id: "x".repeat(256), key: new Uint8Array(32) }],
      [{ id: "a", key: new Uint8Array(31) }],
      [{ id: "a", key: short }],
      [{ id: "a", key: "secret" }],
      [{ id: "a" }],
    ]
  ) {
    const { message } = assertThrows(() => encrypted(ring as EncryptionKey[]), TypeError);
    assert(!message.includes("secret"));
  }
});

interface User {
  readonly name: string;
}

const schema = (isAsync: boolean): StandardSchema<User> => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value) {
      const { name } = (value ?? {}) as { name?: unknown };
      const result = typeof name === "string" && name.length < 10
        ? { value: { name } }
        : { issues: [{ message: `expected a short string, received "${name}"`, path: ["name"] }] };
      return isAsync ? Promise.resolve(result) : result;
    },
  },
});

for (const isAsync of [false, true]) {
  const codec: Codec<User, Uint8Array> = validated(schema(isAsync), json(), {});
  checkLaws(`validated() by ${isAsync ? "an asynchronous" : "a synchronous"} schema`, {
    codec,
    values: [{ name: "Ada" }],
    refused: [null, {}, { name: 1 }, { name: "much too long" }],
    corrupt: [new TextEncoder().encode('{"name":"secret-token"}'), new TextEncoder().encode("1")],
    deterministic: true,
  });

  test(`validated() names path and message, not the value (${isAsync ? "asynchronous" : "synchronous"})`, async () => {
    const error = await assertRejects(async () => await codec.encode({ name: "secret-token" }), TypeError);
    assertEquals(error.message, 'Cannot encode json: $.name: expected a short string, received "…"');
  });

  test(`validated({ upgrade }) reads old shapes (${isAsync ? "asynchronous" : "synchronous"})`, async () => {
    const upgrade = (old: unknown) => ({ name: (old as { first: string }).first });
    const newer = validated(schema(isAsync), json(), { upgrade });
    assertEquals(await newer.decode(await json().encode({ first: "Ada" })), { name: "Ada" });
    await assertRejects(async () => await newer.decode(await json().encode({ first: 1 })), TypeError);
    await assertRejects(async () => await newer.encode({ first: "Ada" } as never), TypeError);
  });
}

test("validated() is what its codec is outside, and refuses what is no schema", () => {
  const codec = validated(schema(false), chain(json(), gzip()));
  assertEquals([codec.name, codec.extension, codec.contentEncoding], ["json+gzip", ".json.gz", "gzip"]);
  assert(codec.encode({ name: "Ada" }) instanceof Uint8Array);
  assertThrows(() => validated({} as StandardSchema, json()), TypeError, "Standard Schema");
  assertThrows(() => validated(schema(false), json(), { migrate: 1 } as ValidatedOptions), TypeError, "migrate");
});
