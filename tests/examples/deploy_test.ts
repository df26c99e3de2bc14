/** The example for Deno Deploy: its handler on every runtime, and as a server on Deno. */

import { describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { RUNTIME } from "../support/runtime.ts";

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
    // The system chooses the port, and the server says which: no other process can take it, nothing has to be tried.
    const env = { ...process.env, PORT: "0", NO_COLOR: "1" };
    const args = ["run", "-A", "--no-check", fromFileUrl(EXAMPLE)];
    const server = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((resolve) => server.once("exit", resolve));
    try {
      let said = "";
      let port: string | undefined;
      for await (const line of createInterface({ input: server.stderr })) {
        said += `${line}\n`;
        port = /^Listening on .*:(\d+)\//.exec(line)?.[1];
        if (port) break;
      }
      assert(port, said);
      server.stderr.resume();
      const ask = () => fetch(`http://127.0.0.1:${port}/Paris`);
      assertStringIncludes(await (await ask()).text(), "Paris has 5000 inhabitants");
      const again = await ask();
      await again.body?.cancel();
      assert(again.headers.get("cache-status")?.startsWith("everymap; hit"));
    } finally {
      server.kill("SIGKILL");
      await ended;
    }
  });
});
