/**
 * A local Upstash: `deno task upstash [--redis redis://host:6379] [--port 8079] [--host 127.0.0.1] [--token …]`. Prints its
 * address and token as an environment. Without `--redis` it starts a `redis-server` of its own, in memory, which ends with it.
 *
 * @module
 */

import { upstashServer } from "../src/tools/upstash_server.ts";

const NAMES = ["redis", "port", "host", "token"];

const given = new Map<string, string>();
for (let at = 0; at < Deno.args.length; at++) {
  const [, name = "", inline] = /^--(\w+)(?:=(.*))?$/.exec(Deno.args[at]!) ?? [];
  const value = inline ?? Deno.args[++at];
  if (!NAMES.includes(name) || value === undefined) {
    console.error(`Known are ${NAMES.map((name) => `--${name} …`).join(", ")}`);
    Deno.exit(2);
  }
  given.set(name, value);
}

const own = given.has("redis") ? undefined : await startRedis();
const token = given.get("token") ?? crypto.randomUUID();
const handler = upstashServer(given.get("redis") ?? own!.url, { token });
const server = Deno.serve({
  port: Number(given.get("port") ?? 8079),
  hostname: given.get("host") ?? "127.0.0.1",
  onListen: ({ hostname, port }) => {
    console.log(`UPSTASH_REDIS_REST_URL=http://${hostname}:${port}\nUPSTASH_REDIS_REST_TOKEN=${token}`);
  },
}, handler);
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);

async function stop(): Promise<void> {
  await handler.close();
  own?.stop();
  // An open subscription would keep it from ending.
  void server.shutdown();
  Deno.exit(0);
}

async function startRedis(): Promise<{ readonly url: string; stop(): void }> {
  const folder = await Deno.makeTempDir({ prefix: "upstash-" });
  const socket = `${folder}/redis.sock`;
  const args = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "no"];
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("redis-server", { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  } catch {
    console.error("redis-server not installed (deno task servers redis-server): or name another Redis with --redis");
    Deno.exit(1);
  }
  const isThere = () => Deno.stat(socket).then(() => true, () => false);
  for (let left = 200; left > 0 && !await isThere(); left--) await new Promise((resolve) => setTimeout(resolve, 25));
  return {
    url: `redis+unix://${socket}`,
    stop: () => {
      child.kill();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}
