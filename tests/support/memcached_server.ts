/**
 * Memcached for tests: real, on a free port of loopback.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "./radosgw.ts";

/** A memcached, which can be ended and started again on the same port. */
export interface MemcachedServer {
  readonly address: string;
  readonly port: number;
  /** Starts it again, empty, after it was killed. */
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
export function memcachedIsMissing(): string | undefined {
  const isThere = spawnSync("sh", ["-c", "command -v memcached"]).status === 0;
  return isThere ? undefined : "memcached not installed (deno task servers)";
}

/** Starts one; with a login it wants `name:password`. */
export async function startMemcached({ login, args = [] }: {
  readonly login?: string;
  readonly args?: readonly string[];
} = {}): Promise<MemcachedServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "memcached-"));
  const logins = login === undefined ? [] : ["-Y", join(folder, "logins")];
  if (login !== undefined) writeFileSync(join(folder, "logins"), `${login}\n`);
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const command = ["memcached", "-l", "127.0.0.1", "-p", `${port}`, "-U", "0", "-t", "2", "-m", "64"];
  // Where it is there, nothing outlives a test that is killed.
  const guard = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];
  let child: ChildProcess | undefined;
  const server: MemcachedServer = {
    address: `127.0.0.1:${port}`,
    port,
    start: async () => {
      const [program = "", ...rest] = [...guard, ...command, ...user, ...logins, ...args];
      child = spawn(program, rest, { stdio: "ignore" });
      for (let left = 400; !await accepts(port); left--) {
        if (left === 0) throw new Error("memcached did not start");
        await new Promise((resolve) => setTimeout(resolve, 10));
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

/** Stops a process; it has stopped when this is done. */
export async function standStill(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  // The threads of a process stop one after the other.
  const isStopped = () =>
    readdirSync(`/proc/${pid}/task`).every((task) =>
      /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, "utf8"))
    );
  while (!isStopped()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** What the server answers to a command of its text protocol, up to the line that ends the answer. */
export function askMemcached(
  port: number,
  command: string,
  last = /^(END|EN|HD|VA|NF|OK|STORED|ERROR|.*_ERROR).*\r\n/m,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(command));
    socket.setEncoding("latin1");
    socket.on("error", reject);
    socket.on("data", (text) => {
      answer += text;
      if (!last.test(answer)) return;
      socket.destroy();
      resolve(answer);
    });
  });
}
