import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { json } from "../../src/codecs/json.ts";
import { structured } from "../../src/codecs/structured.ts";
import { BYTE_VIEWS, byteView } from "../../src/core/byte_views.ts";

for (
  const [title, codec] of [["json", json<ArrayBufferView>()], ["structured", structured<ArrayBufferView>()]] as const
) {
  test(`${title} keeps a view of each kind that there is here, and of no other`, async () => {
    for (const name of ["Uint8Array", ...BYTE_VIEWS]) {
      const View = byteView(name);
      if (!View) {
        await assertRejects(async () => await codec.decode(new TextEncoder().encode(`{"$${name}":""}`)), SyntaxError);
        continue;
      }
      const view = new View(new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]).buffer);
      const copy = await codec.decode(await codec.encode(view));
      assert(copy instanceof View, name);
      assertEquals([copy.byteLength, new Uint8Array(copy.buffer, copy.byteOffset)[5]], [8, 5], name);
    }
  });
}
