import fc from "fast-check";
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { brotli } from "../../src/codecs/brotli.ts";
import { deflate } from "../../src/codecs/deflate.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { zstd } from "../../src/codecs/zstd.ts";
import type { Codec } from "../../src/core/codec.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { codecLawsFor, type CodecSubject } from "../../src/testing/codec_laws.ts";

const repeated = (length: number) => Uint8Array.from({ length }, (_, i) => "every map ".charCodeAt(i % 10));
// No compression makes less of these.
const noise = (length: number) => {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = (state * 48271) % 2147483647) & 255);
};
const short = [new Uint8Array(), Uint8Array.of(0), repeated(10), repeated(63 * 1024), noise(1000)];
const long = [repeated(300 * 1024), noise(70 * 1024)];
const garbage = [
  new TextEncoder().encode("secret token, not compressed"),
  new Uint8Array(40),
  noise(200),
  new Uint8Array(),
];
const claims = { refused: ["text", [1], null, new ArrayBuffer(1)], corrupt: garbage, whole: true, deterministic: true };

const codecs: Record<string, (options?: { level?: number; maxBytes?: number }) => Codec<Uint8Array, Uint8Array>> = {
  gzip,
  deflate,
  brotli,
  zstd,
};

function checkLaws(title: string, subject: CodecSubject, around = (run: () => Promise<void>) => run()): void {
  describe(title, () => {
    for (const law of codecLawsFor(subject)) test(law.title, () => around(() => law.run(subject)));
  });
}

