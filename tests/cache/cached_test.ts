/** The decorator for methods, called as the runtime calls it, and in its own syntax. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { toFileUrl } from "@std/path";
import { writeFile } from "node:fs/promises";
import { memory } from "../../src/backends/memory.ts";
import { sqlite } from "../../src/backends/sqlite.ts";
import { cached, type CachedDecorator, memoOf } from "../../src/cache/cached.ts";
import { Region } from "../../src/cache/region.ts";
import { Store } from "../../src/core/store.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { ROOT } from "../support/repository.ts";
import { inTemporaryFolder, RUNTIME } from "../support/runtime.ts";

type Initializer = (this: unknown) => void;
type Class = new (...args: never[]) => object;

/** Decorates a method of a class as the syntax does; the initializers are for its constructor to call. */
function decorate(owner: Class, name: string, decorator: CachedDecorator, more: object = {}): Initializer[] {
  const initializers: Initializer[] = [];
  const context = {
    kind: "method",
    name,
    static: false,
    private: false,
    addInitializer: (initializer: Initializer) => initializers.push(initializer),
    ...more,
  };
  const place = (context.static ? owner : owner.prototype) as Record<string, never>;
  Object.defineProperty(place, name, {
    ...Object.getOwnPropertyDescriptor(place, name),
    value: decorator(place[name]!, context as never),
  });
  return initializers;
}

const STORES: Readonly<Record<string, () => { region: Region<unknown>; clock: FakeClock }>> = {
  memory: () => {
    const clock = new FakeClock(1_000_000);
    return { clock, region: new Region({ ttl: 1000, store: new Store(memory({ now: clock.now })) }) };
  },
  sqlite: () => {
    const clock = new FakeClock(1_000_000);
    return { clock, region: new Region({ ttl: 1000, store: new Store(sqlite(":memory:", { now: clock.now })) }) };
  },
};

for (const [name, setUp] of Object.entries(STORES)) {
  describe(`@cached over ${name}`, () => {
    const classes = (options: Omit<Parameters<typeof cached>[0], "region"> = {}) => {
      const { region, clock } = setUp();
      class Users {
        readonly name: string;
        calls = 0;
        constructor(name: string) {
          this.name = name;
          for (const initialize of initializers) initialize.call(this);
        }
        async load(id: string): Promise<string> {
          return await Promise.resolve(`${this.name} ${id} ${++this.calls}`);
        }
      }
      const initializers = decorate(Users, "load", cached({ region, ...options }));
      return { Users, region, clock };
    };

    test("calls a method once, for each instance (CT-40, DP-D01)", async () => {
      const { Users, clock } = classes();
      const [ada, bob] = [new Users("ada"), new Users("bob")];
      assertEquals([await ada.load("x"), await ada.load("x"), await bob.load("x")], ["ada x 1", "ada x 1", "bob x 1"]);
      assertEquals(await ada.load("y"), "ada y 2");
      clock.advance(1000);
      assertEquals([await ada.load("x"), await bob.load("x")], ["ada x 3", "bob x 2"]);
    });

    test("shares the results of instances, all or those of one scope", async () => {
      const { Users: Shared } = classes({ scope: "shared" });
      assertEquals([await new Shared("ada").load("x"), await new Shared("bob").load("x")], ["ada x 1", "ada x 1"]);
      const { Users: Scoped } = classes({ scope: (({ name }: { name: string }) => name) as never });
      const loads = ["ada", "bob", "ada"].map((name) => () => new Scoped(name).load("x"));
      const results: string[] = [];
      for (const load of loads) results.push(await load());
      assertEquals(results, ["ada x 1", "bob x 1", "ada x 1"]);
      assertEquals(memoOf(new Scoped("ada").load).keyFor("x"), 'Users.load(@"ada","x")');
    });

    test("gives each instance hands on its own results (DP-D06, DP-D07, DP-D12, DP-D31)", async () => {
      const { Users } = classes();
      const [ada, bob] = [new Users("ada"), new Users("bob")];
      const [ofAda, ofBob] = [memoOf(ada.load), memoOf(bob.load)];
      assertEquals([await ada.load("x"), await bob.load("x")], ["ada x 1", "bob x 1"]);
      assertEquals([await ofAda.invalidate("x"), await ofAda.peek("x"), await ofBob.peek("x")], [
        true,
        undefined,
        "bob x 1",
      ]);
      assertEquals([await ofAda.refresh("x"), await ada.load("x")], ["ada x 2", "ada x 2"]);
      await ofAda.set("by hand", "x");
      assertEquals([await ada.load("x"), await bob.load("x")], ["by hand", "bob x 1"]);
      assertNotEquals(ofAda.keyFor("x"), ofBob.keyFor("x"));
      assertEquals([ofAda.name, ofAda.length, await ofAda.original.call(bob, "z")], ["load", 1, "bob z 2"]);
      assertEquals(await Promise.resolve("x").then(ada.load), "by hand");
    });

    test("leaves a method alone that overrides it, and serves what that asks for above", async () => {
      const { Users } = classes();
      class Admins extends Users {
        override async load(id: string): Promise<string> {
          return `admin ${await super.load(id)}`;
        }
      }
      const ada = new Admins("ada");
      assertEquals([await ada.load("x"), await ada.load("x")], ["admin ada x 1", "admin ada x 1"]);
      assertThrows(() => memoOf(ada.load), TypeError, "Cannot find what load remembers: it is not memoized");
    });

    test("keeps apart what classes of their own keep under one method's name", async () => {
      const { region } = setUp();
      const make = (word: string) => {
        class Users {
          async load(): Promise<string> {
            return await Promise.resolve(word);
          }
        }
        decorate(Users, "load", cached({ region }));
        return new Users();
      };
      assertEquals([await make("one").load(), await make("two").load()], ["one", "two"]);
    });

    test("refuses two classes of one name whose instances share", async () => {
      const { region } = setUp();
      const make = () => {
        class Users {
          async load(): Promise<string> {
            return await Promise.resolve("loaded");
          }
        }
        decorate(Users, "load", cached({ region, scope: "shared" }));
        return new Users();
      };
      await make().load();
      await assertRejects(() => make().load(), TypeError, 'another function named "Users.load"');
    });

    test("takes the region that its instance chooses, or none (CT-44)", async () => {
      const { region } = setUp();
      class Users {
        calls = 0;
        readonly cache: Region<unknown> | undefined;
        constructor(cache?: Region<unknown>) {
          this.cache = cache;
        }
        async load(): Promise<number> {
          return await Promise.resolve(++this.calls);
        }
      }
      decorate(
        Users,
        "load",
        cached<[], number, Users>({
          region() {
            return this.cache;
          },
        }),
      );
      const [one, bare] = [new Users(region), new Users()];
      assertEquals([await one.load(), await one.load()], [1, 1]);
      assertEquals([await bare.load(), await bare.load()], [1, 2]);
    });

    test("may be made before its region is configured (DP-R11)", async () => {
      const region = new Region();
      class Users {
        async load(id: string): Promise<string> {
          return await Promise.resolve(id);
        }
      }
      decorate(Users, "load", cached({ region }));
      await assertRejects(() => new Users().load("x"), TypeError, "it is not configured");
      region.configure({ ttl: 1000 });
      assertEquals(await new Users().load("x"), "x");
    });

    test("remembers for a class what its static methods say", async () => {
      const { region } = setUp();
      let calls = 0;
      class Users {
        static async count(of: string): Promise<string> {
          return await Promise.resolve(`${of} ${++calls}`);
        }
      }
      decorate(Users, "count", cached({ region }), { static: true });
      assertEquals([await Users.count("all"), await Users.count("all")], ["all 1", "all 1"]);
      assertEquals(memoOf(Users.count).keyFor.call(Users, "all"), 'Users.count("all")');
      assert(await region.has('Users.count("all")'));
    });

    test("adds nothing that shows to an instance, and works on one that is frozen", async () => {
      const { Users } = classes();
      const ada = Object.freeze(new Users("ada"));
      assertEquals(JSON.stringify(ada), '{"name":"ada","calls":0}');
      assert(!Object.keys(ada).includes("load"));
      await assertRejects(() => ada.load("x"), TypeError, "read");
      await memoOf(ada.load).set("by hand", "y");
      assertEquals(await ada.load("y"), "by hand");
    });

    test("gives way to a method that is put in its place", async () => {
      const { Users } = classes();
      const ada = new Users("ada");
      ada.load = () => Promise.resolve("another");
      assertEquals(await ada.load("x"), "another");
    });
  });
}

