/**
 * What a server makes of conditions: some keep them, some refuse them, some ignore them and overwrite.
 *
 * @module
 */

import type { S3Client } from "./client.ts";
import { etagOf } from "./metadata.ts";

/** The conditions that a server keeps. */
export interface Conditions {
  /** `PUT` with `If-None-Match: *`. */
  readonly create: boolean;
  /** `PUT` with `If-Match`. */
  readonly swap: boolean;
  /** `DELETE` with `If-Match`. */
  readonly remove: boolean;
  /** Whether `If-Match` takes the ETag in quotes, as HTTP wants it. */
  readonly isQuoted: boolean;
}

/** Tries conditions on an object of this name, and removes it. */
export async function probeConditions(client: S3Client, name: string): Promise<Conditions> {
  const encoder = new TextEncoder();
  const operation = "write";
  const put = (text: string, headers: Record<string, string>) =>
    client.send(
      { operation, method: "PUT", name, headers, body: encoder.encode(text), accepts: [400, 404, 409, 412, 501] },
      async ({ ok, status, headers, body }) => {
        await body?.cancel();
        return { ok, isRefused: status === 412 || status === 409, etag: etagOf(headers.get("etag")) };
      },
    );
  const drop = (headers: Record<string, string>) =>
    client.send(
      { operation, method: "DELETE", name, headers, accepts: [400, 404, 409, 412, 501] },
      async ({ status, body }) => {
        await body?.cancel();
        return status === 412 || status === 409;
      },
    );
  const { etag } = await put("first", {});
  try {
    const create = (await put("second", { "if-none-match": "*" })).isRefused;
    if (!create) return { create, swap: false, remove: false, isQuoted: true };
    const refusesOther = (await put("third", { "if-match": `"${"0".repeat(32)}"` })).isRefused;
    const isQuoted = (await put("fourth", { "if-match": `"${etag}"` })).ok;
    const swap = refusesOther && (isQuoted || (await put("fourth", { "if-match": `${etag}` })).ok);
    return { create, swap, remove: swap && await drop({ "if-match": `"${"0".repeat(32)}"` }), isQuoted };
  } finally {
    await drop({});
  }
}
