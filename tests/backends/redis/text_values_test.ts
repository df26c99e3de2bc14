import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { fromText, splitLifetime, textCodec, toText, withLifetime } from "../../../src/backends/redis/text_values.ts";
import { gzip } from "../../../src/codecs/gzip.ts";
import { json } from "../../../src/codecs/json.ts";
import { text } from "../../../src/codecs/text.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("values as text", () => {
  test("UTF-8 is stored as the text that it is, also a byte order mark and NUL", () => {
    for (const text of ["", "123", "true", '{"a":1}', "什么 ☃ 😀 \u0000", "\ufeffa", "\ufffd", "data:", "data:,a"]) {
      assertEquals(toText(utf8(text)), text);
      assertEquals(fromText(text), utf8(text));
    }
  });

  test("other bytes, and text that starts with the marker, come back exactly", () => {
    const values = [
      [0, 128, 255],
      [0xee, 0x4d],
      [0xed, 0xa0, 0x80],
      [0xc0, 0x80],
      [...utf8("data:;")],
      [...utf8("data:;base64,aGk=")],
      [...utf8("data:;expires=5,a")],
    ].map((bytes) => Uint8Array.from(bytes));
    for (const value of values) {
      const text = toText(value);
      assertEquals(text.startsWith("data:;base64,"), true, text);
      assertEquals(fromText(text), value);
    }
  });

  test("a lifetime stands in front of readable text", () => {
    assertEquals(withLifetime('{"a":1}', 1767225600000), 'data:;expires=1767225600000,{"a":1}');
    for (const value of ["", "a,b;c", toText(utf8("data:;base64,")), toText(Uint8Array.of(255))]) {
      assertEquals(splitLifetime(withLifetime(value, 5)), { text: value, expiresAt: 5 });
      assertEquals(splitLifetime(value), { text: value });
    }
  });

  test("what follows the marker and is nothing known is refused", () => {
    for (const text of ["data:;", "data:;,a", "data:;base64", "data:;base64,!", "data:;expires=,a", "data:;other,a"]) {
      assertThrows(() => fromText(splitLifetime(text).text));
    }
  });

  test("a codec that knows text writes the same as by way of its bytes, and reads both", async () => {
    const values = ["", "a", "data:;", "data:;base64,aGk=", "☃"];
    for (const codec of [text(), json<string>()]) {
      const direct = textCodec(codec);
      for (const value of values) {
        const written = await direct.encode(value);
        assertEquals(written, toText(await codec.encode(value)));
        assertEquals(await direct.decode(written), value);
      }
    }
    assertThrows(() => textCodec(text()).encode("\ud800"), TypeError);
    const packed = textCodec(gzip());
    const bytes = new Uint8Array(1000);
    assertEquals(await packed.decode(await packed.encode(bytes)), bytes);
  });
});
