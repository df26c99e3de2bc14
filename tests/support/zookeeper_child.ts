/**
 * A process of its own on ZooKeeper: `zookeeper_child.ts <place> set <key> <value>`, `… count <key> <times>`, or
 * `… hold <key>`, which keeps an entry as long as it lives and says so.
 *
 * @module
 */

import process from "node:process";
import { zookeeper } from "../../src/backends/zookeeper.ts";
import { Store } from "../../src/core/store.ts";

const [place = "", what = "", key = "", argument = "0"] = process.argv.slice(2);
const store = new Store<unknown>(
  zookeeper(place, { sessionTimeout: 1000, ephemeral: what === "hold", timeout: 20_000 }),
);
if (what === "hold") {
  await store.add(key, process.pid, { ttl: { hours: 1 } });
  console.log("held");
} else {
  if (what === "set") await store.set(key, argument);
  for (let left = what === "count" ? Number(argument) : 0; left > 0; left--) {
    await store.update(key, (count) => Number(count ?? 0) + 1);
  }
  await store.close();
}
