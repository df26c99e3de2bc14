/**
 * What S3's refusals mean.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { textOf } from "./xml.ts";

/** The call that a failure belongs to. */
export interface S3Call {
  /** Name of the store. */
  readonly store: string;
  /** What was asked for. */
  readonly operation: string;
  /** The key, if there is one. */
  readonly key?: string | undefined;
}

/** A failure, and what can be done about it. */
export class Failure {
  /** What the caller gets if nothing can be done. */
  readonly error: StoreError;
  /** The name that S3 gave it. */
  readonly name: string;
  /** Whether trying again may help. */
  readonly isPassing: boolean;
  /** Milliseconds to wait before that, if the server says so. */
  readonly retryAfter: number;

  constructor(error: StoreError, name = "", isPassing = false, retryAfter = 0) {
    this.error = error;
    this.name = name;
    this.isPassing = isPassing;
    this.retryAfter = retryAfter;
  }
}

const CODES: Readonly<Record<string, StoreErrorCode>> = {
  AccessDenied: "denied",
  EntityTooLarge: "too-large",
  ExpiredToken: "denied",
  InvalidToken: "denied",
  KeyTooLongError: "invalid-key",
  MetadataTooLarge: "too-large",
  NotImplemented: "unsupported",
  AccessControlListNotSupported: "unsupported",
  MethodNotAllowed: "unsupported",
  QuotaExceeded: "denied",
};

/** Names of failures that pass, whatever their status. */
const PASSING =
  /^(InternalError|SlowDown|ServiceUnavailable|RequestTimeout|OperationAborted|ConditionalRequestConflict|BadDigest)$/;

/** The failure that an answer stands for, from its status, its headers and its text. */
export function failureOf(response: Response, text: string, call: S3Call): Failure {
  const { status, headers } = response;
  const name = textOf(text, "Code") ?? "";
  const region = headers.get("x-amz-bucket-region") ?? textOf(text, "Region");
  const isPassing = PASSING.test(name) || status === 429 || (status >= 500 && status !== 501);
  const fail = (code: StoreErrorCode, reason: string, retryable = isPassing) =>
    new Failure(new StoreError(code, { ...call, reason, retryable }), name, isPassing, retryAfterOf(headers));
  const said = name ? `${status} ${name}` : `status ${status}`;
  if (region && (status === 301 || status === 307 || status === 400)) {
    return fail("unavailable", `the bucket is in region ${region}`);
  }
  if (status >= 300 && status < 400) return fail("unavailable", `the endpoint redirects (${said})`);
  if (name === "NoSuchBucket") return fail("unavailable", "the bucket does not exist");
  if (isPassing) return fail("unavailable", said);
  const code = CODES[name] ?? (status === 501 || status === 405 ? "unsupported" : undefined);
  if (code) return fail(code, said);
  if (!name && /html/.test(headers.get("content-type") ?? "")) {
    return fail("unavailable", `not an answer of S3 (${said})`);
  }
  if (status === 401 || status === 403) return fail("denied", said);
  if (status === 413) return fail("too-large", said);
  return fail("unavailable", said);
}

/** The failure of an answer that S3 would not give. */
export function strange(call: S3Call, reason: string): Failure {
  return new Failure(
    new StoreError("unavailable", { ...call, reason: `not an answer of S3: ${reason}`, retryable: false }),
  );
}

/** The failure of an answer that broke off. */
export function brokenOff(call: S3Call, cause?: unknown): Failure {
  return new Failure(new StoreError("unavailable", { ...call, reason: "the connection broke", cause }), "", true);
}

function retryAfterOf(headers: Headers): number {
  const value = headers.get("retry-after");
  if (!value) return 0;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return wait > 0 ? wait : 0;
}
