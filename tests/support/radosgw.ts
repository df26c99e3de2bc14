/**
 * Ceph's S3 gateway for tests: real, on loopback, with all data in the memory of one storage daemon.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Who may ask the gateway. */
export interface RadosgwAccount {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A running gateway. */
export interface Radosgw {
  /** Its address, without a slash at the end. */
  readonly endpoint: string;
  readonly main: RadosgwAccount;
  /** An account that has nothing to do with the first one. */
  readonly second: RadosgwAccount;
  stop(): Promise<void>;
}

const PROGRAMS = ["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool"];

/** Why there can be no gateway here, or `undefined` if there can. */
export function radosgwIsMissing(): string | undefined {
  const missing = PROGRAMS.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
  return missing.length > 0 ? `${missing.join(", ")} not installed (deno task servers)` : undefined;
}

/** Starts a gateway with two accounts and no buckets. */
export async function startRadosgw(): Promise<Radosgw> {
  const folder = mkdtempSync(join(tmpdir(), "radosgw-"));
  const [port, monitorPort] = [await freePort(), await freePort()];
  const configuration = join(folder, "ceph.conf");
  const fsid = randomUUID();
  for (const name of ["mon", "osd", "rgw", "log", "crash"]) mkdirSync(join(folder, name));
  writeFileSync(configuration, configure({ folder, port, monitorPort, fsid }));
  const daemons: ChildProcess[] = [];
  const environment = { ...process.env, CEPH_CONF: configuration, LC_ALL: "C.UTF-8" };
  const log = openSync(join(folder, "log", "commands"), "a");
  // Where it is there, nothing outlives a test that is killed.
  const guard = spawnSync("setpriv", ["--pdeathsig", "KILL", "true"]).status === 0
    ? ["setpriv", "--pdeathsig", "KILL"]
    : [];
  const start = (...command: string[]) => {
    const [program = "", ...args] = [...guard, ...command];
    daemons.push(spawn(program, args, { env: environment, stdio: ["ignore", log, log] }));
  };
  const run = (...[program = "", ...args]: string[]) =>
    new Promise<string | undefined>((resolve) => {
      const child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", log] });
      let output = "";
      child.stdout!.on("data", (chunk) => output += chunk);
      child.on("close", (code) => resolve(code === 0 ? output : undefined));
    });
  const stop = async () => {
    for (const daemon of daemons.toReversed()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      const ended = new Promise((resolve) => daemon.once("exit", resolve));
      daemon.kill("SIGKILL");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const account = (): RadosgwAccount => ({ accessKeyId: randomUUID().slice(0, 13), secretAccessKey: randomUUID() });
  const accounts = { main: account(), second: account() };
  try {
    const map = join(folder, "monmap");
    await run(
      "monmaptool",
      "--create",
      "--clobber",
      "--fsid",
      fsid,
      "--addv",
      "a",
      `[v2:127.0.0.1:${monitorPort}]`,
      map,
    );
    await run("ceph-mon", "-i", "a", "--mkfs", "--monmap", map);
    start("ceph-mon", "-i", "a", "-f");
    await until(async () => await run("timeout", "5", "ceph", "-s") !== undefined, "the monitor");
    const id = randomUUID();
    await run("ceph", "osd", "new", id);
    await run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", id);
    start("ceph-osd", "-i", "0", "-f");
    await until(
      async () => (await run("timeout", "5", "ceph", "osd", "stat"))?.includes(" 1 up") ?? false,
      "the storage daemon",
    );
    for (const [name, { accessKeyId, secretAccessKey }] of Object.entries(accounts)) {
      const names = [`--uid=${name}`, `--display-name=${name}`];
      await run(
        "radosgw-admin",
        "user",
        "create",
        ...names,
        `--access-key=${accessKeyId}`,
        `--secret-key=${secretAccessKey}`,
      );
    }
    // With these it may allow itself session tokens.
    await run("radosgw-admin", "caps", "add", "--uid=main", "--caps=user-policy=*;roles=*");
    start("radosgw", "-n", "client.rgw", "-f");
    const endpoint = `http://127.0.0.1:${port}`;
    await until(
      async () => (await fetch(endpoint).then((answer) => answer.text(), () => "")).includes("Buckets"),
      "the gateway",
    );
    return { endpoint, ...accounts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function until(isThere: () => Promise<boolean>, what: string): Promise<void> {
  for (let left = 600; left > 0; left--) {
    if (await isThere()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not start`);
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

function configure(
  { folder, port, monitorPort, fsid }: {
    readonly folder: string;
    readonly port: number;
    readonly monitorPort: number;
    readonly fsid: string;
  },
): string {
  const firstPort = 20_000 + Math.floor(Math.random() * 10_000);
  return `[global]
fsid = ${fsid}
mon_initial_members = a
mon_host = v2:127.0.0.1:${monitorPort}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
public_network = 127.0.0.0/8
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_port_min = ${firstPort}
ms_bind_port_max = ${firstPort + 300}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_osd_full_ratio = 0.99
mon_osd_nearfull_ratio = 0.98
mon_osd_backfillfull_ratio = 0.985
paxos_propose_interval = 0.02
run_dir = ${folder}
crash_dir = ${folder}/crash
admin_socket =
pid_file =
log_file = ${folder}/log/$name.log
log_to_stderr = false
err_to_stderr = false
mon_cluster_log_file = ${folder}/log/cluster.log
[mon.a]
mon_data = ${folder}/mon
[osd]
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_class_load_list = *
osd_class_default_list = *
[osd.0]
osd_data = ${folder}/osd
[client]
keyring = ${folder}/none
[client.rgw]
rgw_data = ${folder}/rgw
ms_mon_client_mode = crc
rgw_frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw_dns_name = s3.test
rgw_thread_pool_size = 64
rgw_run_sync_thread = false
rgw_enable_usage_log = false
rgw_enable_quota_threads = false
rgw_dynamic_resharding = false
rgw_override_bucket_index_max_shards = 1
rgw_crypt_require_ssl = false
rgw_s3_auth_use_sts = true
rgw_sts_key = abcdefghijklmnop
`;
}
