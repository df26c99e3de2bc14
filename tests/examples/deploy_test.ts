/** The example for Deno Deploy: its handler on every runtime, and as a server on Deno. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { spawn } from "node:child_process";
import process from "node:process";
import { freePort } from "../support/radosgw.ts";
import { RUNTIME, scriptCommand } from "../support/runtime.ts";

const EXAMPLE = new URL("../../examples/deploy/main.ts", import.meta.url);

describe("examples/deploy", () => {
  test("makes a page once, and its menu once for all pages", async () => {
    const { counts, handler } = await import("../../examples/deploy/main.ts");
    const ask = async (town: string, init?: RequestInit) =>
      await handler(new Request(`https://example.com/${town}`, init));
    const page = await ask("Paris");
    assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
    assertStringIncludes(await page.text(), "<nav>menu 1</nav>\n<p>Paris has 5000 inhabitants.</p>");
    assertStringIncludes(await (await ask("Rome")).text(), "<nav>menu 1</nav>");
    assertStringIncludes(await (await ask("Paris")).text(), "Paris has 5000");
    assertEquals(counts, { menus: 1, pages: 2, towns: 2 });
    assertEquals((await ask("Paris", { headers: { "if-none-match": '"5000"' } })).status, 304);
    assertEquals([(await ask("nowhere")).status, (await ask("nowhere")).status], [404, 404]);
    assertEquals(counts, { menus: 1, pages: 2, towns: 3 });
    assertStringIncludes(await (await ask("%3Cb%3E")).text(), "&lt;b&gt; has");
  });

  const skip = RUNTIME !== "deno" && "Deno.serve() is Deno's";
  test("serves", { skip }, async () => {
    const port = await freePort();
    const [executable, ...args] = scriptCommand(EXAMPLE);
    const server = spawn(executable, args, { env: { ...process.env, PORT: `${port}` }, stdio: "ignore" });
    const ended = new Promise((resolve) => server.once("exit", resolve));
    try {
      const ask = () => fetch(`http://127.0.0.1:${port}/Paris`);
      let answer: Response | undefined;
      for (let left = 600; left > 0 && !answer; left--) {
        answer = await ask().catch(() => undefined);
        if (!answer) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assertStringIncludes(await answer!.text(), "Paris has 5000 inhabitants");
      const again = await ask();
      await again.body?.cancel();
      assert(again.headers.get("cache-status")?.startsWith("everymap; hit"));
    } finally {
      server.kill("SIGKILL");
      await ended;
    }
  });
});
