/**
 * ZooKeeper for tests: one server, real, on a free port of loopback, with its data in a folder of its own.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { standStill } from "./memcached_server.ts";
import process from "node:process";
import { freePort } from "./radosgw.ts";

const JAR = "/usr/share/java/zookeeper.jar";

/** A ZooKeeper, which can be ended and started again with its data. */
export interface ZookeeperServer {
  readonly address: string;
  readonly port: number;
  /** Starts it again, with what it had, after it was killed. */
  start(): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Makes it stand still: connections are taken, nothing is answered. */
  pause(): Promise<void>;
  /** Lets it go on. */
  resume(): void;
  /** Ends it for good. */
  stop(): Promise<void>;
}

/** Why there can be none here, or `undefined` if there can. */
export function zookeeperIsMissing(): string | undefined {
  const isThere = existsSync(JAR) && spawnSync("sh", ["-c", "command -v java"]).status === 0;
  return isThere ? undefined : "zookeeper not installed (deno task servers)";
}

/** Starts one. */
export async function startZookeeper(): Promise<ZookeeperServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "zookeeper-"));
  const configuration = join(folder, "zoo.cfg");
  mkdirSync(join(folder, "data"));
  // Sessions may be short, so that their end can be waited for.
  writeFileSync(
    configuration,
    `tickTime=100
dataDir=${join(folder, "data")}
clientPort=${port}
clientPortAddress=127.0.0.1
maxClientCnxns=0
minSessionTimeout=200
maxSessionTimeout=60000
admin.enableServer=false
4lw.commands.whitelist=srvr,wchs,wchp,dump
`,
  );
  const java = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"];
  const settings = ["-Dzookeeper.forceSync=no", "-Dzookeeper.admin.enableServer=false"];
  const main = ["-cp", `${JAR}:/usr/share/java/slf4j-nop.jar`, "org.apache.zookeeper.server.ZooKeeperServerMain"];
  // Where it is there, nothing outlives a test that is killed.
  const guard = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];
  let child: ChildProcess | undefined;
  const server: ZookeeperServer = {
    address: `127.0.0.1:${port}`,
    port,
    start: async () => {
      const [program = "", ...args] = [...guard, ...java, ...settings, ...main, configuration];
      child = spawn(program, args, { stdio: "ignore", cwd: folder });
      for (let left = 1200; !await answers(port); left--) {
        if (left === 0) throw new Error("zookeeper did not start");
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    kill: async () => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child!.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    },
    pause: () => standStill(child!.pid!),
    resume: () => void process.kill(child!.pid!, "SIGCONT"),
    stop: async () => {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("srvr"));
    socket.on("data", (bytes) => {
      socket.destroy();
      // It takes connections before it serves.
      resolve(bytes.toString().includes("Mode:"));
    });
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
  });
}
