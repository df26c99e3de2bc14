/**
 * Commands as requests to the REST API hold them, and which of them it refuses.
 *
 * @module
 */

/** One command: its name and its arguments. */
export type Command = readonly (string | Uint8Array)[];

// What changes the connection that all requests share, holds it up, or gives no answer.
const REFUSED: ReadonlySet<string> = new Set(
  ("ASKING AUTH BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT DEBUG DISCARD EXEC FAILOVER HELLO " +
    "MONITOR MULTI PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT READONLY READWRITE REPLCONF REPLICAOF RESET SELECT SHUTDOWN SLAVEOF " +
    "SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH").split(" "),
);

/** Why a command cannot go over a connection that many share, or `undefined` if it can. */
export function refusal(command: Command): Error | undefined {
  const name = `${command[0]}`.toUpperCase();
  const words = command.map((word) => typeof word === "string" ? word.toUpperCase() : "");
  const blocks = /^XREAD/.test(name) && words.slice(0, words.indexOf("STREAMS")).includes("BLOCK");
  return REFUSED.has(name) || blocks ? new Error(`ERR Command is not available: '${name}'`) : undefined;
}

/** The words between the slashes of the path. */
export function pathWords(url: URL): string[] {
  const words = url.pathname.split("/").slice(1);
  if (words.at(-1) === "") words.pop();
  return words.map(decode);
}

/** The command of a path such as `/set/key`: then the body, then the parameters of the query but for the token. */
export function pathCommand(url: URL, body: Uint8Array): Command {
  const query = url.search.slice(1).split("&").filter((pair) => pair !== "" && !/^_token(=|$)/.test(pair));
  return [
    ...pathWords(url),
    ...(body.length > 0 ? [body] : []),
    // A parameter without a value is a word by itself, such as NX.
    ...query.flatMap((pair) => {
      const at = pair.indexOf("=");
      const parts = at < 0 ? [pair] : [pair.slice(0, at), pair.slice(at + 1)];
      return parts.map((part) => decode(part.replaceAll("+", " ")));
    }),
  ];
}

/**
 * The command of a body that is a JSON array.
 *
 * @throws {Error} In words of the server, if it is none.
 */
export function bodyCommand(body: Uint8Array): Command {
  return toCommand(parse(body));
}

/**
 * The commands of a body that is a JSON array of arrays.
 *
 * @throws {Error} In words of the server, if it is none.
 */
export function bodyCommands(body: Uint8Array): Command[] {
  const rows = parse(body);
  if (!Array.isArray(rows)) throw new Error("ERR failed to parse pipeline request");
  if (rows.length === 0) throw new Error("ERR empty pipeline request");
  return rows.map(toCommand);
}

function parse(body: Uint8Array): unknown {
  const text = new TextDecoder().decode(body);
  try {
    // An integer of many digits keeps them all, as text.
    const exact = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
      typeof value === "number" ? context?.source ?? value : value;
    return /\d{16}/.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
  } catch {
    throw new Error("ERR failed to parse request: it is not JSON");
  }
}

function toCommand(row: unknown): Command {
  if (!Array.isArray(row)) throw new Error("ERR failed to parse command: it is not an array");
  if (row.length === 0) throw new Error("ERR empty command");
  return row.map((word) => {
    if (typeof word === "string") return word;
    if (typeof word === "number" || typeof word === "boolean") return `${word}`;
    throw new Error("ERR failed to parse command: its parts are strings, numbers and booleans");
  });
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error("ERR failed to parse path");
  }
}
