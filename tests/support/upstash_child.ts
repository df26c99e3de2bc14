/**
 * A program that may use nothing but the network: `<url> <token>`; uses a store and says so. Then it has to end by itself.
 *
 * @module
 */

import process from "node:process";
import { upstash } from "../../src/backends/upstash.ts";
import { Store } from "../../src/core/store.ts";

const { Deno } = globalThis as { Deno?: { args: string[] } };
const [url = "", token = ""] = Deno ? Deno.args : process.argv.slice(2);
const store = new Store<number>(upstash({ url, token }, { prefix: "child:" }));
await store.set("key", 1, { ttl: 60_000 });
await store.update("key", (old = 0) => old + 1);
console.log(await store.get("key"), await store.size);
await store.close();
