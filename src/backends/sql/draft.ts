/**
 * A statement while it is written: text and the values that it binds.
 *
 * @module
 */

import type { SqlDialect, SqlStatement, SqlValue } from "./sql_client.ts";

/** Writes down values and answers what stands for them in the text. */
export class Draft {
  readonly #dialect: SqlDialect;
  readonly #values: SqlValue[] = [];

  constructor(dialect: SqlDialect) {
    this.#dialect = dialect;
  }

  /** How many values it binds so far. */
  get size(): number {
    return this.#values.length;
  }

  /** What stands for the value; Postgres is told its type. */
  bind(value: SqlValue, type?: string): string {
    const number = this.#values.push(value);
    if (this.#dialect === "sqlite") return `?${number}`;
    return type === undefined ? `$${number}` : `$${number}::${type}`;
  }

  /** The statement with this text. */
  statement(text: string, hasRows: boolean): SqlStatement {
    return { text, values: this.#values, hasRows };
  }
}

/** A name of a table or a column, as it stands in statements. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
