import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe } from "node:test";
import { createClient } from "@libsql/client";
import type { LocalSqliteDatabase } from "../../src/backends/sql.ts";
import { checkTableLaws, OF_VALUES, type TableSubject, TEXT_IS_TEXT } from "../support/sql_laws.ts";

const folder = mkdtempSync(join(tmpdir(), "everymap-sql-"));
const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
const node = new DatabaseSync(":memory:");
const libsql = createClient({ url: `file:${join(folder, "libsql.db")}` });
const isBun = "Bun" in globalThis;
let bun: LocalSqliteDatabase;

before(async () => {
  if (!isBun) return;
  const { Database } = await import(["bun", "sqlite"].join(":"));
  bun = new Database(":memory:");
});
after(() => {
  libsql.close();
  node.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Tables of each kind, made by running a text. */
function subjects(run: (text: string) => unknown): TableSubject[] {
  const make = (columns: string) => (table: string) => run(`CREATE TABLE "${table}" (${columns})`);
  return [
    { title: "a table made for it", options: { create: true }, laws: /./ },
    { title: "with a revision", options: { create: true, revision: true } },
    { title: "made for text", options: { create: true, valueType: "text" }, laws: OF_VALUES, except: [TEXT_IS_TEXT] },
    { title: "made for a tenant", options: { create: true, where: { tenant: "a", active: true } } },
    {
      title: "one with other columns",
      options: { keyColumn: "name", valueColumn: "body" },
      make: make("id INTEGER PRIMARY KEY, name VARCHAR(255) NOT NULL UNIQUE, note TEXT DEFAULT 'none', body TEXT"),
      versionsTellContents: true,
      except: [TEXT_IS_TEXT],
    },
    {
      title: "one like Django's cache, with a revision (CT)",
      options: {
        keyColumn: "cache_key",
        expiresColumn: "expires",
        versionColumn: "lock",
        create: true,
        revision: true,
      },
      make: make(
        "cache_key varchar(255) NOT NULL PRIMARY KEY, value text NOT NULL, expires datetime NOT NULL, lock INT",
      ),
      except: [TEXT_IS_TEXT],
    },
    {
      title: "whole rows",
      options: { keyColumn: "name", rows: true, expiresColumn: "until" },
      make: make("id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT, until REAL, n INT DEFAULT 7"),
      versionsTellContents: true,
      except: [TEXT_IS_TEXT],
    },
    {
      title: "rows of one kind among others",
      options: { where: { kind: "flag" }, versionColumn: "v", revision: true, create: true, expiresColumn: "until" },
      make: (table) => {
        make("key TEXT PRIMARY KEY, kind TEXT, v TEXT, value BLOB, until INTEGER")(table);
        return run(`INSERT INTO "${table}" VALUES ('of another kind', 'other', 'v', x'00', NULL)`);
      },
    },
  ];
}

describe("tables of SQLite", () => {
  checkTableLaws("node:sqlite", () => node, subjects((text) => node.exec(text)));
  checkTableLaws("bun:sqlite", () => bun, subjects((text) => bun.prepare(text).run()).slice(0, 2), {
    skip: isBun ? false : "bun:sqlite is there on Bun alone",
  });
  const onLibsql = subjects((text) => libsql.execute(text));
  checkTableLaws("libsql", () => libsql, [onLibsql[1]!, onLibsql[2]!, onLibsql[6]!]);
});
