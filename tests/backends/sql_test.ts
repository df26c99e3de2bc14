import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { createClient } from "@libsql/client";
import { Miniflare } from "miniflare";
import { sql, type SqlOptions, type SqlSource } from "../../src/backends/sql.ts";
import { checkTableLaws } from "../support/sql_laws.ts";

const folder = mkdtempSync(join(tmpdir(), "everymap-sql-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const { DatabaseSync } = process.getBuiltinModule("node:sqlite");

const database = new DatabaseSync(":memory:");
checkTableLaws("node:sqlite", () => database, [{ title: "made", options: { create: true } }, { title: "revision", options: { create: true, revision: true } }]);
