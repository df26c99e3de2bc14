/**
 * Requests to S3 that no store would make.
 *
 * @module
 */

import { AwsV4Signer } from "aws4fetch";
import type { RadosgwAccount } from "./radosgw.ts";

/** What a request holds beside its address. */
export interface SignedRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** Sends a signed request. */
export async function signedFetch(
  account: RadosgwAccount,
  url: string,
  request: SignedRequest = {},
): Promise<Response> {
  const { method = "GET", headers = {}, body = "" } = request;
  const hash = new Uint8Array(
    await crypto.subtle.digest(
      "SHA-256",
      typeof body === "string" ? new TextEncoder().encode(body) : body as BufferSource,
    ),
  );
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const all = { ...headers, "x-amz-content-sha256": hex };
  const signed = await new AwsV4Signer({ ...account, url, method, headers: all, service: "s3", region: "us-east-1" })
    .sign();
  return await fetch(signed.url, { method, headers: signed.headers, body: body.length > 0 ? body as BodyInit : null });
}
