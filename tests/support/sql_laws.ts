/**
 * The laws of stores on tables of one client, made and found.
 *
 * @module
 */

import process from "node:process";
import { describe, test } from "node:test";
import { sql, type SqlOptions, type SqlRow, type SqlSource } from "../../src/backends/sql.ts";
import { json } from "../../src/codecs/json.ts";
import type { Backend, ByteBackend, Supports } from "../../src/core/backend.ts";
import type { Codec } from "../../src/core/codec.ts";
import { encoded } from "../../src/core/encoded.ts";
import type { StoreSubject } from "../../src/testing/laws/law.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** What tables keep by themselves. */
export const SUPPORTS: Supports = {
  list: true,
  order: true,
  ttl: true,
  create: true,
  swap: true,
  stream: false,
  revision: false,
};

/** No table keeps it: text of Postgres has no U+0000. */
export const refusesKey = (key: string): boolean => key.includes("\0");

let tables = 0;
/** A name that no other table has. */
export const newTable = (): string => `table ${process.pid}_${tables++}`;

/** A table to run the laws on. */
export interface TableSubject {
  readonly title: string;
  readonly options?: Partial<SqlOptions>;
  /** Makes the table, if `create` does not. */
  readonly make?: (table: string) => unknown;
  /** Laws that do not hold there, and why. */
  readonly except?: readonly (readonly [law: RegExp, reason: string])[];
  /** Only these laws. @default {all} */
  readonly only?: RegExp;
}

/** Registers the laws for tables of each kind. */
export function checkTableLaws(
  title: string,
  client: () => SqlSource,
  subjects: readonly TableSubject[],
  skip: string | false = false,
): void {
  for (const { title: kind, options = {}, make, except = [], only = /./ } of subjects) {
    describe(`sql on ${title}: ${kind}`, { skip }, () => {
      const supports = {
        ...SUPPORTS,
        ttl: options.create === true || options.expiresColumn !== undefined,
        revision: options.revision ?? false,
      };
      const subject: StoreSubject = {
        refusesKey,
        make: async (clock) => {
          const table = newTable();
          await make?.(table);
          return { open: () => openTable(client(), { ...options, table, now: clock.now }) };
        },
      };
      for (const law of storeLawsFor(supports)) {
        if (!only.test(law.title)) continue;
        const [, reason] = except.find(([title]) => title.test(law.title)) ?? [];
        test(law.title, { skip: reason ?? false }, () => law.run(subject));
      }
    });
  }
}

/** A backend on the table; one of rows takes any value, in its column `body`. */
export function openTable(client: SqlSource, options: SqlOptions): ByteBackend | Backend<unknown> {
  if (!options.rows) return sql(client, { ...options, rows: false });
  return Object.assign(sql(client, { ...options, rows: true }), { codec: inBody, encoded }) as unknown as ByteBackend;
}

const text = json();
const inBody: Codec<unknown, SqlRow> = {
  name: "body",
  encode: (value) => ({ body: new TextDecoder().decode(text.encode(value) as Uint8Array) }),
  decode: ({ body }) => text.decode(new TextEncoder().encode(body as string)),
};
