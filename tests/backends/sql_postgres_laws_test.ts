import { after, before, describe } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import postgres from "postgres";
import { postgresIsMissing, type PostgresServer, startPostgres } from "../support/postgres_server.ts";
import { VALUES } from "../../src/testing/laws/law.ts";
import { checkTableLaws, OF_VALUES, type TableSubject, TEXT_IS_TEXT } from "../support/sql_laws.ts";

const skip = postgresIsMissing() ?? false;
let server: PostgresServer;
let client: postgres.Sql;
let pool: pg.Pool;
let lite: PGlite;

before(async () => {
  // First, and whole: it holds up everything while it starts.
  lite = await PGlite.create();
  if (skip) return;
  server = await startPostgres();
  client = postgres(server.url, { max: 5, onnotice: () => {} });
  pool = new pg.Pool({ connectionString: server.url, max: 5 });
});
after(async () => {
  await lite.close();
  if (skip) return;
  await client.end();
  await pool.end();
  await server.stop();
});

const make = (columns: string) => (table: string) => client.unsafe(`CREATE TABLE "${table}" (${columns})`);
const SUBJECTS: TableSubject[] = [
  { title: "a table made for it", options: { create: true, revision: true }, laws: /./ },
  { title: "made for text", options: { create: true, valueType: "text" }, laws: OF_VALUES, except: [TEXT_IS_TEXT] },
  {
    title: "made for JSON",
    options: { create: true, valueType: "json" },
    laws: OF_VALUES,
    values: VALUES.filter((value) => !`${value}`.includes("\0")),
    except: [TEXT_IS_TEXT],
  },
  {
    title: "made for a tenant, with versions",
    options: { create: true, where: { tenant: "a", active: true, shard: 7 }, versionColumn: "version" },
  },
  {
    title: "one with other columns",
    options: { keyColumn: "name", valueColumn: "body" },
    make: make("id serial PRIMARY KEY, name varchar(3000) NOT NULL UNIQUE, note text DEFAULT 'none', body json"),
    except: [TEXT_IS_TEXT],
  },
  {
    title: "one like Django's cache, with a revision (CT)",
    options: { keyColumn: "cache_key", expiresColumn: "expires", versionColumn: "lock", create: true, revision: true },
    make: make("cache_key varchar(3000) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL, lock int"),
    except: [TEXT_IS_TEXT],
  },
  {
    title: "a view, with expiry in a timestamp of no zone",
    options: { expiresColumn: "until" },
    make: async (table) => {
      await make("key text PRIMARY KEY, value bytea, until timestamp")(`${table} base`);
      await client.unsafe(`CREATE VIEW "${table}" AS SELECT * FROM "${table} base"`);
    },
    versionsTellContents: true,
  },
  {
    title: "whole rows",
    options: { keyColumn: "name", rows: true, expiresColumn: "until" },
    make: make(
      "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, body text, until bigint, n int DEFAULT 7",
    ),
    except: [TEXT_IS_TEXT],
  },
  {
    title: "rows of one kind among others",
    options: { where: { kind: "flag" }, versionColumn: "v", revision: true, create: true, expiresColumn: "until" },
    make: async (table) => {
      await make("key text PRIMARY KEY, kind text, v uuid, value bytea, until double precision")(table);
      await client.unsafe(`INSERT INTO "${table}" VALUES ('of another kind', 'other')`);
    },
  },
];
describe("tables of Postgres", () => {
  checkTableLaws("postgres", () => client, SUBJECTS, { skip });
  const [made] = SUBJECTS as [TableSubject];
  const rows = SUBJECTS.find(({ options }) => options?.rows)!;
  checkTableLaws("pg", () => pool, [made, rows].map((subject) => ({ ...subject, laws: OF_VALUES })), { skip });
  checkTableLaws("pglite", () => lite, [{ ...made, laws: OF_VALUES }], {
    refusesKey: (key) => key.includes("\0") || key.startsWith("\ufeff"),
  });
});
