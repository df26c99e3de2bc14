/**
 * The keys of answers: by address, and by those fields of the request that an answer names in `Vary` (RFC 9111 §4.1).
 *
 * @module
 */

import { toBase64 } from "../../core/base64.ts";
import type { Personal } from "./storing.ts";

/** What stands for an answer that varies. */
export interface Variants {
  /** The fields of requests that tell its variants apart. */
  readonly vary: readonly string[];
  /** Part of their keys: with another one they are forgotten. */
  readonly id: string;
}

/** The key of what a request asks for; with one of its own for each credential, where answers to credentials are kept. */
export async function primaryKey(request: Request, keep: readonly Personal[]): Promise<string> {
  const key = `GET ${request.url.replace(/#.*$/, "")}`;
  const credential = keep.includes("authorization") ? request.headers.get("authorization") : null;
  return credential === null ? key : `${key} ${await digest(credential)}`;
}

/** The key of a variant. Fields may be secrets, such as cookies, so they are in it as a hash. */
export async function variantKey(
  primary: string,
  { vary, id }: Variants,
  request: Request,
): Promise<string> {
  const fields = vary.map((name) => [name, request.headers.get(name)?.replace(/\s*,\s*/g, ",").trim() ?? null]);
  return `${primary} ${id} ${await digest(JSON.stringify(fields))}`;
}

/** The names of the fields that tell variants apart, in order. */
export function varyOf(headers: Headers): string[] {
  const names = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase());
  return [...new Set(names)].filter((name) => name !== "").sort();
}

async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return toBase64(new Uint8Array(hash)).replace("=", "");
}
