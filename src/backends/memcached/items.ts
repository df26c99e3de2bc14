/**
 * The commands for one key on its server: what a read, a write or a removal says, and what the reply means.
 *
 * @module
 */

import type { Condition, Entry } from "../../core/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { frame } from "../../core/frame.ts";
import { type Asking, type Connection, failure, type Reply } from "./connection.ts";
import { casOf, type Found, foundIn, isLive, type Kept, versionOf, wireVersionOf } from "./found.ts";
import { isLiveByFlags, lifetimeTokens } from "./lifetimes.ts";
import { tokenOf } from "./reply_reader.ts";
import { isHashed } from "./wire_keys.ts";

/** The header of an item in memcached 1.6, with its version and flags. */
const ITEM_BYTES = 48 + 8 + 4;

/** A key on its server. */
export interface Spot {
  readonly asking: Asking;
  readonly key: string;
  readonly wireKey: string;
  readonly connection: Connection;
  /** When the call began: its deadline counts from here. */
  readonly since: number;
}

/** The command that reads a key. */
export function readingOf(wireKey: string, details: boolean | undefined): string {
  return details ? `mg ${wireKey} v c\r\n` : `mg ${wireKey} v\r\n`;
}

/** Whether a value may be too large for a server of 1,000 bytes an item, the least that there is. */
export function mayBeTooLarge(key: string, raw: Uint8Array): boolean {
  return raw.length + 3 * key.length > 1000 - ITEM_BYTES;
}

/** Reads, writes and removes what a server has under a key. */
export class Items {
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  /** The entry. */
  read(spot: Spot, details?: boolean): Promise<Entry<Uint8Array> | undefined> {
    const { asking, connection, since } = spot;
    const head = readingOf(spot.wireKey, details);
    return connection.exchange(asking, head, undefined, since, (reply) => this.entryIn(spot, reply, details));
  }

