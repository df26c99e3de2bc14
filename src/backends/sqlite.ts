/**
 * Entries in one SQLite file: transactions, lifetimes and versions, for any number of processes at once.
 *
 * @module
 */

import type { ByteBackend } from "../core/backend.ts";
import { type Clock, coarseNow } from "../core/clock.ts";
import { checkOptions } from "../core/options.ts";
import { schemaOf } from "./sqlite/schema.ts";
import { SqliteBackend } from "./sqlite/sqlite_backend.ts";

/** How {@linkcode sqlite} behaves. */
export interface SqliteOptions {
  /** Name of the table; it is made if the file has none of that name. @default {"entries"} */
  readonly table?: string | undefined;
  /** Whether a write is on the disk when it returns, so that it outlives a power cut. @default {false} */
  readonly durable?: boolean | undefined;
  /** Whether the store has a `revision()`; it costs every writer of the file about a third more. @default {false} */
  readonly revision?: boolean | undefined;
  /** How long to wait while another process writes, in milliseconds; meanwhile this one stands still. @default {5000} */
  readonly busyTimeout?: number | undefined;
  /** The clock by which entries expire. @default {`Date.now`, looked at once per millisecond} */
  readonly now?: Clock | undefined;
}

/**
 * A backend in one table of an SQLite file; `":memory:"` keeps it in memory. The file is opened by the first call. It needs
 * Deno, Bun or Node.
 *
 * Calls are done when they return, so a write of many entries or a busy file blocks the event loop for its time.
 *
 * @throws {TypeError} If an option is unknown, or the file or the table has no legal name.
 *
 * @example
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { sqlite } from "@everymap/everymap/backends/sqlite";
 * import { assertEquals } from "@std/assert";
 *
 * const users = new Store<{ name: string }>(sqlite(":memory:"));
 * await users.set("ada", { name: "Ada" });
 * assertEquals(await users.get("ada"), { name: "Ada" });
 * await users.close();
 * ```
 */
export function sqlite(file: string | URL, options: SqliteOptions = {}): ByteBackend {
  checkOptions("sqlite", options, ["table", "durable", "revision", "busyTimeout", "now"]);
  const { table = "entries", durable = false, revision = false, busyTimeout = 5000, now = coarseNow } = options;
  const name = `sqlite(${baseName(file)})`;
  if (typeof table !== "string" || !/^(?!sqlite_)[^\0]+$/i.test(table) || !table.isWellFormed()) {
    throw new TypeError("Cannot make sqlite: its table has no legal name");
  }
  if (!(busyTimeout >= 0 && busyTimeout <= 0x7fff_ffff)) {
    throw new RangeError("Cannot make sqlite: busyTimeout must be 0 or more milliseconds");
  }
  return new SqliteBackend(name, file, schemaOf(table), now, {
    durable,
    revision,
    busyTimeout: Math.ceil(busyTimeout),
  });
}

/**
 * The backend that a URL names: `sqlite:./cache.db?table=users&durable=true&revision=true`, `sqlite:///var/cache.db`,
 * `sqlite::memory:`.
 *
 * @throws {TypeError} If a parameter is unknown or the URL names no file.
 */
export function sqliteFromUrl(url: URL): ByteBackend {
  const options: Record<string, unknown> = {};
  for (const [name, value] of url.searchParams) {
    if (name === "table") options[name] = value;
    else if (name === "busyTimeout" && /^\d+$/.test(value)) options[name] = Number(value);
    else if ((name === "durable" || name === "revision") && /^(true|false)$/.test(value)) {
      options[name] = value === "true";
    } else throw new TypeError(`Cannot make sqlite from its URL: "${name}" is not a parameter, or its value is none`);
  }
  if (url.host || url.hash) {
    throw new TypeError("Cannot make sqlite from its URL: write sqlite:./file or sqlite:///file");
  }
  const file = url.pathname.startsWith("/") ? new URL(`file://${url.pathname}`) : decode(url.pathname);
  return sqlite(file, options);
}

/** The last part of the path: what messages may say of it. */
function baseName(file: string | URL): string {
  let path: unknown = file;
  if (file instanceof URL) {
    if (file.protocol !== "file:") throw new TypeError("Cannot make sqlite: its URL is not a file: URL");
    path = decode(file.pathname);
  }
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError("Cannot make sqlite: its file has no legal name");
  }
  // SQLite would take it as a URI with options of its own.
  if (/^file:/i.test(path)) throw new TypeError("Cannot make sqlite: a file: URL must be a URL object");
  return path.split(/[/\\]/).at(-1)!;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new TypeError("Cannot make sqlite: its URL is not well escaped");
  }
}
