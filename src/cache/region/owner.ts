/**
 * Who holds a lease: a token that nobody else has.
 *
 * @module
 */

/** A new token. */
export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const live = new Set<string>();
let process: string | undefined;
let count = 0;

/** A new token of this process, which counts as live until it is retired. */
export function newOwner(): string {
  const token = `${process ??= newToken()}.${++count}`;
  live.add(token);
  return token;
}

/** Says that the owner of this token does nothing any more. */
export function retire(token: string): void {
  live.delete(token);
}

/** Whether a token is one of this process that is retired: what it holds in a store was left there by a failure. */
export function isLeftBehind(token: string): boolean {
  return process !== undefined && token.startsWith(process) && !live.has(token);
}
