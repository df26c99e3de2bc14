/**
 * Laws of conditional writes: of several at once, one is first.
 *
 * @module
 */

import { expect, expectEqual, expectRejection, isEqual } from "../expect.ts";
import { law, type StoreLaw } from "./law.ts";

/** Laws of conditional writes. */
export const conditionLaws: readonly StoreLaw[] = [
  law("of many add() at once through two stores one wins", async ({ open, store, values }) => {
    const other = await open();
    for (let round = 0; round < 5; round++) {
      const key = `key${round}`;
      const adds = values.map((value, index) => (index % 2 ? store : other).add(key, value));
      const won = (await Promise.all(adds)).flatMap((won, index) => won ? [index] : []);
      expectEqual(won.length, 1, "winners");
      expectEqual(await store.get(key), values[won[0]!], "the winner's value");
    }
  }, ["create"]),
  law("of many add() at once over an expired entry one wins (X-01)", async ({ open, store, values, advance }) => {
    const other = await open();
    for (let round = 0; round < 5; round++) {
      const key = `key${round}`;
      await store.set(key, values[0], { ttl: 1 });
      await advance(1);
      const adds = values.map((value, index) => (index % 2 ? store : other).add(key, value));
      expectEqual((await Promise.all(adds)).filter(Boolean).length, 1, "winners");
    }
  }, ["create", "ttl"]),
  law("of many take() at once through two stores one gets the value", async ({ open, store, value }) => {
    const other = await open();
    for (let round = 0; round < 5; round++) {
      await store.set("key", value(round));
      const takes = Array.from({ length: 10 }, (_, index) => (index % 2 ? store : other).take("key"));
      const taken = (await Promise.all(takes)).filter((value) => value !== undefined);
      expectEqual(taken, [value(round)], "taken");
    }
  }),
  law("of many delete() at once through two stores one is true", async ({ open, store, value }) => {
    const other = await open();
    await store.set("key", value(0));
    const deletes = Array.from({ length: 10 }, (_, index) => (index % 2 ? store : other).delete("key"));
    expectEqual((await Promise.all(deletes)).filter(Boolean).length, 1, "deletes that were true");
  }),
  law("concurrent getOrInsertComputed() agree on one value", async ({ open, store, value }) => {
    const other = await open();
    const inserts = Array.from(
      { length: 10 },
      (_, index) => (index % 2 ? store : other).getOrInsertComputed("key", () => value(index)),
    );
    const answers = await Promise.all(inserts);
    const stored = await store.get("key");
    for (const answer of answers) expectEqual(answer, stored, "answer");
  }, ["create"]),
  law("many update() at once through one store lose nothing", async ({ store, values }) => {
    const next = async (old: unknown) => {
      await Promise.resolve();
      return values[(values.findIndex((value) => isEqual(value, old)) + 1) % values.length];
    };
    const count = 2 * values.length;
    await Promise.all(Array.from({ length: count }, () => store.update("key", next)));
    expectEqual(await store.get("key"), values[(count - 1) % values.length], "the value after so many steps");
  }),
  law("many update() at once through two stores lose nothing", async ({ open, store, values }) => {
    const other = await open();
    const next = (old: unknown) => values[(values.findIndex((value) => isEqual(value, old)) + 1) % values.length];
    const updates = Array.from(
      { length: 2 * values.length },
      (_, index) => (index % 2 ? store : other).update("key", next),
    );
    await Promise.all(updates);
    expect(isEqual(await store.get("key"), values[(2 * values.length - 1) % values.length]), "an update was lost");
  }, ["create", "swap"]),
  law("replace() writes only over the version it was given", async ({ store, value }) => {
    await store.set("key", value(0));
    const version = (await store.entry("key"))?.version;
    expect(typeof version === "string", "an entry must have a version");
    expectEqual((await store.entry("key"))?.version, version, "the version of an unchanged entry");
    expectEqual(await store.replace("key", value(1), { version }), true, "replace");
    expectEqual(await store.get("key"), value(1), "get");
    expectEqual(await store.replace("key", value(2), { version }), false, "replace of an old version");
    expectEqual(await store.get("key"), value(1), "get after a refused replace");
    expectEqual(await store.replace("absent", value(1), { version }), false, "replace of an absent key");
    expectEqual(await store.has("absent"), false, "has");
    const isTypeError = (error: unknown) => error instanceof TypeError;
    await expectRejection(() => store.replace("key", value(1), {} as { version: string }), isTypeError, "no version");
  }, ["swap"]),
  law(
    "a version changes with every write, also with one of an equal value or after a delete",
    async ({ store, value, subject }) => {
      if (subject.versionsTellContents) {
        await store.set("key", value(0));
        const { version } = (await store.entry("key"))!;
        await store.set("key", value(0));
        expectEqual((await store.entry("key"))!.version, version, "version of the same contents");
        return;
      }
      const seen = new Set<string>();
      for (
        const change of [() => store.set("key", value(0)), () => store.set("key", value(1)), () => store.delete("key")]
      ) {
        await change();
        await store.add("key", value(0));
        const version = (await store.entry("key"))?.version;
        expect(version !== undefined && !seen.has(version), "a version came twice");
        seen.add(version);
      }
    },
    ["swap"],
  ),
  law("a version changes with the value and with the lifetime", async ({ store, value, clock }) => {
    const seen = new Set<string>();
    const later = clock.now() + 3_600_000;
    for (const [index, expiresAt] of [[0], [1], [1, later], [1, later + 1], [0, later]] as const) {
      await store.set("key", value(index), { expiresAt });
      const version = (await store.entry("key"))?.version;
      expect(version !== undefined && !seen.has(version), "a version came twice");
      seen.add(version);
    }
  }, ["swap", "ttl"]),
  law("replace() of an expired entry is refused", async ({ store, value, advance }) => {
    await store.set("key", value(0), { ttl: 1000 });
    const version = (await store.entry("key"))!.version!;
    await advance(1000);
    expectEqual(await store.replace("key", value(1), { version }), false, "replace");
    expectEqual(await store.has("key"), false, "has");
  }, ["swap", "ttl"]),
  law("replace() takes a lifetime", async ({ store, value, advance }) => {
    await store.set("key", value(0));
    const version = (await store.entry("key"))!.version!;
    expectEqual(await store.replace("key", value(1), { version, ttl: 1000 }), true, "replace");
    await advance(1000);
    expectEqual(await store.has("key"), false, "has");
  }, ["swap", "ttl"]),
  law("a removal with a version happens only if the entry still has it", async ({ store, value, backend }) => {
    await store.set("key", value(0));
    const version = (await store.entry("key"))!.version!;
    await store.set("key", value(1));
    const place = await backend();
    expectEqual(await place.remove("key", { condition: { version } }), false, "remove");
    expectEqual(await store.get("key"), value(1), "get");
    const now = (await store.entry("key"))!.version!;
    expectEqual(
      await place.remove("key", { condition: { version: now } }),
      true,
      "remove of the version that is there",
    );
    expectEqual(await store.has("key"), false, "has");
  }, ["swap"]),
];
