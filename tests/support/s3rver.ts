/**
 * A small S3 server from npm for tests on machines without a real gateway: it checks signatures, ignores conditions and knows
 * no access lists. It needs Node, and Node's old ciphers for its listings.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./radosgw.ts";

/** A running server with one bucket, `bucket`. */
export interface S3rver {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

const SCRIPT = `
const [module, port, directory] = process.argv.slice(1);
const S3rver = require(module);
const configureBuckets = [{ name: "bucket" }];
const server = new S3rver({ port: Number(port), address: "127.0.0.1", directory, silent: true, configureBuckets });
process.on("uncaughtException", () => {});
process.stdin.on("end", () => process.exit());
process.stdin.resume();
server.run().then(() => console.log("up"));
`;

/** Why there can be no such server here, or `undefined` if there can. */
export function s3rverIsMissing(): string | undefined {
  if (!find()) return "the npm package @20minutes/s3rver is not installed";
  return spawnSync("node", ["--version"]).status === 0 ? undefined : "node is not installed";
}

/** Starts a server. */
export async function startS3rver(): Promise<S3rver> {
  const folder = mkdtempSync(join(tmpdir(), "s3rver-"));
  const port = await freePort();
  const args = ["--openssl-legacy-provider", "-e", SCRIPT, find()!, `${port}`, folder];
  const child = spawn("node", args, { stdio: ["pipe", "pipe", "ignore"] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("s3rver did not start")));
  });
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
  return { endpoint: `http://127.0.0.1:${port}`, credentials, stop };
}

// Not by resolving: Deno would find its own copy, whose dependencies Node does not find.
function find(): string | undefined {
  const folder = fileURLToPath(new URL("../../node_modules/@20minutes/s3rver", import.meta.url));
  return existsSync(folder) ? folder : undefined;
}
