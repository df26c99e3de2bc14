/**
 * A process of its own that counts up in memcached: `memcached_child.ts <address> <key> <times>`.
 *
 * @module
 */

import process from "node:process";
import { memcached } from "../../src/backends/memcached.ts";
import { Store } from "../../src/core/store.ts";

const [address = "", key = "", times = "0"] = process.argv.slice(2);
const store = new Store<number>(memcached(address, { timeout: 10_000 }));
for (let left = Number(times); left > 0; left--) await store.update(key, (count = 0) => count + 1);
await store.close();
