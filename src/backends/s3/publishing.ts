/**
 * What browsers see of objects: addresses, media types, who may read.
 *
 * @module
 */

import { toMilliseconds } from "../../core/lifetime.ts";
import type { Duration } from "../../core/lifetime.ts";
import { drain, type S3Client } from "./client.ts";

/** What an address with a signature allows. */
export interface PresignOptions {
  /** What can be done with it. @default {"GET"} */
  readonly method?: "GET" | "HEAD" | "PUT" | "DELETE" | undefined;
  /** For how long, in milliseconds or as a {@linkcode Duration}; at most 7 days. @default {1 hour} */
  readonly expiresIn?: number | Duration | undefined;
  /** The media type that a `PUT` must name, or that a `GET` is answered with. @default {any; the object's} */
  readonly contentType?: string | undefined;
  /** Name under which a browser saves it. @default {the browser shows it} */
  readonly download?: string | undefined;
}

const WEEK = 604_800_000;

/** The query and the headers of an address with a signature. */
export function presignParts(options: PresignOptions): {
  readonly method: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { method = "GET", expiresIn = 3_600_000, contentType, download } = options;
  const length = toMilliseconds(expiresIn, "expiresIn");
  if (!(length >= 1000 && length <= WEEK)) {
    throw new RangeError("Cannot presign: expiresIn must be from 1 second to 7 days");
  }
  const query: Record<string, string> = { "X-Amz-Expires": `${Math.floor(length / 1000)}` };
  if (contentType && method === "GET") query["response-content-type"] = contentType;
  if (download !== undefined) query["response-content-disposition"] = attachment(download);
  return { method, query, headers: contentType && method === "PUT" ? { "content-type": contentType } : {} };
}

/** `Content-Disposition` for a file of this name (RFC 6266). */
function attachment(name: string): string {
  const plain = name.replace(/[^ -~]|["\\%]/gu, "_");
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"${plain === name ? "" : `; filename*=UTF-8''${exact}`}`;
}

/** Makes an object readable for everybody, or for its owner alone; `false` if there is none. */
export async function setAccess(
  client: S3Client,
  { key, name, isPublic, signal }: {
    readonly key: string;
    readonly name: string;
    readonly isPublic: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<boolean> {
  const headers = { "x-amz-acl": isPublic ? "public-read" : "private" };
  const request = {
    operation: "publish",
    key,
    name,
    method: "PUT",
    query: { acl: "" },
    headers,
    accepts: [404],
    signal,
  };
  return await client.send(request, async (response) => {
    await drain(response);
    return response.ok;
  });
}

/** Whether everybody may read an object; not, where there are no access lists. */
export async function isPublicObject(
  client: S3Client,
  call: {
    readonly operation: string;
    readonly key: string;
    readonly name: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<boolean> {
  const request = { ...call, query: { acl: "" }, accepts: [400, 403, 404, 405, 501] };
  return await client.send(request, async (response) => {
    const text = await response.text();
    return response.ok && /groups\/global\/AllUsers/.test(text);
  });
}
