/**
 * Installs the real servers that some tests use, on Debian by `apt-get`: `deno task servers [name …]`, all without a
 * name. Starts nothing.
 *
 * @module
 */

/** A server that a test starts for itself. */
interface Server {
  readonly packages: readonly string[];
  /** Commands or paths, any one of which shows that it is there; `*` stands for a version. */
  readonly programs: readonly string[];
}

const SERVERS: Readonly<Record<string, Server>> = {
  "ceph-mon": { packages: ["ceph-mon", "ceph-common"], programs: ["ceph-mon"] },
  "ceph-osd": { packages: ["ceph-osd", "ceph-common"], programs: ["ceph-osd"] },
  "memcached": { packages: ["memcached"], programs: ["memcached"] },
  "postgresql": { packages: ["postgresql"], programs: ["postgres", "/usr/lib/postgresql/*/bin/postgres"] },
  "radosgw": { packages: ["radosgw"], programs: ["radosgw"] },
  "redis-server": { packages: ["redis-server"], programs: ["redis-server"] },
  "zookeeper": {
    packages: ["zookeeper", "default-jre-headless"],
    programs: ["/usr/share/zookeeper/bin/zkServer.sh"],
  },
};

// Debian starts a service when its package is installed, unless this says no.
const POLICY = "/usr/sbin/policy-rc.d";

const names = Deno.args.length > 0 ? Deno.args : Object.keys(SERVERS);
const unknown = names.filter((name) => !Object.hasOwn(SERVERS, name));
if (unknown.length > 0) {
  console.error(`Unknown server ${unknown.join(", ")}: known are ${Object.keys(SERVERS).join(", ")}`);
  Deno.exit(2);
}
const isMissing = async (name: string): Promise<boolean> => !await isInstalled(SERVERS[name]!);
const missing = await filter(names, isMissing);
if (missing.length > 0) await install(missing.flatMap((name) => SERVERS[name]!.packages));
const still = await filter(missing, isMissing);
for (const name of names) {
  console.log(
    `${name.padEnd(14)} ${still.includes(name) ? "MISSING" : missing.includes(name) ? "installed" : "there"}`,
  );
}
Deno.exit(still.length > 0 ? 1 : 0);

async function install(packages: readonly string[]): Promise<void> {
  const root = Deno.uid() === 0 ? [] : ["sudo"];
  const quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"];
  const policy = !await shell(`test -e ${POLICY}`);
  if (policy) await run([...root, "sh", "-c", `printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod +x ${POLICY}`]);
  try {
    await run([...root, ...quiet, "update"]);
    await run([...root, ...quiet, "install", "-y", "--no-install-recommends", ...new Set(packages)]);
  } finally {
    if (policy) await run([...root, "rm", "-f", POLICY]);
  }
}

async function isInstalled({ programs }: Server): Promise<boolean> {
  for (const program of programs) {
    // Unquoted, so that the shell finds the version.
    if (await shell(program.startsWith("/") ? `ls ${program}` : `command -v ${program}`)) return true;
  }
  return false;
}

async function shell(script: string): Promise<boolean> {
  const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
  return (await new Deno.Command("sh", { args: ["-c", script], ...quiet }).output()).success;
}

async function run([command = "", ...args]: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args, stdin: "null" }).spawn().status;
  if (!success) throw new Error(`Cannot install: ${command} ${args.join(" ")} failed`);
}

async function filter(all: readonly string[], holds: (name: string) => Promise<boolean>): Promise<string[]> {
  const held = await Promise.all(all.map(holds));
  return all.filter((_, index) => held[index]);
}
