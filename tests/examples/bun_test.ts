/** The example for Bun: a folder in front of a bucket. It asks nothing of Bun that others lack, so all of them run it. */

import { after, before, describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import process from "node:process";
import { promisify } from "node:util";
import { s3 } from "../../src/backends/s3.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { inTemporaryFolder, scriptCommand } from "../support/runtime.ts";
import { type S3rver, s3rverIsMissing, startS3rver } from "../support/s3rver.ts";

const skip = s3rverIsMissing() ?? false;

describe("examples/bun", { skip }, () => {
  let bucket: S3rver;
  before(async () => void (bucket = await startS3rver()));
  after(async () => await bucket?.stop());

  test("asks the bucket once, and then the folder", () =>
    inTemporaryFolder(async (folder) => {
      const { endpoint, credentials } = bucket;
      const files = new Store(s3({ bucket: "bucket", endpoint, credentials }), { codec: bytes() });
      await files.set("img/logo.svg", new TextEncoder().encode("<svg/>"));
      await files.set("site.css", new Uint8Array(1000));
      const run = async (...keys: string[]) => {
        const [executable, ...args] = scriptCommand(new URL("../../examples/bun/main.ts", import.meta.url), ...keys);
        const { stdout } = await promisify(execFile)(executable, args, {
          env: {
            ...process.env,
            NO_COLOR: "1",
            BUCKET: "bucket",
            ENDPOINT: endpoint,
            FOLDER: folder,
            AWS_ACCESS_KEY_ID: credentials.accessKeyId,
            AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          },
        });
        return stdout.trim().split("\n");
      };
      const sizes = ["img/logo.svg: 6 bytes", "site.css: 1000 bytes"];
      assertEquals(await run("img/logo.svg", "site.css"), [...sizes, "some from the bucket"]);
      assertEquals((await readdir(folder, { recursive: true })).filter((name) => /\.(svg|css)/.test(name)).length, 2);
      assertEquals(await run("img/logo.svg", "site.css"), [...sizes, "all from the folder"]);
      await files.delete("site.css");
      assertEquals(await run("site.css", "none"), [sizes[1]!, "some from the bucket"]);
    }));
});
