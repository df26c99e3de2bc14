import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { disk } from "../../src/backends/disk.ts";
import { memory } from "../../src/backends/memory.ts";
import { text } from "../../src/codecs/text.ts";
import type { Backend } from "../../src/core/backend.ts";
import type { Codec } from "../../src/core/codec.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { counted } from "../support/backends.ts";

const utf8: Codec<string> = {
  name: "utf8",
  extension: ".txt",
  encode: (text) => new TextEncoder().encode(text),
  decode: (raw) => new TextDecoder("utf-8", { fatal: true }).decode(raw),
};

/** A codec that takes as many turns as the text says: `3:abc`. */
const slow: Codec<string> = {
  ...utf8,
  name: "slow",
  encode: async (text) => {
    for (let turns = Number.parseInt(text); turns > 0; turns--) await null;
    return await utf8.encode(text);
  },
  decode: async (raw) => await utf8.decode(raw),
};

/** A place for streams. */
function streaming(): Backend<Uint8Array> & { readonly written: Map<string, Uint8Array>; readonly aborted: unknown[] } {
  const written = new Map<string, Uint8Array>();
  const aborted: unknown[] = [];
  const inner = memory<Uint8Array>({ map: written });
  return {
    written,
    aborted,
    name: "streaming",
    supports: { ...inner.supports, stream: true, revision: false },
    read: (key) => inner.read(key),
    write: (key, value) => inner.write(key, value),
    remove: (key) => inner.remove(key),
    list: (options) => inner.list(options),
    readable: (key) => {
      const bytes = written.get(key);
      return bytes && new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
    },
    writable: (key) => {
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      return new WritableStream({
        write: (chunk) => void chunks.push(chunk.slice()),
        close: async () => void written.set(key, new Uint8Array(await new Blob(chunks).arrayBuffer())),
        abort: (reason) => void aborted.push(reason),
      });
    },
  };
}

/** Each byte plus one, as streams too. */
const plusOne: Codec<Uint8Array> = {
  name: "plus one",
  encode: (bytes) => bytes.map((byte) => byte + 1),
  decode: (bytes) => bytes.map((byte) => byte - 1),
  streams: {
    encode: () => new TransformStream({ transform: (chunk, out) => out.enqueue(chunk.map((byte) => byte + 1)) }),
    decode: () => new TransformStream({ transform: (chunk, out) => out.enqueue(chunk.map((byte) => byte - 1)) }),
  },
};

