/** A durable map is a store: it obeys the laws of what it follows, but for order and streams. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { sqlite } from "../../src/backends/sqlite.ts";
import { memory } from "../../src/backends/memory.ts";
import { DurableMap, type DurableMapOptions } from "../../src/cache/durable_map.ts";
import type { Backend } from "../../src/core/backend.ts";
import { Store } from "../../src/core/store.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import type { FakeClock } from "../../src/testing/fake_clock.ts";
import { distant, withoutVersions } from "../support/following.ts";
import { checkStoreLaws } from "../support/laws.ts";

function obeys(
  title: string,
  makeBackend: (clock: FakeClock) => Backend<unknown>,
  options?: DurableMapOptions<unknown>,
): void {
  const { supports } = makeBackend({ now: Date.now } as FakeClock);
  checkStoreLaws(title, { ...supports, order: false, stream: false }, {
    make: (clock) => {
      const shared = new Store<unknown>(makeBackend(clock));
      const maps: DurableMap<unknown>[] = [];
      return {
        open: async () => {
          const map = await DurableMap.open(shared, options);
          maps.push(map);
          return map.backend;
        },
        dispose: async () => {
          for (const map of maps) await map.close();
        },
      };
    },
  });
}

obeys("DurableMap over memory()", (clock) => memory({ now: clock.now, clone: true }));
obeys("DurableMap over memory() that is far away", (clock) => distant(withoutVersions(memory({ now: clock.now }))));
obeys("DurableMap that settles conflicts", (clock) => memory({ now: clock.now }), { onConflict: ({ value }) => value });
obeys("DurableMap over sqlite() through layers", (clock) => {
  const backend = sqlite(":memory:", { revision: true, now: clock.now });
  return new Store<unknown>(prefixed(backend, "settings/")).backend;
});

test("a DurableMap supports what its store does, but for order and streams", async () => {
  const shared = new Store<unknown>(sqlite(":memory:", { revision: true }));
  const map = await DurableMap.open(shared);
  assertEquals(map.backend.supports, { ...shared.backend.supports, order: false, stream: false });
  await map.close();
});
