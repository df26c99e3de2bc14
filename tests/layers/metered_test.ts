import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { disk } from "../../src/backends/disk.ts";
import { memory } from "../../src/backends/memory.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError } from "../../src/core/store_error.ts";
import { type CallEvent, Meter, metered } from "../../src/layers/metered.ts";
import { MemoryFileSystem } from "../../src/platform/memory_file_system.ts";
import { counted } from "../support/backends.ts";

function observed(make: () => Backend<Uint8Array> = () => disk("/data", { fileSystem: new MemoryFileSystem() })) {
  const events: CallEvent[] = [];
  const meter = new Meter();
  const backend = metered(make(), (event) => {
    events.push(event);
    meter.record(event);
  });
  const short = () =>
    events.splice(0).map(({ operation, keys, hits, bytes, outcome, error }) =>
      [operation, keys, hits, bytes, outcome, ...error === undefined ? [] : [error]].join(" ")
    );
  return { backend, meter, short };
}

describe("metered", () => {
  test("bytes count in single calls, in batches and in what is taken", async () => {
    const { backend, meter, short } = observed(() => counted(memory<Uint8Array>()).backend);
    await backend.write("a", new Uint8Array(3));
    await backend.writeMany!(new Map([["b", new Uint8Array(4)], ["c", new Uint8Array(5)]]));
    await backend.readMany!(["a", "b", "absent"]);
    assertEquals(short(), ["write 1 0 3 ok", "write 2 0 9 ok", "read 3 2 7 miss"]);
    const files = observed();
    await files.backend.write("a", new Uint8Array(3));
    await files.backend.take!("a");
    assertEquals(files.short(), ["write 1 0 3 ok", "remove 1 1 3 hit"]);
    assertEquals([meter.bytesRead, meter.bytesWritten], [7, 12]);
    assertEquals([files.meter.bytesRead, files.meter.bytesWritten], [3, 3]);
  });

  test("a stream is one event, when it has ended, with the bytes that went through", async () => {
    const { backend, meter, short } = observed();
    assertStrictEquals(await backend.readable!("a"), undefined);
    assertEquals(short(), ["read 1 0 0 miss"]);
    const writer = (await backend.writable!("a")).getWriter();
    await writer.write(new Uint8Array(100_000));
    await writer.write(new Uint8Array(5));
    assertEquals(short(), []);
    await writer.close();
    assertEquals(short(), ["write 1 0 100005 ok"]);
    const stream = (await backend.readable!("a"))!;
    assertEquals(short(), []);
    assertStrictEquals((await new Response(stream).arrayBuffer()).byteLength, 100_005);
    assertEquals(short(), ["read 1 1 100005 hit"]);
    const { calls, hits, misses, errors, bytesRead, bytesWritten, milliseconds } = meter;
    assertEquals([calls, hits, misses, errors, bytesRead, bytesWritten], [3, 1, 1, 0, 100_005, 100_005]);
    assert(milliseconds >= 0);
  });

  test("a stream that is left counts what was read; nothing is read ahead", async () => {
    const { backend, short } = observed();
    await backend.write("a", new Uint8Array(200_000));
    short();
    await (await backend.readable!("a"))!.cancel();
    assertEquals(short(), ["read 1 1 0 hit"]);
    const reader = (await backend.readable!("a"))!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    assertEquals(short(), [`read 1 1 ${value!.byteLength} hit`]);
    assert(value!.byteLength < 200_000);
  });

  test("a stream that is aborted wrote nothing", async () => {
    const { backend, meter, short } = observed();
    const writer = (await backend.writable!("a")).getWriter();
    await writer.write(new Uint8Array(7));
    await writer.abort(new TypeError("mine"));
    assertEquals(short(), ["write 1 0 0 error TypeError"]);
    const controller = new AbortController();
    const aborted = (await backend.writable!("a", { signal: controller.signal })).getWriter();
    await aborted.write(new Uint8Array(7));
    const reason = new RangeError("mine too");
    controller.abort(reason);
    assertStrictEquals(await aborted.closed.catch((error) => error), reason);
    await assertRejects(() => aborted.write(new Uint8Array(7)), RangeError);
    assertEquals(short(), ["write 1 0 0 error RangeError"]);
    assertEquals([meter.errors, meter.bytesWritten], [2, 0]);
    assertStrictEquals(await backend.read("a"), undefined);
  });

  test("a stream that fails is an error, once, with its own reason", async () => {
    const fileSystem = new MemoryFileSystem();
    const { backend, meter, short } = observed(() => disk("/data", { fileSystem }));
    await backend.write("a", new Uint8Array(200_000));
    short();
    const reader = (await backend.readable!("a"))!.getReader();
    const { byteLength } = (await reader.read()).value!;
    fileSystem.fail("read", "EIO");
    await assertRejects(() => reader.read(), StoreError);
    fileSystem.heal();
    assertEquals(short(), [`read 1 0 ${byteLength} error unavailable`]);
    const writer = (await backend.writable!("b")).getWriter();
    writer.closed.catch(() => {});
    fileSystem.fail("write", "ENOSPC");
    const error = await assertRejects(() => writer.write(new Uint8Array(9)), StoreError);
    fileSystem.heal();
    assertEquals(short(), [`write 1 0 0 error ${error.code}`]);
    assertStrictEquals(meter.errors, 2);
  });

  test("streams through a store stay equal", async () => {
    const meter = new Meter();
    const store = new Store<unknown>(metered(disk("/data", { fileSystem: new MemoryFileSystem() }), meter.record));
    await new Blob(['{"n":1}']).stream().pipeTo(await store.writable("a"));
    assertEquals(await store.get("a"), { n: 1 });
    assertStrictEquals(await new Response(await store.readable("a")).text(), '{"n":1}');
    assertEquals([meter.calls, meter.hits, meter.bytesRead, meter.bytesWritten], [3, 2, 14, 7]);
  });
});
