import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { memory, Store } from "@everymap/everymap";
test("probe", async () => {
  const store = new Store<number>(memory());
  await store.set("a", 1);
  assertEquals(await store.get("a"), 1);
});
