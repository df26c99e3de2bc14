/**
 * A look at a table: its columns and what makes its rows unique.
 *
 * @module
 */

import { quote } from "./draft.ts";
import type { SqlClient } from "./sql_client.ts";

/** A column of a table. */
export interface Column {
  readonly name: string;
  /** Its type as the database writes it; in SQLite as it was declared, in capitals. */
  readonly type: string;
  readonly nullable: boolean;
  /** Whether it is part of the primary key. */
  readonly primary: boolean;
  /** Whether only the database gives it values. */
  readonly computed: boolean;
  /** Whether the database numbers the rows with it. */
  readonly identity: boolean;
  /** What a row has there that is not told otherwise, as an expression. */
  readonly fallback: string;
}

/** A table or a view. */
export interface TableShape {
  /** Whether it is an ordinary table of Postgres, whose rows know the transaction that wrote them. */
  readonly hasXmin: boolean;
  readonly columns: readonly Column[];
  /** Types of moments that the client reads as those of the clock on the wall here. */
  readonly localTypes: readonly string[];
  /** The columns of each unique index that tells all texts apart; `undefined` where there are none to be seen, as in a view. */
  readonly uniques: readonly (readonly string[])[] | undefined;
}

interface Row {
  readonly kind: string | null;
  // SQLite has no yes and no but 1 and 0.
  readonly columns:
    | readonly { readonly [Name in keyof Column]: Column[Name] extends string ? string : unknown }[]
    | null;
  readonly uniques: readonly (readonly (string | null)[])[] | null;
}

// A domain counts as the type below it; without -1 the type of fixed characters would be that of a single one.
const POSTGRES = (day: string) =>
  `SELECT timestamp '${day}' AS t, date '${day}' AS d, json_build_object('kind', c.relkind,
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'nullable', NOT a.attnotnull,
      'type', format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, -1),
      'computed', a.attgenerated <> '' OR a.attidentity = 'a', 'identity', a.attidentity <> '', 'fallback', 'DEFAULT',
      'primary', EXISTS (SELECT FROM pg_index i
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey::int2[])))
    ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'uniques', (SELECT json_agg((SELECT json_agg(a.attname) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
    FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (
        SELECT FROM pg_collation l WHERE l.oid = ANY (i.indcollation::oid[]) AND NOT l.collisdeterministic)))::text AS shape
  FROM pg_class c WHERE c.oid = to_regclass($1)`;

const SQLITE = (schema: string) =>
  `SELECT json_object('kind', (SELECT type FROM ${schema}sqlite_schema
    WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')),
  'columns', json((SELECT json_group_array(json_object('name', name, 'type', upper(type), 'nullable', NOT "notnull",
    'primary', pk > 0, 'computed', hidden > 1, 'identity', 0, 'fallback', '(' || ifnull(dflt_value, 'NULL') || ')'))
    FROM pragma_table_xinfo(?1, ?2))),
  'uniques', json((SELECT json_group_array(json((SELECT json_group_array(name) FROM pragma_index_info(l.name, ?2))))
    FROM pragma_index_list(?1, ?2) AS l WHERE l."unique" AND NOT l.partial
      AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name, ?2) WHERE key AND coll <> 'BINARY')))) AS shape`;

/** The table as it is, or `undefined` if there is none of that name. */
export async function lookAtTable(
  client: SqlClient,
  schema: string | undefined,
  table: string,
): Promise<TableShape | undefined> {
  const isPostgres = client.dialect === "postgres";
  const prefix = schema === undefined ? "" : `${quote(schema)}.`;
  // One on which the clock on the wall is not UTC, so that it shows which one a client takes.
  const day = new Date(2000, 6).getTimezoneOffset() === 0 ? "2000-01-01" : "2000-07-01";
  const { rows } = await client.run({
    text: isPostgres ? POSTGRES(day) : SQLITE(prefix),
    values: isPostgres ? [prefix + quote(table)] : [table, schema ?? "main"],
    hasRows: true,
  });
  const { shape, t, d } = rows[0] ?? {};
  if (typeof shape !== "string") return undefined;
  const { kind, columns, uniques } = JSON.parse(shape) as Row;
  if (kind === null) return undefined;
  const isLocal = (moment: unknown) => moment instanceof Date && moment.getTime() !== Date.parse(day);
  return {
    localTypes: [...isLocal(t) ? ["timestamp without time zone"] : [], ...isLocal(d) ? ["date"] : []],
    hasXmin: kind === "r",
    columns: (columns ?? []).map(({ nullable, primary, computed, identity, ...texts }) => ({
      ...texts,
      nullable: Boolean(nullable),
      primary: Boolean(primary),
      computed: Boolean(computed),
      identity: Boolean(identity),
    })),
    uniques: kind !== "r" && kind !== "p" && kind !== "table"
      ? undefined
      : (uniques ?? []).filter((names): names is string[] => !names.includes(null)),
  };
}
