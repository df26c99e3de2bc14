import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { fromText, toText } from "../../../src/backends/redis/text_values.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("values as text", () => {
  test("UTF-8 is stored as the text that it is, also a byte order mark and NUL", () => {
    for (const text of ["", "123", "true", '{"a":1}', "什么 ☃ 😀 \u0000", "\ufeffa", "\ufffd", "data:", "data:,a"]) {
      assertEquals(toText(utf8(text)), text);
      assertEquals(fromText(text).value, utf8(text));
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
      assertEquals(fromText(text), { value, expiresAt: undefined });
    }
  });

  test("a lifetime stands in front of readable text", () => {
    assertEquals(toText(utf8('{"a":1}'), 1767225600000), 'data:;expires=1767225600000,{"a":1}');
    for (const value of [utf8(""), utf8("a,b;c"), utf8("data:;base64,"), Uint8Array.of(255)]) {
      assertEquals(fromText(toText(value, 5)), { value, expiresAt: 5 });
    }
  });

  test("what follows the marker and is nothing known is refused", () => {
    for (const text of ["data:;", "data:;,a", "data:;base64", "data:;base64,!", "data:;expires=,a", "data:;other,a"]) {
      assertThrows(() => fromText(text));
    }
  });
});
