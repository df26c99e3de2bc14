import { describe, test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { memory } from "../../src/backends/memory.ts";
import { lru } from "../../src/backends/lru.ts";
import type { Backend, ByteBackend } from "../../src/core/backend.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Codec } from "../../src/core/codec.ts";
import { encoded } from "../../src/core/encoded.ts";
import { Store } from "../../src/core/store.ts";
import { bounded } from "../../src/layers/bounded.ts";
import { deadline } from "../../src/layers/deadline.ts";
import { metered } from "../../src/layers/metered.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { readonly } from "../../src/layers/readonly.ts";
import { retrying } from "../../src/layers/retrying.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { faulty, type FaultyCall } from "../../src/testing/faulty.ts";
import { checkStoreLaws } from "../support/laws.ts";
import { counted, fourMethods } from "../support/backends.ts";

type Layer = <V>(inner: Backend<V>, now: Clock) => Backend<V>;

const layers: Readonly<Record<string, Layer>> = {
  prefixed: (inner) => prefixed(inner, "users/😀:"),
  bounded: (inner) => bounded(inner, { maxEntries: 1000 }),
  "bounded by sieve": (inner) => bounded(inner, { maxEntries: 1000, maxBytes: 1e6, sizeOf: () => 1, policy: "sieve" }),
  tiered: (inner, now) => tiered(lru({ maxEntries: 1000, now }), inner),
  "tiered with a limit": (inner, now) => tiered(memory({ now }), inner, { ttl: { minutes: 1 } }),
  "tiered on four methods": (inner, now) => tiered(fourMethods(memory({ now })), inner),
  retrying: (inner) => retrying(inner),
  deadline: (inner) => deadline(inner, 60_000),
  metered: (inner) => metered(inner, () => {}),
  faulty: (inner) => faulty(inner, { when: () => false }),
};

const inners: Readonly<Record<string, (now: Clock) => Backend<unknown>>> = {
  "memory()": (now) => memory({ now }),
  "memory({ clone: true })": (now) => memory({ now, clone: true }),
  "four methods": (now) => fourMethods(memory({ now })),
};

for (const [name, wrap] of Object.entries(layers)) {
  for (const [innerName, make] of Object.entries(inners)) {
    if (innerName !== "memory()" && !/bounded|tiered/.test(name)) continue;
    checkStoreLaws(`${name} over ${innerName} obeys the laws`, make(Date.now).supports, {
      make: ({ now }) => {
        const backend = wrap(make(now), now);
        return { open: () => backend };
      },
    });
  }
}

describe("every layer", () => {
  const all: Readonly<Record<string, <V>(inner: Backend<V>) => Backend<V>>> = {
    ...Object.fromEntries(Object.entries(layers).map(([name, wrap]) => [name, (inner) => wrap(inner, Date.now)])),
    readonly: (inner) => readonly(inner),
  };
  const bytes: Codec<unknown> = { name: "bytes", encode: (value) => value as Uint8Array, decode: (raw) => raw };

  for (const [name, wrap] of Object.entries(all)) {
    test(`${name} keeps the codec and re-wraps what withFormat() answers`, async () => {
      const formats: string[] = [];
      const make = (extension: string): ByteBackend => ({
        ...fourMethods(memory<Uint8Array>({ map: new Map([[extension, new Uint8Array(1)]]) })),
        codec: bytes,
        encoded,
        withFormat: (format) => {
          formats.push(format.extension!);
          return make(format.extension!);
        },
      });
      const outer = wrap(make(".bin")) as ByteBackend;
      assertStrictEquals(outer.codec, bytes);
      const other = outer.withFormat!({ extension: ".txt" });
      assertEquals(formats, [".txt"]);
      assertStrictEquals(other.codec, bytes);
      if (name !== "prefixed") assertEquals((await other.read(".txt"))?.value, new Uint8Array(1));
    });

    test(`${name} passes an abort on and rejects with its reason`, async () => {
      const calls: FaultyCall[] = [];
      const hanging = faulty(memory<unknown>(), { fault: "hang", onCall: (call) => calls.push(call) });
      const store = new Store(wrap(hanging));
      const controller = new AbortController();
      const reason = new Error("enough");
      const { signal } = controller;
      const ends = [
        () => store.get("a", { signal }),
        () => store.getMany(["a"], { signal }),
        () => store.has("a", { signal }),
        () => Array.fromAsync(store.keys({ signal })),
        ...name === "readonly" ? [] : [
          () => store.set("a", 1, { signal }),
          () => store.delete("a", { signal }),
          () => store.clear({ signal }),
        ],
      ].map((call) => assertRejects(call));
      await Promise.resolve();
      controller.abort(reason);
      for (const error of await Promise.all(ends)) assertStrictEquals(error, reason);
      assertEquals(calls.length, ends.length);
      for (const call of calls) assertStrictEquals(call.signal?.aborted, true, call.method);
    });

    if (name === "readonly") continue;

    test(`${name} brings a batch to the inner backend as one call`, async () => {
      const { backend, calls } = counted(memory<number>());
      const store = new Store(wrap(backend));
      await store.setMany([["a", 1], ["b", 2], ["c", 3]]);
      assertEquals([...await store.getMany(["a", "b", "absent"])], [["a", 1], ["b", 2]]);
      assertEquals(await store.deleteMany(["a", "b", "absent"]), 2);
      await store.clear();
      assertEquals(await store.size, 0);
      assertEquals(
        calls.filter((call) => call !== "list"),
        [
          "writeMany",
          ...name.startsWith("tiered") ? ["readMany absent"] : ["readMany"],
          "removeMany",
          "clear",
          "count",
        ].map((call) => call.split(" ")[0]!),
      );
    });
  }
});
