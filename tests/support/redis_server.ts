/**
 * A Redis server for tests: real, on a free port of loopback and a unix socket, with a folder of its own.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** A command and what it answers, over a connection that has nothing to do with the store under test. */
export type RedisCli = (...command: string[]) => Promise<CliReply>;

/** What a command answers; an error is one that is thrown. */
export type CliReply = string | number | null | CliReply[];

/** A running server. */
export interface RedisServer {
  readonly port: number;
  /** Path of its unix socket. */
  readonly socket: string;
  /** Its address as a URL, without a database. */
  readonly url: string;
  readonly folder: string;
  readonly cli: RedisCli;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder; `args` are added to the first ones. */
  start(...args: string[]): Promise<void>;
  /** Holds it, so that it takes connections and does not answer. */
  pause(): void;
  resume(): void;
  /** Ends it and takes its folder away. */
  stop(): Promise<void>;
}

/** Why there can be no server here, or `undefined` if there can. */
export function redisServerIsMissing(): string | undefined {
  const isThere = spawnSync("sh", ["-c", "command -v redis-server"]).status === 0;
  return isThere ? undefined : "redis-server not installed (deno task servers)";
}

/** Starts a server; `args` are as on its command line: `--maxmemory`, `10mb`. */
export async function startRedisServer(...args: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "everymap-redis-"));
  const port = await freePort();
  const socket = join(folder, "redis.sock");
  // Where it is there, nothing outlives a test that is killed.
  const guard = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];
  const cli = (...command: string[]) => askRedis(socket, command);
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();

  const start = async (...more: string[]) => {
    const always = ["--port", `${port}`, "--bind", "127.0.0.1", "--unixsocket", socket, "--dir", folder];
    const quiet = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--logfile", join(folder, "log")];
    const [program = "", ...rest] = [...guard, "redis-server", ...always, ...quiet, ...args, ...more];
    const server = spawn(program, rest, { stdio: "ignore" });
    child = server;
    ended = new Promise((resolve) => server.once("exit", resolve));
    for (let left = 500; left > 0; left--) {
      const answer = await cli("PING").catch((error: Error) => error.message);
      // Also one that asks for a password, or is loading, is there.
      if (answer === "PONG" || /^(NOAUTH|LOADING|NOPERM)/.test(`${answer}`)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("redis-server did not start");
  };
  const kill = async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await ended;
  };
  const stop = async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `redis://127.0.0.1:${port}`;
  // Not `child.kill()`, with which Deno sends one signal only.
  const signal = (name: "SIGSTOP" | "SIGCONT") => () => void process.kill(child!.pid!, name);
  return { port, socket, url, folder, cli, kill, start, pause: signal("SIGSTOP"), resume: signal("SIGCONT"), stop };
}

/** One command over a connection of its own: a few lines of RESP2, so that no client judges itself. */
export function askRedis(socket: string, command: readonly string[]): Promise<CliReply> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let bytes = new Uint8Array(0);
    connection.on("error", reject);
    connection.on("close", () => reject(new Error("the connection was closed")));
    connection.on("data", (chunk: Uint8Array) => {
      const joined = new Uint8Array(bytes.length + chunk.length);
      joined.set(bytes);
      joined.set(chunk, bytes.length);
      bytes = joined;
      const parsed = parse(bytes, 0);
      if (!parsed) return;
      if (parsed.reply instanceof Error) reject(parsed.reply);
      else resolve(parsed.reply);
      connection.destroy();
    });
    const encoder = new TextEncoder();
    const parts = command.map((part) => `$${encoder.encode(part).length}\r\n${part}\r\n`);
    connection.write(`*${command.length}\r\n${parts.join("")}`);
  });
}

interface Parsed {
  readonly reply: CliReply | Error;
  readonly end: number;
}

function parse(bytes: Uint8Array, start: number): Parsed | undefined {
  const line = bytes.indexOf(13, start);
  if (line < 0 || line + 1 >= bytes.length) return undefined;
  const text = new TextDecoder().decode(bytes.subarray(start + 1, line));
  const end = line + 2;
  switch (String.fromCharCode(bytes[start]!)) {
    case "+":
      return { reply: text, end };
    case "-":
      return { reply: new Error(text), end };
    case ":":
      return { reply: Number(text), end };
    case "$": {
      const size = Number(text);
      if (size < 0) return { reply: null, end };
      if (bytes.length < end + size + 2) return undefined;
      return { reply: new TextDecoder().decode(bytes.subarray(end, end + size)), end: end + size + 2 };
    }
    case "*": {
      const replies: CliReply[] = [];
      let at = end;
      for (let left = Number(text); left > 0; left--) {
        const parsed = parse(bytes, at);
        if (!parsed) return undefined;
        if (parsed.reply instanceof Error) return parsed;
        replies.push(parsed.reply);
        at = parsed.end;
      }
      return { reply: Number(text) < 0 ? null : replies, end: at };
    }
    default:
      throw new Error("redis-server answered in a protocol of its own");
  }
}

/** A port of loopback that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
