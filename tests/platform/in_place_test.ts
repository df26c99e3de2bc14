import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import { IN_PLACE_BYTES, InPlace } from "../../src/core/in_place.ts";
import { nodeFileSystem } from "../../src/platform/node_file_system.ts";

function timed() {
  const clock = { now: 0 };
  const inPlace = new InPlace(() => clock.now);
  const take = (time: number) => inPlace.run(() => void (clock.now += time));
  return { clock, inPlace, take };
}

describe("InPlace", () => {
  test("leaves one call to a thread after some milliseconds of quick ones", () => {
    const { inPlace, take } = timed();
    for (let turn = 0; turn < 3; turn++) {
      let calls = 0;
      for (; inPlace.isAllowed(); calls++) take(0.5);
      assertEquals(calls, 9);
    }
  });

  test("rests a hundred times as long as a slow call took, also if that failed", () => {
    const { clock, inPlace, take } = timed();
    take(2);
    assertEquals(inPlace.isAllowed(), true);
    take(3);
    // The turn of the others.
    assertEquals(inPlace.isAllowed(), false);
    assertEquals(inPlace.isAllowed(), false);
    clock.now += 300;
    assertEquals(inPlace.isAllowed(), false);
    clock.now += 1;
    assertEquals(inPlace.isAllowed(), true);
    assertThrows(
      () =>
        inPlace.run(() => {
          clock.now += 3;
          throw new Error("no such file");
        }),
      Error,
      "no such file",
    );
    assertEquals(inPlace.isAllowed(), false);
    clock.now += 301;
    assertEquals([inPlace.isAllowed(), inPlace.run(() => "done")], [true, "done"]);
  });

  test("is for small files that need not survive a power failure, while the disk is quick", async () => {
    const { inPlace, take } = timed();
    const files = "Deno" in globalThis ? denoFileSystem(inPlace) : await nodeFileSystem(inPlace);
    const root = await mkdtemp(`${tmpdir()}/everymap-`);
    try {
      assertEquals(files.writeFile(`${root}/small`, new Uint8Array(9)), undefined);
      assertEquals(files.readFile(`${root}/small`), new Uint8Array(9));
      assertEquals(files.rename(`${root}/small`, `${root}/renamed`), undefined);
      assertEquals(files.removeFile(`${root}/renamed`), undefined);
      const pending = async (answer: unknown) => {
        assertInstanceOf(answer, Promise);
        return await answer;
      };
      await pending(files.writeFile(`${root}/large`, new Uint8Array(IN_PLACE_BYTES + 1)));
      assertEquals(await pending(files.readFile(`${root}/large`)), new Uint8Array(IN_PLACE_BYTES + 1));
      await pending(files.writeFile(`${root}/durable`, new Uint8Array(9), true));
      take(1000);
      inPlace.isAllowed();
      await pending(files.writeFile(`${root}/small`, new Uint8Array(9)));
      assertEquals(await pending(files.readFile(`${root}/small`)), new Uint8Array(9));
      await pending(files.rename(`${root}/small`, `${root}/renamed`));
      await pending(files.removeFile(`${root}/renamed`));
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