describe("encoded", () => {
  test("values go through the codec, everything else stays", async () => {
    const inner = memory<Uint8Array>();
    const store = new Store(encoded(inner, utf8));
    await store.set("a", "ä", { ttl: 1000 });
    assertEquals(inner.readSync!("a"), new Uint8Array([0xc3, 0xa4]));
    const entry = await store.entry("a");
    assertStrictEquals(entry?.value, "ä");
    assert(entry.version !== undefined && entry.expiresAt !== undefined);
    assert(await store.replace("a", "b", { version: entry.version }));
    assertStrictEquals(await store.take("a"), "b");
  });

  test("writes of one key that are not awaited arrive in the order of the calls", async () => {
    const inner = memory<Uint8Array>();
    const store = new Store(encoded(inner, slow));
    const writes = ["9:first", "5:second", "1:third", "0:fourth"].map((text) => store.set("a", text));
    const other = store.set("b", "0:other");
    await other;
    assertStrictEquals(inner.readSync!("a"), undefined);
    await Promise.all(writes);
    assertStrictEquals(await store.get("a"), "0:fourth");
  });

  test("a value that the codec refuses is not written, and holds up nothing", async () => {
    const picky: Codec<string> = {
      ...slow,
      encode: async (text) => {
        if (text.includes("bad")) throw new TypeError("bad");
        return await slow.encode(text);
      },
    };
    const store = new Store(encoded(counted(memory<Uint8Array>()).backend, picky));
    await store.set("a", "0:old");
    const refused = assertRejects(() => store.set("a", "9:bad"), TypeError, "bad");
    const written = store.set("a", "1:new");
    await Promise.all([refused, written]);
    assertStrictEquals(await store.get("a"), "1:new");
    await assertRejects(() => store.setMany([["a", "1:x"], ["b", "bad"]]), TypeError, "bad");
    assertEquals(await Array.fromAsync(store), [["a", "1:new"]]);
  });

  test("bytes that the codec did not write are corrupt, whatever the way to them, and stay", async () => {
    const broken = new Uint8Array([0xff]);
    for (const codec of [utf8, slow]) {
      const { backend } = counted(memory({ map: new Map([["a", broken]]) }));
      const store = new Store(encoded(backend, codec));
      for (
        const read of [
          () => store.get("a"),
          () => store.entry("a"),
          () => store.getMany(["a"]),
          () => Array.fromAsync(store),
        ]
      ) {
        const error = await assertRejects(read, StoreError, `not ${codec.name}`);
        assertEquals([error.code, error.key, error.retryable], ["corrupt", "a", false]);
        assert(error.cause instanceof TypeError);
      }
      assert(await store.has("a"));
      assertEquals((await backend.read("a"))?.value, broken);
    }
  });

  test("a StoreError of the codec stays what it is", async () => {
    const mine = new StoreError("unsupported", { store: "codec", operation: "read" });
    const failing: Codec<string> = { ...utf8, decode: () => Promise.reject(mine) };
    const store = new Store(encoded(memory({ map: new Map([["a", new Uint8Array()]]) }), failing));
    assertStrictEquals(await assertRejects(() => store.get("a")), mine);
  });

  test("batches reach the inner backend as one call", async () => {
    const { backend, calls } = counted(memory<Uint8Array>());
    const store = new Store(encoded(backend, slow));
    await store.setMany([["a", "3:a"], ["b", "0:b"]]);
    assertEquals([...await store.getMany(["b", "a"])], [["b", "0:b"], ["a", "3:a"]]);
    await store.deleteMany(["a", "b"]);
    assertEquals(calls, ["writeMany", "readMany", "removeMany"]);
  });

  test("a place that answers values alone is asked for those, unless more is wanted", async () => {
    const map = new Map([["a", "0:a"], ["bad", ""], ["c", "2:c"]].map(([key, text]) => [key!, utf8.encode(text!)]));
    map.set("bad", new Uint8Array([0xff]));
    const { backend, calls } = counted(memory<Uint8Array>({ map: map as Map<string, Uint8Array> }));
    const place: Backend<Uint8Array> = {
      ...backend,
      readValues: async (keys) => {
        calls.push("readValues");
        return (await Promise.all(keys.map((key) => backend.read(key)))).map((entry) => entry?.value);
      },
    };
    for (const codec of [utf8, slow]) {
      calls.length = 0;
      const store = new Store(encoded(place, codec));
      assertEquals([...await store.getMany(["c", "none", "a"])], [["c", "2:c"], ["a", "0:a"]]);
      assertEquals(calls.filter((call) => call !== "read"), ["readValues"]);
      const error = await assertRejects(() => store.getMany(["a", "bad"]), StoreError, `not ${codec.name}`);
      assertEquals([error.code, error.key], ["corrupt", "bad"]);
      const lenient = encoded(place, codec, { onDecodeError: "miss" });
      assertEquals([...await new Store(lenient).getMany(["a", "bad"])], [["a", "0:a"]]);
      calls.length = 0;
      assertEquals([...(await lenient.readMany!(["a", "bad"], { details: true })).keys()], ["a"]);
      assert(!calls.includes("readValues"));
      const older = encoded(place, { ...codec, decode: () => Promise.reject(new Error()) }, { olderCodecs: [utf8] });
      assertEquals([...await new Store(older).getMany(["a", "c"])], [["a", "0:a"], ["c", "2:c"]]);
    }
  });

  test("the inner backend is asked for the codec's format", () => {
    const formats: unknown[] = [];
    const inner: Backend<Uint8Array> = {
      ...streaming(),
      withFormat: (format) => {
        formats.push(format.extension);
        return memory<Uint8Array>();
      },
    };
    assertStrictEquals(encoded(inner, utf8).name, "memory");
    assertEquals(formats, [".txt"]);
  });

  test("streams carry what the codec from bytes to bytes makes of them", async () => {
    const place = streaming();
    const store = new Store(encoded(place, plusOne));
    const writer = (await store.writable("a")).getWriter();
    await writer.write(new Uint8Array([1, 2]));
    await writer.write(new Uint8Array([3]));
    assertEquals(place.written.size, 0);
    await writer.close();
    // The entry is there when close() has resolved.
    assertEquals(place.written.get("a"), new Uint8Array([2, 3, 4]));
    const bytes = await new Response(await store.readable("a")).arrayBuffer();
    assertEquals(new Uint8Array(bytes), new Uint8Array([1, 2, 3]));
    assertEquals(await store.get("a"), new Uint8Array([1, 2, 3]));
    assertStrictEquals(await store.readable("absent"), undefined);
  });

  test("a stream that is aborted writes nothing, and the place hears of it", async () => {
    const place = streaming();
    const store = new Store(encoded(place, plusOne));
    const writer = (await store.writable("a")).getWriter();
    await writer.write(new Uint8Array([1]));
    const reason = new Error("enough");
    await writer.abort(reason);
    for (let turns = 0; turns < 20 && place.aborted.length === 0; turns++) {
      await new Promise((wake) => setTimeout(wake));
    }
    assertEquals(place.aborted, [reason]);
    assertEquals(place.written.size, 0);
  });

  test("a stream of a codec that has none carries the bytes as they are", async () => {
    const place = streaming();
    const store = new Store(encoded(place, utf8));
    const writer = (await store.writable("a")).getWriter();
    await writer.write(new TextEncoder().encode("plain"));
    await writer.close();
    assertStrictEquals(await store.get("a"), "plain");
    assertStrictEquals(await new Response(await store.readable("a")).text(), "plain");
  });

  test("an error of the place while a stream is closed reaches close()", async () => {
    const place: Backend<Uint8Array> = {
      ...streaming(),
      writable: () => new WritableStream({ close: () => Promise.reject(new Error("disk full")) }),
    };
    const writer = (await new Store(encoded(place, plusOne)).writable("a")).getWriter();
    await writer.write(new Uint8Array([1]));
    await assertRejects(() => writer.close(), Error, "disk full");
  });

  test("an abort goes through to the inner backend", async () => {
    const signals: unknown[] = [];
    const inner = memory<Uint8Array>();
    const place: Backend<Uint8Array> = {
      ...streaming(),
      read: (key, options) => {
        signals.push(options?.signal);
        return inner.read(key);
      },
    };
    const { signal } = new AbortController();
    await new Store(encoded(place, utf8)).get("a", { signal });
    assertEquals(signals, [signal]);
  });
});

test("a store over encoded bytes needs no codec, and takes none", async () => {
  const files = disk("/", { fileSystem: new MemoryFileSystem() });
  const store = new Store(encoded(prefixed(files, "a/"), text()));
  await store.set("b", "c");
  assertEquals(await store.get("b"), "c");
  assertThrows(() => new Store(encoded(files, text()), { codec: text() } as object), TypeError, "has no use for");
});

test("setMany() over a place without batches writes nothing if a codec refuses one of the values", async () => {
  const store = new Store(encoded(memory<Uint8Array>(), text()));
  await assertRejects(() => store.setMany([["a", "b"], ["c", 5 as unknown as string]]), TypeError);
  assertEquals(await store.size, 0);
});
