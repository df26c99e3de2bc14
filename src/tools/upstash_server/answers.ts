/**
 * Replies of Redis as the JSON of the REST API.
 *
 * @module
 */

import { toBase64 } from "../../core/base64.ts";
import type { RedisReply } from "./connection.ts";

/** How an answer is written. */
export interface AnswerFormat {
  /** Whether strings are base64, but for an `OK` that is the whole answer. */
  readonly base64: boolean;
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One reply, or an error, as an object in JSON. */
export function resultJson(reply: RedisReply, base64: boolean): string {
  if (reply instanceof Error) return errorJson(reply);
  return `{"result":${base64 && textOf(reply) === "OK" ? '"OK"' : toJson(reply, base64)}}`;
}

/** An error as an object in JSON. */
export function errorJson({ message }: Error): string {
  return `{"error":${JSON.stringify(message)}}`;
}

/** A response of this JSON. */
export function jsonResponse(status: number, json: string, headers: Readonly<Record<string, string>>): Response {
  return new Response(json, { status, headers: { "content-type": "application/json", ...headers } });
}

/** Bytes as text, where those that are none become U+FFFD; other replies as they are. */
export function textOf(reply: RedisReply): string {
  return reply instanceof Uint8Array ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(reply) : `${reply ?? ""}`;
}

// By hand, because JSON.stringify() has no way to write an integer above 2^53.
function toJson(reply: RedisReply, base64: boolean): string {
  if (typeof reply === "number" || typeof reply === "bigint") return `${reply}`;
  if (Array.isArray(reply)) return `[${reply.map((part: RedisReply) => toJson(part, base64)).join()}]`;
  if (typeof reply !== "string" && !(reply instanceof Uint8Array)) {
    return reply instanceof Error ? errorJson(reply) : "null";
  }
  if (!base64) return JSON.stringify(textOf(reply));
  return `"${toBase64(typeof reply === "string" ? new TextEncoder().encode(reply) : reply)}"`;
}