describe("@cached", () => {
  test("decorates methods only, and refuses options that it does not know", () => {
    const { region } = STORES["memory"]!();
    const decorator = cached({ region });
    const field = { kind: "field", name: "load" };
    assertThrows(
      () => decorator(async () => await 1, field as never),
      TypeError,
      "Cannot make cached: load is not a method",
    );
    assertThrows(
      () => cached({ region, tll: 1 } as never)(async () => await 1, { ...field, kind: "method" } as never),
      TypeError,
      '"tll"',
    );
  });

  const how = RUNTIME === "node" ? " (through esbuild: Node alone does not read it)" : "";
  test(`works in its own syntax${how}`, async () => {
    await inTemporaryFolder(async (folder) => {
      const { Admins, region, Users } = await decorated(folder);
      const [ada, bob, admin] = [new Users(), new Users(), new Admins()];
      assertEquals([await ada.load("x"), await ada.load("x"), await bob.load("x")], ["x 1", "x 1", "x 1"]);
      assertEquals([await admin.load("x"), await admin.load("x")], ["admin x 1", "admin x 1"]);
      assertEquals([await ada.list("l", 1), await bob.list("l", 2)], ["l 1 2", "l 1 2"]);
      assertEquals([await Users.count("c"), await Users.count("c")], ["c 1", "c 1"]);
      assertEquals([await ada.hidden(), await ada.hidden(), await bob.hidden()], [1, 1, 1]);
      assertEquals(await region.has('Users.list("l")'), true);
      const load = ada.load as typeof ada.load & { invalidate(id: string): Promise<boolean> };
      assertEquals([await load.invalidate("x"), await ada.load("x"), await bob.load("x")], [true, "x 3", "x 1"]);
    });
  });
});

async function decorated(folder: string): Promise<typeof import("../support/decorated.ts")> {
  const source = `${ROOT}tests/support/decorated.ts`;
  if (RUNTIME !== "node") return await import(toFileUrl(source).href);
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "node",
    write: false,
  });
  const file = `${folder}/decorated.mjs`;
  await writeFile(file, outputFiles[0]!.contents);
  return await import(toFileUrl(file).href);
}
