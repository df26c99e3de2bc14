/**
 * Where a Redis server is and who asks it, as a URL says it.
 *
 * @module
 */

/** Where a server is, and who asks. */
export interface ServerAddress {
  /** Name or number of the machine. @default {"localhost"} */
  readonly host?: string | undefined;
  /** @default {6379} */
  readonly port?: number | undefined;
  /** Path of a unix socket, in place of host and port. */
  readonly path?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Number of the database. */
  readonly database: number;
  /** Options of `node:tls`, for an encrypted connection. */
  readonly tls?: Readonly<Record<string, unknown>> | undefined;
}

/** Parameters of a URL that say what stands in front of them, for whoever has it as plain data. */
export const ADDRESS_PARAMETERS: readonly string[] = ["host", "port", "db", "username", "password"];

/**
 * The address in a URL of the schemes `redis: rediss: redis+unix:`, such as `redis://user:password@host:6379/0` or
 * `redis:?host=host&port=6379&db=0`.
 *
 * @throws {TypeError} If it is none; the message does not quote it, because it may hold a password.
 */
export function addressOf(place: string | URL): ServerAddress {
  const refuse = (reason: string) => new TypeError(`Cannot make redis: ${reason}`);
  if (!URL.canParse(place)) throw refuse("its URL is none; write redis://host:6379/0");
  const url = new URL(place);
  const scheme = url.protocol.replace(/^redis\+/, "").slice(0, -1);
  if (!["redis", "rediss", "unix"].includes(scheme)) {
    throw refuse("the schemes of its URL are redis:, rediss: and redis+unix:");
  }
  const { searchParams, hash } = url;
  for (const name of searchParams.keys()) {
    if (!ADDRESS_PARAMETERS.includes(name)) throw refuse(`"${name}" is not a parameter of its URL`);
  }
  if (hash) throw refuse("its URL has a part after #; write that as %23");
  const part = (name: string, inUrl: string) => {
    const inQuery = searchParams.get(name) ?? "";
    if (inUrl && inQuery) throw refuse(`its URL says ${name} twice`);
    return inUrl || inQuery;
  };
  const isUnix = scheme === "unix";
  const path = decode(url.pathname);
  const host = part("host", url.hostname);
  const port = part("port", url.port);
  if (isUnix && (host || port || !path.startsWith("/"))) throw refuse("write redis+unix:///path/to/socket");
  if (!/^\d{0,5}$/.test(port)) throw refuse("the port in its URL must be a number");
  const database = part("db", isUnix ? "" : path.replace(/^\//, ""));
  if (!/^\d{0,9}$/.test(database)) throw refuse("the database in its URL must be a number");
  return {
    ...(isUnix ? { path } : { host: host.replace(/^\[(.*)\]$/, "$1") || "localhost", port: Number(port || 6379) }),
    username: part("username", decode(url.username)) || undefined,
    password: part("password", decode(url.password)) || undefined,
    database: Number(database),
    ...(scheme === "rediss" && { tls: {} }),
  };
}

/** What messages may say of it. */
export function nameOf({ host, port, path, database }: ServerAddress): string {
  const place = path === undefined ? `${host}:${port}` : path.split("/").at(-1);
  return `redis(${place}/${database})`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError("Cannot make redis: its URL is not well escaped");
  }
}
