import { after, before, describe, test } from "node:test";
import { zookeeper } from "../../src/backends/zookeeper.ts";
import type { Supports } from "../../src/core/backend.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { startZookeeper, zookeeperIsMissing, type ZookeeperServer } from "../support/zookeeper_server.ts";

const skip = zookeeperIsMissing() ?? false;
const SUPPORTS: Supports = {
  list: true,
  order: true,
  ttl: true,
  create: true,
  swap: true,
  stream: false,
  revision: true,
};

let server: ZookeeperServer;
let roots = 0;
before(async () => {
  if (!skip) server = await startZookeeper();
});
after(async () => {
  if (!skip) await server.stop();
});

describe("zookeeper keeps the laws of stores", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        make: (clock) => {
          const root = `/laws/${roots++}`;
          const opened: ReturnType<typeof zookeeper>[] = [];
          return {
            open: () => {
              const backend = zookeeper(`${server.address}${root}`, { now: clock.now, timeout: 20_000 });
              opened.push(backend);
              return backend;
            },
            dispose: async () => {
              for (const backend of opened) await backend.close!();
            },
          };
        },
      }));
  }
});
