/**
 * A PostgreSQL server for tests: real, on loopback, with a data folder of its own and without waiting for the disk.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "./radosgw.ts";

/** A server that can be taken away and come back. */
export interface PostgresServer {
  /** Address of its database, with its user's password. */
  readonly url: string;
  readonly port: number;
  /** The password of the user `postgres`. */
  readonly password: string;
  /** Ends it at once, as a power cut would, but for the disk. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Stands still without letting go of its sockets, until it is resumed. */
  suspend(): void;
  resume(): void;
  /** Runs statements as the user `postgres` and answers what `psql` prints. */
  query(statements: string): string;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const PASSWORD = "secret-of-the-test";

/** The folder of the server's programs, of the newest version that is there. */
function programs(): string | undefined {
  const root = "/usr/lib/postgresql";
  try {
    const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
    for (const version of versions) {
      const folder = join(root, version, "bin");
      if (spawnSync(join(folder, "postgres"), ["--version"]).status === 0) return folder;
    }
  } catch {
    // Not Debian.
  }
  const found = spawnSync("sh", ["-c", "command -v initdb"], { encoding: "utf8" });
  return found.status === 0 ? found.stdout.trim().replace(/\/initdb$/, "") : undefined;
}

/** Why there can be no server here, or `undefined` if there can. */
export function postgresIsMissing(): string | undefined {
  if (!programs()) return "postgresql not installed (deno task servers)";
  // It refuses to run as root.
  if (process.getuid?.() === 0 && spawnSync("setpriv", ["--reuid=postgres", "true"]).status !== 0) {
    return "postgresql does not run as root, and there is no user postgres (deno task servers)";
  }
  return undefined;
}

/** Starts a server with an empty database. */
export async function startPostgres(): Promise<PostgresServer> {
  const bin = programs()!;
  const folder = mkdtempSync(join(tmpdir(), "postgres-"));
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
  if (isRoot) {
    const id = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
    chownSync(folder, id("-u"), id("-g"));
  }
  const data = join(folder, "data");
  const log = openSync(join(folder, "log"), "a");
  const environment = { ...process.env, LC_ALL: "C.UTF-8", PGPASSWORD: PASSWORD };
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, PASSWORD);
  const [initdb = "", ...initdbArgs] = [
    ...user,
    join(bin, "initdb"),
    ...["-D", data, "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256"],
    `--pwfile=${passwordFile}`,
  ];
  const made = spawnSync(initdb, initdbArgs, { env: environment, cwd: folder });
  if (made.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.stderr}`);
  }

  let server: ChildProcess | undefined;
  // Where it is there, nothing outlives a test that is killed. It comes last: a change of the user would undo it.
  const guard = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];
  const query = (statements: string) => {
    const args = ["-h", "127.0.0.1", "-p", `${port}`, "-U", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1"];
    const { status, stdout, stderr } = spawnSync(join(bin, "psql"), args, {
      input: statements,
      encoding: "utf8",
      env: environment,
    });
    if (status !== 0) throw new Error(`psql failed: ${stderr}`);
    return stdout.trimEnd();
  };
  // Its children first, which lead sessions of their own and must not outlive it.
  const signal = (name: NodeJS.Signals) => {
    const pid = server!.pid!;
    for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")) {
      try {
        if (child) process.kill(Number(child), name);
      } catch {
        // It has just ended by itself.
      }
    }
    process.kill(pid, name);
  };
  const kill = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server!.once("exit", resolve));
    // A postmaster that saw its children die would start others.
    process.kill(server.pid!, "SIGSTOP");
    signal("SIGKILL");
    await ended;
  };
  const start = async () => {
    const [program = "", ...args] = [
      ...user,
      ...guard,
      join(bin, "postgres"),
      ...["-D", data, "-p", `${port}`, "-k", folder],
      ...Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ];
    server = spawn(program, args, {
      env: environment,
      cwd: folder,
      stdio: ["ignore", log, log],
    });
    for (let left = 600; left > 0; left--) {
      const ready = spawnSync(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", `${port}`]);
      if (ready.status === 0) return;
      if (server.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`postgres did not start: ${readFileSync(join(folder, "log"), "utf8").slice(-1000)}`);
  };
  const stop = async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`,
    port,
    password: PASSWORD,
    kill,
    start,
    suspend: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    query,
    stop,
  };
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  max_connections: "50",
  shared_buffers: "16MB",
  dynamic_shared_memory_type: "mmap",
  fsync: "off",
  full_page_writes: "off",
  autovacuum: "off",
  deadlock_timeout: "50ms",
};
