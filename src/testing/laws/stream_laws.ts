/**
 * Laws of streams: a value appears whole, or not at all.
 *
 * @module
 */

import type { Backend } from "../../core/backend.ts";
import type { Codec } from "../../core/codec.ts";
import { encoded } from "../../core/encoded.ts";
import { Store } from "../../core/store.ts";
import { expect, expectEqual, expectRejection } from "../expect.ts";
import { law, type LawContext, type StoreLaw } from "./law.ts";

const asIs: Codec<Uint8Array> = { name: "as is", encode: (bytes) => bytes, decode: (bytes) => bytes };

async function openBytes({ backend }: LawContext): Promise<Store<Uint8Array>> {
  return new Store(encoded(await backend() as Backend<Uint8Array>, asIs));
}

async function write(
  store: Store<Uint8Array>,
  key: string,
  chunks: readonly Uint8Array[],
  ttl?: number,
): Promise<void> {
  const writer = (await store.writable(key, ttl === undefined ? {} : { ttl })).getWriter();
  for (const chunk of chunks) await writer.write(chunk);
  await writer.close();
}

async function read(store: Store<Uint8Array>, key: string): Promise<Uint8Array | undefined> {
  const stream = await store.readable(key);
  return stream && new Uint8Array(await new Response(stream).arrayBuffer());
}

const pattern = (length: number, seed: number) => Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 255);

/** Laws of streams. */
export const streamLaws: readonly StoreLaw[] = [
  law("what is written as a stream is read as a value and as a stream (BK-11)", async (context) => {
    const store = await openBytes(context);
    for (
      const chunks of [[], [new Uint8Array(0)], [pattern(5, 1)], [
        pattern(70_000, 2),
        pattern(1, 3),
        pattern(130_000, 4),
      ]]
    ) {
      const whole = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
      await write(store, "key", chunks);
      expectEqual(await store.get("key"), whole, "get");
      expectEqual(await read(store, "key"), whole, "readable");
      await store.set("other", whole);
      expectEqual(await read(store, "other"), whole, "readable of a value that was set");
    }
  }, ["stream"]),
  law("readable() of an absent key is undefined", async (context) => {
    expectEqual(await (await openBytes(context)).readable("absent"), undefined, "readable");
  }, ["stream"]),
  law("an entry appears when its stream is closed, and the old one stays until then", async (context) => {
    const store = await openBytes(context);
    await store.set("key", pattern(3, 0));
    const writer = (await store.writable("key")).getWriter();
    await writer.write(pattern(1000, 1));
    expectEqual(await store.get("key"), pattern(3, 0), "get while writing");
    await writer.close();
    expectEqual(await store.get("key"), pattern(1000, 1), "get after closing");
  }, ["stream"]),
  law("an aborted stream leaves no trace", async (context) => {
    const store = await openBytes(context);
    await store.set("key", pattern(3, 0));
    for (const key of ["key", "new"]) {
      const writer = (await store.writable(key)).getWriter();
      await writer.write(pattern(100_000, 1));
      await writer.abort(new Error("enough"));
      await expectRejection(() => writer.close(), () => true, "close after abort");
    }
    expectEqual(await store.get("key"), pattern(3, 0), "get");
    expectEqual(await store.has("new"), false, "has");
    if (store.backend.supports.list) expectEqual(await Array.fromAsync(store.keys()), ["key"], "keys");
  }, ["stream"]),
  law("a source that breaks leaves no trace", async (context) => {
    const store = await openBytes(context);
    const mistake = new Error("broken");
    let step = 0;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (step++ < 3) controller.enqueue(pattern(50_000, step));
        else throw mistake;
      },
    });
    const target = await store.writable("key");
    await expectRejection(() => source.pipeTo(target), (error) => error === mistake, "pipeTo");
    expectEqual(await store.has("key"), false, "has");
  }, ["stream"]),
  law("a readable left early lets go", async (context) => {
    const store = await openBytes(context);
    await store.set("key", pattern(500_000, 1));
    const stream = await store.readable("key");
    expect(stream !== undefined, "there must be a stream");
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    await store.set("key", pattern(3, 0));
    expectEqual(await store.get("key"), pattern(3, 0), "get");
  }, ["stream"]),
  law("a streamed entry has a lifetime", async (context) => {
    const store = await openBytes(context);
    await write(store, "key", [pattern(10, 1)], 1000);
    expectEqual(await read(store, "key"), pattern(10, 1), "readable");
    expectEqual(await store.get("key"), pattern(10, 1), "get");
    await context.advance(1000);
    expectEqual(await read(store, "key"), undefined, "readable after expiry");
    expectEqual(await store.has("key"), false, "has");
  }, ["stream", "ttl"]),
];
