/**
 * A Postgres by URL, through the package `postgres`: it has no dependencies, prepares statements by itself, sends many at
 * once over one connection, and runs on Deno, Bun, Node and Workers.
 *
 * @module
 */

import { StoreError } from "../../core/store_error.ts";
import { type ParameterKind, readQuery } from "../../core/url_query.ts";
import type { PostgresJsClient } from "./postgres_js.ts";

const PARAMETERS: Readonly<Record<string, ParameterKind>> = {
  table: "text",
  schema: "text",
  keyColumn: "text",
  valueColumn: "text",
  valueType: "text",
  expiresColumn: "text",
  expiresUnit: "text",
  versionColumn: "text",
  create: "boolean",
  revision: "boolean",
  timeout: "integer",
  sslmode: "text",
  application_name: "text",
  max: "integer",
};

interface Module {
  readonly default: (url: string, options: object) => PostgresJsClient;
}

/** What `make` makes of the client and the options in the URL; the store owns the client. */
export async function fromPostgresUrl<T>(
  url: URL,
  make: (client: PostgresJsClient, options: Record<string, unknown>) => T,
): Promise<T> {
  const { sslmode, application_name, max = 10, ...options } = readQuery(url, PARAMETERS);
  if (url.hash) throw new TypeError("Cannot open postgres: its URL has a fragment");
  const address = new URL(url);
  address.search = "";
  if (sslmode !== undefined) address.searchParams.set("sslmode", `${sslmode}`);
  if (application_name !== undefined) address.searchParams.set("application_name", `${application_name}`);
  const { default: postgres } = await load();
  const seconds = Math.ceil((options["timeout"] as number | undefined ?? 30_000) / 1000);
  const client = postgres(address.href, {
    max,
    connect_timeout: seconds,
    // It would wait for up to 20 s after a server was away.
    backoff: () => Math.random() / 5,
    onnotice: () => {},
    // Types are asked for in the statements.
    fetch_types: false,
  });
  try {
    return make(client, { ...options, ownsClient: true });
  } catch (error) {
    await client.end();
    throw error;
  }
}

async function load(): Promise<Module> {
  try {
    return await import("postgres") as unknown as Module;
  } catch (cause) {
    const context = { store: "sql", operation: "open", reason: "the package postgres is not installed", cause };
    throw new StoreError("unsupported", context);
  }
}
