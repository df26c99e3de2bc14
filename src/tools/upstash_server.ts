/**
 * A local Upstash: the REST API of Upstash Redis in front of any Redis, as a handler of web requests.
 *
 * It speaks what the vendor documents (https://upstash.com/docs/redis/features/restapi): commands as JSON and as paths,
 * pipelines, transactions, base64, subscriptions as server-sent events. `MONITOR`, the format RESP2 and commands that block or
 * that change the connection are refused.
 *
 * @module
 */

import { checkOptions } from "../core/options.ts";
import { errorJson, jsonResponse, resultJson } from "./upstash_server/answers.ts";
import { bodyCommand, bodyCommands, type Command, pathCommand, pathWords, refusal } from "./upstash_server/commands.ts";
import type { RedisConnection, RedisReply } from "./upstash_server/connection.ts";
import { dial } from "./upstash_server/dial.ts";
import { eventStream } from "./upstash_server/events.ts";

export type { RedisConnection, RedisReply } from "./upstash_server/connection.ts";

/** How {@linkcode upstashServer} answers. */
export interface UpstashServerOptions {
  /** What a request has to show, as `Authorization: Bearer …` or as the parameter `_token`. */
  readonly token: string;
}

/** A handler of web requests, for `Deno.serve()`, `Bun.serve({ fetch })`, a worker or a test. */
export interface UpstashServer {
  /** The answer to one request. */
  (request: Request): Promise<Response>;
  /** Lets go of the connection. */
  close(): Promise<void>;
}

/**
 * A handler that speaks the REST API of Upstash in front of a Redis, which is named by its URL or is a connection.
 *
 * @throws {TypeError} If an option is unknown, or there is no token.
 *
 * @example A Redis that knows one command
 * ```ts
 * import { upstashServer } from "@everymap/everymap/tools/upstash-server";
 * import { assertEquals } from "@std/assert";
 *
 * const redis = { send: ([, text]: readonly unknown[]) => Promise.resolve(text) };
 * const handler = upstashServer(redis, { token: "secret" });
 * const response = await handler(new Request("http://localhost/echo/hello?_token=secret"));
 * assertEquals(await response.json(), { result: "hello" });
 * ```
 */
export function upstashServer(redis: RedisConnection | string, options: UpstashServerOptions): UpstashServer {
  checkOptions("upstashServer", options, ["token"]);
  const { token } = options;
  if (typeof token !== "string" || token === "") throw new TypeError("Cannot make upstashServer: it needs a token");
  const connection = typeof redis === "string" ? dial(redis) : redis;
  const begun = Date.now().toString(36);
  let requests = 0;
  const handler = async (request: Request): Promise<Response> => {
    const headers = { "upstash-sync-token": `${begun}.${++requests}` };
    try {
      return await answer(connection, token, request, headers);
    } catch (error) {
      if (isWordOfServer(error)) return jsonResponse(400, errorJson(error), headers);
      return jsonResponse(503, errorJson(new Error("ERR Redis cannot be reached")), headers);
    }
  };
  return Object.assign(handler, { close: async () => await connection.close?.() });
}

async function answer(
  redis: RedisConnection,
  token: string,
  request: Request,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const url = new URL(request.url);
  if (!["GET", "HEAD", "POST", "PUT"].includes(request.method)) {
    return jsonResponse(405, errorJson(new Error("ERR Method not allowed")), headers);
  }
  const bearer = /^Bearer +(.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if ((bearer ?? url.searchParams.get("_token")) !== token) {
    return jsonResponse(401, errorJson(new Error("WRONGPASS invalid or missing auth token")), headers);
  }
  if ((request.headers.get("upstash-response-format") ?? "json") !== "json") {
    throw new Error("ERR unsupported response format");
  }
  const base64 = request.headers.get("upstash-encoding") === "base64";
  const body = new Uint8Array(await request.arrayBuffer());
  const [first = "", ...names] = pathWords(url);
  const place = first.toLowerCase();
  if (place === "pipeline") return jsonResponse(200, await pipeline(redis, bodyCommands(body), base64), headers);
  if (place === "multi-exec") return jsonResponse(200, await transaction(redis, bodyCommands(body), base64), headers);
  if ((place === "subscribe" || place === "psubscribe") && redis.listen) {
    return await eventStream(redis.listen.bind(redis), place, names, request.signal, headers);
  }
  const command = first === "" ? bodyCommand(body) : pathCommand(url, body);
  return jsonResponse(200, resultJson(await send(redis, command), base64), headers);
}

async function send(redis: RedisConnection, command: Command): Promise<RedisReply> {
  const refused = refusal(command);
  if (refused) throw refused;
  return await redis.send(command) as RedisReply;
}

// What Redis says begins with a word in capitals; what a connection says of itself does not.
function isWordOfServer(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z]+\b/.test(error.message);
}

function orError(error: unknown): Error {
  if (isWordOfServer(error)) return error;
  throw error;
}

async function pipeline(redis: RedisConnection, commands: readonly Command[], base64: boolean): Promise<string> {
  const replies = commands.map((command) => send(redis, command).catch(orError));
  return `[${(await Promise.all(replies)).map((reply) => resultJson(reply, base64)).join()}]`;
}

async function transaction(redis: RedisConnection, commands: readonly Command[], base64: boolean): Promise<string> {
  for (const command of commands) {
    const refused = refusal(command);
    if (refused) throw refused;
  }
  // All in one go, so that no command of another request gets between.
  const sent = [["MULTI"], ...commands, ["EXEC"]].map((command) => redis.send(command).catch(orError));
  const replies = await Promise.all(sent);
  const failed = replies.find((reply) => reply instanceof Error);
  if (failed) throw failed;
  return `[${(replies.at(-1) as RedisReply[]).map((reply) => resultJson(reply, base64)).join()}]`;
}
