import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { json } from "../../src/codecs/json.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { text } from "../../src/codecs/text.ts";
import { codecLaws, codecLawsFor, type CodecSubject } from "../../src/testing/codec_laws.ts";

const blobs = [Uint8Array.of(1, 2, 3), new Uint8Array(300)];

/** The laws that a codec breaks, by a word of their titles. */
async function broken(subject: CodecSubject): Promise<string[]> {
  const titles: string[] = [];
  for (const law of codecLawsFor(subject)) await law.run(subject).catch(() => titles.push(law.title));
  return titles;
}

test("codecLawsFor() leaves out what is not claimed", () => {
  const titles = codecLawsFor({ codec: json(), values: [1] }).map(({ title }) => title);
  assertEquals(titles.length, codecLaws.filter(({ needs }) => !needs).length);
  assertEquals(new Set(codecLaws.map(({ title }) => title)).size, codecLaws.length);
});

test("codecLaws find what a wrong codec does", async () => {
  let count = 0;
  const wrong: Record<string, CodecSubject> = {
    "has a name": { codec: { ...json(), name: "" }, values: [1] },
    "has a name,": { codec: { ...json(), extension: "json" }, values: [1] },
    "comes back equal": { codec: { ...json(), decode: () => 2 }, values: [1] },
    "leaves its value": {
      codec: { ...json(), encode: (value) => json().encode((value as number[]).sort()) },
      // The laws before this one have changed theirs.
      get values() {
        return [[2, 1]];
      },
    },
    "leaves its bytes": { codec: { ...text(), decode: (raw) => text().decode(raw.reverse()) }, values: ["aba!"] },
    "stay apart": {
      codec: { ...json(), encode: async (value) => (await null, json().encode(count++ > 10 ? 0 : value)) },
      values: [1],
    },
    "equal bytes": {
      codec: { ...json(), encode: (value) => json({ indent: count++ % 2 }).encode(value) },
      values: [[1]],
      deterministic: true,
    },
    "refused": { codec: json(), values: [1], refused: [new Date()] },
    "not quoted": {
      codec: {
        ...json(),
        decode(raw) {
          const text = new TextDecoder().decode(raw);
          if (text.length > 1) throw new Error("not JSON", { cause: `Unexpected token in "${text}"` });
          return JSON.parse(text);
        },
      },
      values: [1],
      corrupt: [new TextEncoder().encode("secret token")],
    },
    "end early": { codec: json(), values: [12], whole: true },
    "streams do": {
      codec: { ...gzip(), streams: { encode: gzip().streams!.encode, decode: () => new TransformStream() } },
      values: blobs,
    },
  };
  for (const [law, subject] of Object.entries(wrong)) {
    const titles = await broken(subject);
    assert(
      titles.some((title) => title.includes(law)),
      `"${law}" was not found, but ${titles.join("; ") || "nothing"}`,
    );
  }
});

test("codecLaws need values to judge by", async () => {
  await assertRejects(() => codecLaws[1]!.run({ codec: json(), values: [] }), Error, "there are no values");
});
