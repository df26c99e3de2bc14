/**
 * A process that reads one value from a cache in a folder.
 *
 * @module
 */

import process from "node:process";
import { disk } from "../../src/backends/disk.ts";
import { Store } from "../../src/core/store.ts";

const [folder, key] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await new Store(disk(folder!)).get(key!)) ?? "undefined");