for (const [name, make] of Object.entries(codecs)) {
  checkLaws(`${name}(): CT-64`, { codec: make(), values: short, ...claims });
  checkLaws(`${name}() of long values`, { codec: make({ level: 1 }), values: long, deterministic: true });

  test(`${name}() answers at once below 64 KiB, and by a thread above`, () => {
    assert(make().encode(repeated(1000)) instanceof Uint8Array);
    const encoded = make().encode(repeated(63 * 1024));
    assert(make().decode(encoded as Uint8Array) instanceof Uint8Array);
    assert(make().encode(repeated(64 * 1024)) instanceof Promise);
  });

  test(`${name}() rejects long bytes that were cut off, changed or go on`, async () => {
    const raw = await make().encode(noise(80 * 1024));
    const changed = raw.slice(0, name === "brotli" ? -7 : undefined);
    changed[changed.length - 10]! ^= 1;
    for (
      const bad of [
        raw.slice(0, -1),
        raw.slice(0, 70_000),
        Uint8Array.of(...raw, 0),
        Uint8Array.of(9, 9, ...raw),
        changed,
      ]
    ) {
      await assertRejects(async () => await make().decode(bad));
    }
  });

  test(`${name}() notices damage, except Brotli, which has no checksum`, async () => {
    const bytes = noise(500);
    const raw = await make().encode(bytes);
    let missed = 0;
    for (let at = 0; at < raw.length; at++) {
      const damaged = raw.slice();
      damaged[at]! ^= 0x10;
      try {
        const decoded = await make().decode(damaged);
        if (decoded.length !== 500 || decoded.some((byte, i) => byte !== bytes[i])) missed++;
      } catch {
        // Noticed.
      }
    }
    if (name === "brotli") assertLess(missed, raw.length);
    else assertEquals(missed, 0);
  });

  test(`${name}({ maxBytes }) stops a bomb with too-large`, async () => {
    for (const size of [50 * 1024, 5 * 1024 * 1024]) {
      const raw = await make().encode(new Uint8Array(size));
      const isTooLarge = (error: unknown) => error instanceof StoreError && error.code === "too-large";
      for (const maxBytes of [0, 1, size - 1]) {
        const error = await assertRejects(async () => await make({ maxBytes }).decode(raw));
        assert(isTooLarge(error), `${error}`);
      }
      assertEquals((await make({ maxBytes: size }).decode(raw)).length, size);
      const stream = new Response(raw as BufferSource).body!.pipeThrough(make({ maxBytes: 1000 }).streams!.decode());
      assert(isTooLarge(await assertRejects(() => new Response(stream).arrayBuffer())));
    }
  });

  test(`${name}() outlives a reader that stops early`, async () => {
    for (const way of ["encode", "decode"] as const) {
      const input = way === "decode" ? await make().encode(noise(60_000)) : noise(60_000);
      const { readable, writable } = make().streams![way]();
      const writer = writable.getWriter();
      const reader = readable.getReader();
      const written = Promise.allSettled([writer.write(input), writer.close()]);
      if (way === "decode") assertLess(0, (await reader.read()).value!.length);
      await reader.cancel("enough");
      assertEquals((await written).length, 2);
      assert((await reader.read()).done);
    }
  });

  test(`${name}() keeps no more memory than its bytes`, async () => {
    for (const bytes of [await make().encode(repeated(100)), await make().decode(await make().encode(repeated(100)))]) {
      assertEquals(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      assert(bytes.buffer.byteLength <= 2 * bytes.length);
    }
  });

  test(`${name}() refuses a level out of its range, a bad limit and unknown options`, () => {
    for (const level of [-1, 23, 1.5, NaN]) assertThrows(() => make({ level }), RangeError, "level");
    for (const maxBytes of [-1, NaN]) assertThrows(() => make({ maxBytes }), RangeError, "maxBytes");
    assertThrows(() => make({ quality: 1 } as never), TypeError, "quality");
  });

  test(`${name}() makes less of more effort`, async () => {
    const bytes = new TextEncoder().encode(Array.from({ length: 2000 }, (_, i) => `${i * i},`).join(""));
    const [low, high] = await Promise.all([1, name === "zstd" ? 19 : 9].map((level) => make({ level }).encode(bytes)));
    assertLess(high!.length, low!.length);
  });
}

/** Runs something as if the platform had none of these. */
async function without(names: readonly string[], run: () => Promise<void>): Promise<void> {
  const globals = globalThis as unknown as Record<string, unknown>;
  const { getBuiltinModule } = process;
  const kept = names.map((name) => [name, globals[name]] as const);
  process.getBuiltinModule = (() => undefined) as unknown as typeof getBuiltinModule;
  for (const name of names) globals[name] = undefined;
  try {
    await run();
  } finally {
    process.getBuiltinModule = getBuiltinModule;
    for (const [name, value] of kept) globals[name] = value;
  }
}

const streams = ["CompressionStream", "DecompressionStream"];
for (const make of [gzip, deflate]) {
  const portable = { values: [...short, ...long], ...claims };
  const { name } = make();
  checkLaws(`${name}() without node:zlib`, { codec: make(), ...portable }, (run) => without([], run));
  checkLaws(
    `${name}({ level }) without node:zlib`,
    { codec: make({ level: 1 }), ...portable },
    (run) => without([], run),
  );
  checkLaws(`${name}() without node:zlib and streams`, { codec: make(), ...portable }, (run) => without(streams, run));

  test(`${name}() reads on one platform what it wrote on another`, async () => {
    const bytes = repeated(5000);
    const native = await make().encode(bytes);
    for (const names of [[], streams]) {
      await without(names, async () => {
        assertEquals(await make().decode(native), bytes);
      });
      for (const level of [undefined, 9]) {
        let raw = new Uint8Array();
        await without(names, async () => {
          raw = new Uint8Array(await make(level === undefined ? {} : { level }).encode(bytes));
        });
        assertEquals(await make().decode(raw), bytes);
      }
    }
  });

  test(`${name}({ maxBytes }) stops a bomb without node:zlib too`, async () => {
    const bomb = await make().encode(new Uint8Array(1024 * 1024));
    for (const names of [[], streams]) {
      await without(names, async () => {
        const error = await assertRejects(async () => await make({ maxBytes: 1000 }).decode(bomb), StoreError);
        assertEquals(error.code, "too-large");
      });
    }
  });
}

for (const make of [brotli, zstd]) {
  test(`${make().name}() is unsupported where there is no node:zlib`, async () => {
    await without([], async () => {
      const { encode, decode, streams } = make();
      const uses = [
        () => encode(repeated(1)),
        () => decode(repeated(1)),
        () => streams!.encode(),
        () => streams!.decode(),
      ];
      for (const use of uses) {
        const error = await assertRejects(async () => await use(), StoreError);
        assertEquals(error.code, "unsupported");
      }
    });
  });
}

const starts = [
  [0x1f, 0x8b],
  [0x1f, 0x8b, 8, 0],
  [0x78, 0x9c],
  [0x78, 0x5e],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x50, 0x2a, 0x4d, 0x18],
  [0x5f, 0x2a, 0x4d, 0x18],
];
for (const make of [gzip, deflate, zstd]) {
  const { name } = make();
  const isOwn = (bytes: Uint8Array) => {
    const [a = 0, b = -1, c, d] = bytes;
    if (name === "gzip") return a === 0x1f && b === 0x8b;
    if (name === "deflate") return (a & 15) === 8 && a >> 4 <= 7 && b >= 0 && (a * 256 + b) % 31 === 0;
    return (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) ||
      (a >> 4 === 5 && b === 0x2a && c === 0x4d && d === 0x18);
  };

  checkLaws(`${name}({ minBytes })`, {
    codec: make({ minBytes: 100 }),
    values: [...short, ...long, ...starts.map((start) => Uint8Array.from(start))],
    refused: claims.refused,
    deterministic: true,
  });

  test(`${name}({ minBytes }) keeps raw what is shorter and does not begin as its own, and reads all of it`, async () => {
    const nested = await Promise.all([gzip(), deflate(), zstd()].map((codec) => codec.encode(repeated(50))));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 30 }))
        .map(([start, rest]) => Uint8Array.of(...start, ...rest)),
      fc.constantFrom(...nested),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom(0, 1, 2, 3, 4, 5, 64, Infinity), async (bytes, minBytes) => {
        const codec = make({ minBytes });
        const raw = await codec.encode(bytes);
        if (bytes.length < minBytes && !isOwn(bytes)) assertEquals(raw, bytes);
        else assert(isOwn(raw));
        assertEquals(await codec.decode(raw), bytes);
        // Another minBytes is another choice when writing, not when reading.
        assertEquals(await make({ minBytes: 1 }).decode(raw), bytes);
      }),
      { numRuns: 200 },
    );
  });

  test(`${name}() without minBytes reads nothing raw`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 50 }), async (bytes) => {
        await assertRejects(async () => await make().decode(bytes));
      }),
    );
    assertEquals(make().contentEncoding, name);
    assertEquals(make({ minBytes: 0 }).contentEncoding, name);
    assertEquals(make({ minBytes: 1 }).contentEncoding, undefined);
  });

  test(`${name}({ minBytes }) does not read streams that were cut off`, async () => {
    const raw = await make().encode(repeated(500));
    for (const end of [-1, -5]) {
      const cut = new Response(raw.slice(0, end) as BufferSource).body!;
      const stream = cut.pipeThrough(make({ minBytes: 10 }).streams!.decode());
      await assertRejects(() => new Response(stream).arrayBuffer());
    }
  });
}

test("zstd({ minBytes }) reads raw values where there is no node:zlib, and names itself for the others", async () => {
  const packed = await zstd().encode(repeated(100));
  await without([], async () => {
    const codec = zstd({ minBytes: 100 });
    assertEquals(await codec.decode(await codec.encode(repeated(99))), repeated(99));
    for (const use of [() => codec.decode(packed), () => codec.encode(repeated(100))]) {
      const error = await assertRejects(async () => await use(), StoreError, "zstd");
      assertEquals(error.code, "unsupported");
    }
  });
});

test("brotli() does not take minBytes, as nothing tells its bytes from others", () => {
  assertThrows(() => brotli({ minBytes: 10 } as never), TypeError, "minBytes");
});
