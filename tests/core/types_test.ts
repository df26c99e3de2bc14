/** What must and must not compile; `deno check` is the judge, the run only needs to pass. */

import { test } from "node:test";
import { type Codec, encoded, memory, Store } from "@everymap/everymap";
import type { ByteBackend } from "../../src/core/backend.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<_T extends true>(): void {}

interface User {
  name: string;
}
declare const files: ByteBackend;
declare const ints: Codec<number, Uint8Array>;

test("types of Store follow from type argument, codec, or map", () => {
  // Never called: only compiled.
  const compiled = () => {
    const users = new Store<User>(files);
    expectType<Equal<typeof users, Store<User>>>();
    const inferred = new Store(files, { codec: ints });
    expectType<Equal<typeof inferred, Store<number>>>();
    const unknowns = new Store(files);
    expectType<Equal<typeof unknowns, Store<unknown>>>();
    const native = new Store(new Map<string, boolean>());
    expectType<Equal<typeof native, Store<boolean>>>();
    const values = new Store<User>(memory());
    expectType<Equal<typeof values, Store<User>>>();
    const kept = new Store(memory<User>());
    expectType<Equal<typeof kept, Store<User>>>();
    const bytesInMemory = new Store(encoded(memory<Uint8Array>(), ints));
    expectType<Equal<typeof bytesInMemory, Store<number>>>();
    const plainBytes = new Store(memory<Uint8Array>());
    expectType<Equal<typeof plainBytes, Store<Uint8Array>>>();

    // @ts-expect-error the value is of another type
    users.set("ada", 36);
    // @ts-expect-error a key is a string
    users.get(1);
    // @ts-expect-error an unknown option
    new Store<User>(files, { tll: 5 });
    // @ts-expect-error a codec of other values
    new Store<User>(files, { codec: ints });
    // @ts-expect-error the version is not optional
    users.replace("ada", { name: "Ada" }, {});
    // @ts-expect-error an unknown unit
    users.set("ada", { name: "Ada" }, { ttl: { hour: 1 } });
    // @ts-expect-error undefined may come back
    const name: () => Promise<string> = async () => (await users.get("ada")).name;
    return name;
  };
  void compiled;
});
