/**
 * The laws of stores on tables of one client, made and found.
 *
 * @module
 */

import process from "node:process";
import { describe, test } from "node:test";
import { sql, type SqlOptions, type SqlRow, type SqlRowOptions, type SqlSource } from "../../src/backends/sql.ts";
import { json } from "../../src/codecs/json.ts";
import type { ByteBackend, Supports } from "../../src/core/backend.ts";
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

/** Laws that say something about a kind of table; the others hold where they hold for one table of the client. */
const TELLING =
  /awkward keys (list|go)|never ahead|an awkward key serves|prefix picks|every kind|did not write|many add\(\)|two stores lose|replace\(\)|version|as long as its ttl|ten years|touch\(\)|after expiry|setMany|clear\(\)|the revision|take\(\)|size, keys/;

/** Laws that say something about another type of the column of values, or another client. */
export const OF_VALUES =
  /every kind|awkward keys go through|replace\(\) writes|version changes|two stores lose|take\(\) answers|revision moves/;

/** What cannot happen where the database checks. */
export const TEXT_IS_TEXT = [/stored bytes that the codec did not write/, "its column takes text alone"] as const;

let tables = 0;
/** A name that no other table has. */
export const newTable = (): string => `table ${process.pid}_${tables++}`;

/** A table to run the laws on. */
export interface TableSubject {
  readonly title: string;
  readonly options?: Partial<SqlOptions> | Partial<SqlRowOptions>;
  /** Makes the table, if `create` does not. */
  readonly make?: (table: string) => unknown;
  /** Whether the value is the version. @default {false} */
  readonly versionsTellContents?: boolean;
  /** Laws that do not hold there, and why. */
  readonly except?: readonly (readonly [law: RegExp, reason: string])[];
  /** Which laws are run. @default {those that say something about a kind of table} */
  readonly laws?: RegExp;
  /** Values to try. @default {of all kinds} */
  readonly values?: readonly unknown[];
}

/** Registers the laws for tables of each kind. */
export function checkTableLaws(
  title: string,
  client: () => SqlSource,
  subjects: readonly TableSubject[],
  { skip = false, refusesKey = hasNull }: { skip?: string | false; refusesKey?: (key: string) => boolean } = {},
): void {
  for (
    const { title: kind, options = {}, make, except = [], laws = TELLING, values, versionsTellContents = false }
      of subjects
  ) {
    describe(`sql on ${title}: ${kind}`, { skip }, () => {
      const supports = {
        ...SUPPORTS,
        ttl: (options as SqlOptions).create === true || options.expiresColumn !== undefined,
        revision: options.revision ?? false,
      };
      const subject: StoreSubject = {
        refusesKey,
        ...(values && { values }),
        versionsTellContents,
        make: async (clock) => {
          const table = newTable();
          await make?.(table);
          return { open: () => openTable(client(), { ...options, table, now: clock.now } as SqlOptions) };
        },
      };
      for (const law of storeLawsFor(supports)) {
        if (!laws.test(law.title)) continue;
        const [, reason] = except.find(([title]) => title.test(law.title)) ?? [];
        test(law.title, { skip: reason ?? false }, () => law.run(subject));
      }
    });
  }
}

/** No table keeps it: text of Postgres has no U+0000. */
function hasNull(key: string): boolean {
  return key.includes("\0");
}

/** A backend on the table; one of rows takes any value, in its column `body`. */
export function openTable(client: SqlSource, options: SqlOptions | SqlRowOptions): ByteBackend {
  if (!options.rows) return sql(client, options);
  return Object.assign(sql(client, options), { codec: inBody, encoded }) as unknown as ByteBackend;
}

const text = json();
const inBody: Codec<unknown, SqlRow> = {
  name: "body",
  encode: (value) => ({ body: new TextDecoder().decode(text.encode(value) as Uint8Array) }),
  decode: ({ body }) => text.decode(new TextEncoder().encode(body as string)),
};
