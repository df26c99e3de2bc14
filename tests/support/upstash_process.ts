/**
 * A local Upstash over a Redis in a process of its own, for benchmarks; it counts requests and ends with its parent.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { upstashServer } from "../../src/tools/upstash_server.ts";
import { startRedisServer } from "./redis_server.ts";
import { scriptCommand } from "./runtime.ts";
import { serve } from "./serve.ts";

/** A running one. */
export interface UpstashProcess {
  readonly url: string;
  readonly token: string;
  /** How many requests came since it was asked last. */
  requests(): Promise<number>;
  stop(): void;
}

/** Starts one in this runtime. */
export async function spawnUpstash(): Promise<UpstashProcess> {
  const [executable, ...args] = scriptCommand(new URL(import.meta.url));
  const child: ChildProcess = spawn(executable, args, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const url = await new Promise<string>((resolve) => child.stdout!.once("data", (line) => resolve(`${line}`.trim())));
  return {
    url,
    token: "token",
    requests: async () => Number(await (await fetch(`${url}/requests`)).text()),
    stop: () => void child.stdin!.end(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const redis = await startRedisServer("--appendonly", "no");
  const server = upstashServer(redis.url, { token: "token" });
  let requests = 0;
  const { endpoint } = await serve(async (request) => {
    if (!request.url.endsWith("/requests")) {
      requests++;
      return await server(request);
    }
    const count = requests;
    requests = 0;
    return new Response(`${count}`);
  });
  console.log(endpoint);
  process.stdin.on("end", async () => {
    await redis.stop();
    process.exit();
  });
  process.stdin.resume();
}
