/**
 * SQLite as the runtime brings it: `node:sqlite`, which Deno, Bun and Node share. `bun:sqlite` is no faster than Bun's
 * `node:sqlite`, so it needs no way of its own.
 *
 * @module
 */

/** What a column holds. */
export type SqliteValue = string | number | Uint8Array | null;

/** One row by column name. */
export type SqliteRow = Readonly<Record<string, SqliteValue>>;

/** A prepared statement. */
export interface SqliteStatement {
  /** Answers rows as arrays from now on, which is faster; older versions of Node lack it. */
  setReturnArrays?(enabled: boolean): void;
  /** The first row. */
  get(...values: SqliteValue[]): SqliteRow | undefined;
  /** All rows. */
  all(...values: SqliteValue[]): readonly SqliteRow[];
  /** How many rows it changed. */
  run(...values: SqliteValue[]): { readonly changes: number | bigint };
}

/** An open database. */
export interface SqliteDatabase {
  /** A statement to run any number of times. */
  prepare(sql: string): SqliteStatement;
  /** Lets go of the file. */
  close(): void;
}

/** What stands at a path, as far as it explains why no database can be opened there. */
export type PathState = "folder" | "no parent" | "other";

/** What SQLite needs of the platform. */
export interface SqliteDriver {
  /** Opens the file, which is made if it is missing. */
  open(path: string): SqliteDatabase;
  /** The path that a `file:` URL names here. */
  toPath(url: URL): string;
  /** A look at the path. */
  look(path: string): PathState;
}

interface Builtins {
  "node:sqlite": { DatabaseSync: new (path: string) => SqliteDatabase };
  "node:url": { fileURLToPath(url: URL): string };
  "node:fs": { statSync(path: string): { isDirectory(): boolean } };
  "node:path": { dirname(path: string): string };
}

type Load = <Name extends keyof Builtins>(name: Name) => Builtins[Name] | undefined;

/** The driver, or `undefined` on a runtime without SQLite. Nothing is loaded before this is called. */
export function sqliteDriver(): SqliteDriver | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: Load } };
  const load: Load = (name) => process?.getBuiltinModule?.(name);
  const sqlite = load("node:sqlite");
  if (!sqlite) return undefined;
  return {
    open: (path) => new sqlite.DatabaseSync(path),
    toPath: (url) => load("node:url")!.fileURLToPath(url),
    look: (path) => {
      const { statSync } = load("node:fs")!;
      try {
        return statSync(path).isDirectory() ? "folder" : "other";
      } catch {
        try {
          return statSync(load("node:path")!.dirname(path)).isDirectory() ? "other" : "no parent";
        } catch {
          return "no parent";
        }
      }
    },
  };
}

/** SQLite's primary result code (https://sqlite.org/rescode.html) behind an error, if it is one of SQLite's. */
export function sqliteResultCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === "number") return errcode & 0xff;
  // Deno leaves the number out where a database does not open.
  return code === "ERR_SQLITE_ERROR" ? 14 : undefined;
}
