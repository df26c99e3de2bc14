import { after, before, describe, test } from "node:test";
import { memcached } from "../../src/backends/memcached.ts";
import type { Supports } from "../../src/core/backend.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { memcachedIsMissing, type MemcachedServer, startMemcached } from "../support/memcached_server.ts";

const skip = memcachedIsMissing() ?? false;
const SUPPORTS: Supports = {
  list: false,
  order: false,
  ttl: true,
  create: true,
  swap: true,
  stream: false,
  revision: false,
};

let server: MemcachedServer;
let second: MemcachedServer;
before(async () => {
  if (skip) return;
  [server, second] = await Promise.all([startMemcached(), startMemcached()]);
});
after(async () => {
  if (!skip) await Promise.all([server.stop(), second.stop()]);
});

describe("memcached keeps the laws of stores (DP-M)", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        make: async (clock) => {
          const open = () => memcached(server.address, { now: clock.now });
          const broom = open();
          await broom.clear!();
          await broom.close!();
          return { open };
        },
      }));
  }
});

describe("memcached keeps the laws of stores on two servers, below a generation", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        make: async (clock) => {
          const open = () => memcached([server.address, second.address], { now: clock.now, clearable: [""] });
          const broom = open();
          await broom.clear!();
          await broom.close!();
          return { open };
        },
      }));
  }
});