  /** The entry in a reply. */
  entryIn(spot: Spot, reply: Reply, details?: boolean): Entry<Uint8Array> | undefined {
    if (reply.line === "EN") return undefined;
    const found = foundBy(spot, reply);
    if (found === undefined || !isLive(found, this.#now())) return undefined;
    return details ? entryOf(spot, found) : { value: found.value };
  }

  /** Whether there is an entry, by its flags alone where they say so. */
  async has(spot: Spot): Promise<boolean> {
    const { line } = await ask(spot, `mg ${spot.wireKey} f\r\n`);
    if (line === "EN") return false;
    const flags = Number(tokenOf(line, "f") ?? refused(spot.asking, line));
    return isLiveByFlags(flags, this.#now()) ?? await this.read(spot) !== undefined;
  }

  /** Writes; `false` if the condition failed, the new version where there was one, else `true`. */
  write(spot: Spot, kept: Kept, condition: Condition | undefined): Promise<string | boolean> | false {
    if (condition === undefined) return this.#put(spot, kept);
    if (condition === "absent") return this.#add(spot, kept);
    const expected = this.#expected(spot, condition.version);
    return expected === undefined ? false : this.#put(spot, kept, ` C${expected}`);
  }

  /** Removes the entry, of this version if one is given; whether it was there. */
  async remove(spot: Spot, version: string | undefined): Promise<boolean> {
    if (version !== undefined) {
      const expected = this.#expected(spot, version);
      return expected !== undefined && await remove(spot, ` C${expected}`);
    }
    // The server does not know of an entry that is expired for us; both go out in one write.
    const [found, isGone] = await Promise.all([find(spot), remove(spot)]);
    return isGone && (found === undefined || isLive(found, this.#now()));
  }

  /** Writes the entry anew with another moment, which stands in the value, over the version that was read. */
  async touch(spot: Spot, expiresAt: number | undefined): Promise<boolean> {
    for (;;) {
      const found = await find(spot);
      if (!found || !isLive(found, this.#now())) return false;
      if (await this.#put(spot, { value: found.value, expiresAt }, ` C${casOf(found)}`) !== false) return true;
    }
  }

  /** Reads and removes the entry. */
  async take(spot: Spot): Promise<Entry<Uint8Array> | undefined> {
    for (;;) {
      const found = await find(spot);
      if (!found || !isLive(found, this.#now())) return undefined;
      if (await remove(spot, ` C${casOf(found)}`)) return entryOf(spot, found);
    }
  }

  /** The server's number for a version; `undefined` if an entry cannot have it any more. */
  #expected({ connection: { about } }: Spot, version: string): string | undefined {
    const wanted = wireVersionOf(version);
    if (wanted?.epoch !== about.epoch || !isLive(wanted, this.#now())) return undefined;
    return wanted.cas;
  }

  /** Writes; the version is asked for where there is a condition, and without one the answer is `true`. */
  #put(spot: Spot, kept: Kept, condition = ""): Promise<string | boolean> {
    const { wireKey, asking, connection, since } = spot;
    const bytes = bytesOf(spot, kept);
    const lifetime = kept.expiresAt === undefined ? "" : lifetimeTokens(kept.expiresAt, this.#now());
    const head = `ms ${wireKey} ${bytes.length}${lifetime}${condition && ` c${condition}`}\r\n`;
    return connection.exchange(asking, head, bytes, since, ({ line }) => {
      if (line === "HD") return true;
      const cas = line.startsWith("HD") ? tokenOf(line, "c") : undefined;
      if (cas !== undefined) return versionOf({ epoch: connection.about.epoch, cas, expiresAt: kept.expiresAt });
      if (/^(NS|EX|NF)\b/.test(line)) return false;
      // The server drops what it had rather than keep an old value.
      return line.includes("too large") ? tooLarge(spot) : refused(asking, line);
    });
  }

  async #add(spot: Spot, kept: Kept): Promise<string | boolean> {
    for (;;) {
      const version = await this.#put(spot, kept, " ME");
      if (version !== false) return version;
      const reply = await ask(spot, readingOf(spot.wireKey, true));
      if (reply.line === "EN") continue;
      const there = foundBy(spot, reply);
      if (there && isLive(there, this.#now())) return false;
      // Expired for us and not yet for the server, or that of another key.
      const answer = await this.#put(spot, kept, ` C${casOf(reply)}`);
      if (answer) return answer;
    }
  }
}

/**
 * What is kept of the entry.
 *
 * @throws {StoreError} `too-large`: told to keep such a value the server drops what it had.
 */
export function bytesOf(spot: Spot, { value, expiresAt }: Kept): Uint8Array {
  const { wireKey, key, connection } = spot;
  const bytes = frame({ payload: value, expiresAt, key: isHashed(wireKey) ? key : undefined });
  // 1 for the end of the key, 2 for that of the value.
  const size = ITEM_BYTES + wireKey.length + 1 + bytes.length + 2;
  if (size > connection.about.maxItemBytes) tooLarge(spot);
  return bytes;
}

/** Says what the server answered, and that this was not to be expected. */
export function refused(asking: Asking, line: string): never {
  const isMemory = line.includes("out of memory");
  throw failure(asking, "unavailable", isMemory ? "the server is out of memory" : `the server says ${said(line)}`);
}

function ask({ asking, connection, since }: Spot, head: string): Promise<Reply> {
  return connection.send(asking, head, undefined, since);
}

/** What the server has, expired or not. */
async function find(spot: Spot): Promise<Found | undefined> {
  const reply = await ask(spot, readingOf(spot.wireKey, true));
  return reply.line === "EN" ? undefined : foundBy(spot, reply);
}

function foundBy(spot: Spot, reply: Reply): Found | undefined {
  if (reply.value === undefined) refused(spot.asking, reply.line);
  return foundIn(spot, reply);
}

function entryOf({ connection: { about } }: Spot, found: Found): Entry<Uint8Array> {
  const { value, expiresAt } = found;
  return { value, expiresAt, version: versionOf({ epoch: about.epoch, cas: casOf(found), expiresAt }) };
}

async function remove(spot: Spot, condition = ""): Promise<boolean> {
  const { line } = await ask(spot, `md ${spot.wireKey}${condition}\r\n`);
  if (line === "HD") return true;
  return line === "NF" || line === "EX" ? false : refused(spot.asking, line);
}

function tooLarge({ asking, connection }: Spot): never {
  throw failure(asking, "too-large", `items may have ${connection.about.maxItemBytes} bytes`);
}

/** The first words of a reply: an error, never what an entry holds. */
function said(line: string): string {
  return JSON.stringify(line.replace(/[^\x20-\x7e]/g, "?").slice(0, 100));
}
