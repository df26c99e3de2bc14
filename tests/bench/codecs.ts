/**
 * What codecs cost beside what they stand on: `node:zlib` and fflate, `JSON` with `TextEncoder`.
 *
 * @module
 */

import { gunzipSync, gzipSync } from "fflate";
import zlib from "node:zlib";
import { gzip } from "../../src/codecs/gzip.ts";
import { json } from "../../src/codecs/json.ts";
import { zstd } from "../../src/codecs/zstd.ts";
import type { Codec } from "../../src/core/codec.ts";
import { compare as compareFor, machine } from "./harness.ts";
import type { Contender } from "./harness.ts";

// Compilers take their time with short calls.
const compare = (
  title: string,
  contenders: Readonly<Record<string, Contender>>,
) => compareFor(title, contenders, { rounds: 15, warmups: 5 });

const TOTAL_BYTES = 4 * 1024 * 1024;

const users = (count: number) =>
  Array.from({ length: count }, (_, id) => ({
    id,
    name: `User ${id * 7919}`,
    email: `user${id * 31}@example.com`,
    score: id / 3,
    tags: ["reader", id % 2 ? "writer" : "editor"],
    active: id % 3 === 0,
  }));

/** JSON text of exactly this length. */
function textBytes(length: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(users(Math.ceil(length / 90))))
    .slice(0, length);
}

function repeat(times: number, run: () => unknown): () => number {
  return () => {
    for (let i = 0; i < times; i++) run();
    return times;
  };
}

console.log(machine());

for (const size of [1, 16, 63].map((kib) => kib * 1024)) {
  const bytes = textBytes(size);
  const times = Math.ceil(TOTAL_BYTES / size / 2);
  const rows: [
    string,
    Codec<Uint8Array, Uint8Array>,
    (bytes: Uint8Array) => Uint8Array,
    (bytes: Uint8Array) => Uint8Array,
  ][] = [
    ["gzip", gzip(), zlib.gzipSync, zlib.gunzipSync],
    ["zstd", zstd(), zlib.zstdCompressSync, zlib.zstdDecompressSync],
  ];
  for (const [name, codec, compress, decompress] of rows) {
    const packed = compress(bytes);
    const isGzip = name === "gzip";
    await compare(`${name} encode, ${size} bytes`, {
      "node:zlib sync": repeat(times, () => compress(bytes)),
      "everymap": repeat(times, () => codec.encode(bytes)),
      ...isGzip ? { fflate: repeat(times, () => gzipSync(bytes)) } : {},
    });
    await compare(`${name} decode, ${size} bytes`, {
      "node:zlib sync": repeat(times, () => decompress(packed)),
      "everymap": repeat(times, () => codec.decode(packed)),
      ...isGzip ? { fflate: repeat(times, () => gunzipSync(packed)) } : {},
    });
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const documents = {
  "one user": users(1)[0],
  "100 users": users(100),
  "1000 numbers": users(1000).map(({ score }) => score),
};
for (const [name, value] of Object.entries(documents)) {
  const codec = json();
  const raw = encoder.encode(JSON.stringify(value));
  const times = Math.ceil(TOTAL_BYTES / raw.length / 2);
  await compare(`json encode, ${name}, ${raw.length} bytes`, {
    "JSON.stringify": repeat(
      times,
      () => encoder.encode(JSON.stringify(value)),
    ),
    "everymap": repeat(times, () => codec.encode(value)),
  });
  await compare(`json decode, ${name}, ${raw.length} bytes`, {
    "JSON.parse": repeat(times, () => JSON.parse(decoder.decode(raw))),
    "everymap": repeat(times, () => codec.decode(raw)),
  });
}
