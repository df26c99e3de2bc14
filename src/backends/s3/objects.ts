/**
 * Objects as entries: what is live, what is written under a condition, what is removed by one caller only.
 *
 * S3 compares ETags, which are hashes of the bytes, so an equal value written again looks like the old one. Therefore each
 * write carries a nonce beside the bytes, which is compared first. What is left is a write of equal bytes between the
 * two requests, and to take one for the other does no harm, but for an expired entry: whoever is to replace or remove
 * one claims it first, with an object named after its nonce.
 *
 * Where the server does not delete under a condition, a removal first puts a mark over the object, with bytes like no
 * other; a mark means that the key is absent. Marks and claims are there for the moment between two requests. One that a
 * crash left behind is taken over after {@linkcode GRACE}.
 *
 * @module
 */

import { type Clock, isPast } from "../../core/clock.ts";
import { StoreError } from "../../core/store_error.ts";
import { drain, readText, type S3Client } from "./client.ts";
import type { Conditions } from "./conditional.ts";
import { brokenOff, failureOf, strange } from "./errors.ts";
import { RESERVED, toPath } from "./keys.ts";
import { etagOf, headOf, type Note, noteHeader, type ObjectHead } from "./metadata.ts";
import { isDocument, textOf } from "./xml.ts";

/** Which object, and for which call. */
export interface ObjectCall {
  readonly operation: string;
  /** The key that messages name; an object of the store's own has none. */
  readonly key?: string | undefined;
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/** Which entry, and for which call. */
export interface EntryCall extends ObjectCall {
  readonly key: string;
}

/** What is to be written. */
export interface ObjectWrite extends ObjectCall {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly note: Note;
}

/** The new version; or, where the condition did not hold, what is there instead. */
export interface PutAnswer {
  readonly version?: string | undefined;
  readonly head?: ObjectHead | undefined;
}

/** What {@linkcode S3Objects} is told once. */
export interface S3ObjectsOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  readonly conditionalWrites: boolean | "probe";
  readonly now: Clock;
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** Length of a mark in bytes, by which a listing suspects one. */
export const MARK_SIZE = 51;

/** How long a mark or a claim belongs to who wrote it, in milliseconds of the server's clock. */
const GRACE = 10_000;

const CONDITIONS: Conditions = { create: true, swap: true, remove: false, isQuoted: true };
const NO_CONDITIONS: Conditions = { create: false, swap: false, remove: false, isQuoted: true };

/** The objects of one store. */
export class S3Objects {
  readonly #options: S3ObjectsOptions;
  #conditions: Conditions | undefined;
  #probe: Promise<Conditions> | undefined;
  #isQuoted: boolean | undefined;
  #knowsBucket = false;
  #hasLifetimes = false;
  #lifetimesNoted: Promise<void> | undefined;
  #writes = 0;
  #origin = "";

  constructor(options: S3ObjectsOptions) {
    this.#options = options;
    const { conditionalWrites } = options;
    if (conditionalWrites !== "probe") this.#conditions = conditionalWrites ? CONDITIONS : NO_CONDITIONS;
  }

  /** Whether conditions are kept; taken for granted until the server was asked, which happens before the first of them. */
  get isConditional(): boolean {
    return this.#conditions?.swap ?? true;
  }

  /** What the server makes of conditions. */
  async conditions(): Promise<Conditions> {
    if (this.#conditions) return this.#conditions;
    const name = `${this.#options.prefix}${RESERVED}probe-${crypto.randomUUID()}`;
    this.#probe ??= import("./conditional.ts")
      .then(({ probeConditions }) => probeConditions(this.#options.client, name))
      .finally(() => this.#probe = undefined);
    const found = await this.#probe;
    this.#isQuoted ??= found.isQuoted;
    return this.#conditions = found.swap ? found : NO_CONDITIONS;
  }

  /** Whether an object is an entry that lives. */
  isLive({ note }: ObjectHead): boolean {
    return !note.isMark && !isPast(note.expiresAt, this.#options.now);
  }

  /** Whether somebody is about to remove or to replace what a mark stands for. */
  isBusy({ note, modifiedAt = 0, serverNow = Date.now() }: ObjectHead): boolean {
    return note.isMark === true && serverNow - modifiedAt < GRACE;
  }

  /** An object without its bytes, live or not; `undefined` if there is none. */
  async head(call: ObjectCall, checksBucket = true): Promise<ObjectHead | undefined> {
    const { client } = this.#options;
    return await client.send({ ...request(call), method: "HEAD", accepts: [404] }, async ({ status, headers }) => {
      if (status === 404) return void (checksBucket && await this.#checkBucket(call));
      return this.known(headOf(headers), call);
    });
  }

  /** The head of an entry that lives. */
  async liveHead(call: ObjectCall): Promise<ObjectHead | undefined> {
    const head = await this.head(call);
    return head && this.isLive(head) ? head : undefined;
  }

  /** Takes note that the bucket answers; an object without an ETag is somebody else's page. */
  known(head: ObjectHead | undefined, { operation, key }: ObjectCall): ObjectHead {
    if (!head) throw strange({ store: this.#options.client.store, operation, key }, "no ETag");
    this.#knowsBucket = true;
    return head;
  }

  /** A word that no other write has. */
  nonce(): string {
    // Not at the start of the program, where Cloudflare Workers have no randomness.
    this.#origin ||= crypto.randomUUID().slice(0, 18);
    return `${this.#origin}-${(this.#writes++).toString(36)}`;
  }

  /** Writes, if the condition in the headers holds. */
  async put(write: ObjectWrite, condition?: Readonly<Record<string, string>>): Promise<PutAnswer> {
    const { client } = this.#options;
    const nonce = this.nonce();
    const headers = { ...write.headers, ...noteHeader({ ...write.note, nonce }), ...condition };
    const accepts = condition ? [404, 412] : [];
    const sent = { ...request(write), method: "PUT", headers, body: write.body, accepts };
    return await client.send(sent, async (response) => {
      if (response.ok) {
        await drain(response);
        const etag = etagOf(response.headers.get("etag"));
        this.#knowsBucket = true;
        if (etag) return { version: `${etag}.${nonce}` };
        throw strange({ store: client.store, operation: write.operation, key: write.key }, "no ETag");
      }
      if (response.status === 404) await this.#checkMissing(response, write);
      else await drain(response);
      // The answer to an earlier attempt, ours or the platform's, may have been lost; then what is there now is ours.
      const head = await this.head(write);
      return head?.note.nonce === nonce ? { version: head.version } : { head };
    });
  }

  /** Writes if the key is absent; the new version, or `undefined` if it is not. */
  async add(write: ObjectWrite): Promise<string | undefined> {
    await this.#needConditions(write);
    for (let round = 0;; round++) {
      const { version, head } = await this.put(write, { "if-none-match": "*" });
      if (version !== undefined) return version;
      if (!head) continue;
      if (this.isLive(head)) return undefined;
      const added = this.isBusy(head)
        ? undefined
        : head.note.isMark
        ? await this.#putOver(write, head)
        : await this.#claimed(write, head, (same) => this.#putOver(write, same));
      if (added) return added;
      await this.#options.wait(20 + Math.random() * Math.min(20 * 2 ** round, 500), write.signal);
    }
  }

  /** Writes over this version of a live entry; the new version, or `undefined` if there is another one or none. */
  async replace(write: ObjectWrite, version: string): Promise<string | undefined> {
    await this.#needConditions(write);
    const head = await this.liveHead(write);
    return head?.version === version ? await this.#putOver(write, head) : undefined;
  }

  /** Removes the object in this state; whether it was this call that did it. */
  async remove(call: ObjectCall, head: ObjectHead): Promise<boolean> {
    const { remove, swap } = await this.conditions();
    if (remove) return await this.#drop(call, this.ifMatch(head.etag));
    if (!swap) return await this.#drop(call);
    const begun = performance.now();
    if (!await this.#mark(call, head)) return false;
    await this.#letGo(call, begun);
    return true;
  }

  /** Removes an expired entry or a mark that was left behind; whether it was this call that did it. */
  async prune(call: ObjectCall, head: ObjectHead): Promise<boolean> {
    if (head.note.isMark || !(await this.conditions()).swap) return await this.remove(call, head);
    return await this.#claimed(call, head, (same) => this.remove(call, same)) ?? false;
  }

  /** Removes whatever is there. */
  async drop(call: ObjectCall): Promise<void> {
    await this.#drop(call);
  }

  /** Copies an object in this state on the server, with new headers; whether it still was in this state. */
  async copy(
    to: ObjectCall,
    from: { readonly name: string; readonly head: ObjectHead },
    { headers, note }: { readonly headers: Readonly<Record<string, string>>; readonly note: Note },
  ): Promise<boolean> {
    const { client, bucket } = this.#options;
    const call = { store: client.store, operation: to.operation, key: to.key };
    const all = {
      ...headers,
      ...noteHeader({ ...note, nonce: this.nonce() }),
      "x-amz-copy-source": `/${bucket}/${toPath(from.name)}`,
      "x-amz-copy-source-if-match": `"${from.head.etag}"`,
      "x-amz-metadata-directive": "REPLACE",
    };
    return await client.send({ ...request(to), method: "PUT", headers: all, accepts: [404, 412] }, async (response) => {
      if (response.status === 404) await this.#checkMissing(response, to);
      if (!response.ok) return (await drain(response), false);
      // S3 says 200 before it knows how it ends (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
      const text = await readText(response, call);
      if (isDocument(text, "Error")) throw failureOf(response, text, call);
      if (!isDocument(text, "CopyObjectResult")) throw brokenOff(call);
      return true;
    });
  }

  /** The header that makes a write depend on an ETag. */
  ifMatch(etag: string): Record<string, string> {
    return { "if-match": this.#isQuoted ?? true ? `"${etag}"` : etag };
  }

  /** Takes note, for all who list, that there are entries with lifetimes. */
  noteLifetimes(signal?: AbortSignal): Promise<void> {
    const noting = this.#lifetimesNoted ??= this.#noteLifetimes(signal).catch((error) => {
      this.#lifetimesNoted = undefined;
      throw error;
    });
    return noting;
  }

  /** Whether there are entries with lifetimes, or were. */
  async hasLifetimes(call: Omit<ObjectCall, "name">): Promise<boolean> {
    if (!this.#hasLifetimes && await this.head({ ...call, name: this.#lifetimesName })) {
      this.#hasLifetimes = true;
    }
    return this.#hasLifetimes;
  }

  get #lifetimesName(): string {
    return `${this.#options.prefix}${RESERVED}lifetimes`;
  }

  async #noteLifetimes(signal: AbortSignal | undefined): Promise<void> {
    const name = this.#lifetimesName;
    const write = { operation: "write", name, signal, note: {}, headers: {}, body: new Uint8Array(0) };
    if (!await this.head(write)) await this.put(write);
    this.#hasLifetimes = true;
  }

  /** Does what one caller only may do to an expired entry; `undefined` if it is another one's turn, or there is no need any more. */
  async #claimed<T>(call: ObjectCall, head: ObjectHead, act: (same: ObjectHead) => Promise<T>): Promise<T | undefined> {
    const begun = performance.now();
    const name = `${this.#options.prefix}${RESERVED}claim-${head.version}`;
    const claim = { ...call, name, body: oneOfAKind(), headers: {}, note: { isMark: true } };
    const { version, head: other } = await this.put(claim, { "if-none-match": "*" });
    if (version === undefined) {
      if (!other || this.isBusy(other) || !await this.#putOver(claim, other)) return undefined;
    }
    try {
      const same = await this.head(call);
      return same?.version === head.version ? await act(same) : undefined;
    } finally {
      await this.#letGo(claim, begun);
    }
  }

  /** Removes a mark or a claim of ours. Beyond its time it may be somebody else's, and is left to `prune()`. */
  async #letGo(call: ObjectCall, begun: number): Promise<void> {
    const deadline = GRACE / 2 - (performance.now() - begun);
    if (deadline > 0) await this.#drop({ ...call, signal: undefined }, {}, deadline).catch(() => {});
  }

  /** Puts a mark over an object in this state; the mark's ETag, or `undefined` if there is something else by now. */
  async #mark(call: ObjectCall, head: ObjectHead): Promise<string | undefined> {
    const version = await this.#putOver({ ...call, body: oneOfAKind(), headers: {}, note: { isMark: true } }, head);
    return version?.slice(0, version.indexOf("."));
  }

  async #putOver(write: ObjectWrite, head: ObjectHead): Promise<string | undefined> {
    const { version, head: now } = await this.put(write, this.ifMatch(head.etag));
    if (version !== undefined || this.#isQuoted !== undefined) {
      this.#isQuoted ??= true;
      return version;
    }
    // Some servers compare the ETag with its quotes and never find it equal.
    if (now?.version !== head.version) return undefined;
    this.#isQuoted = false;
    return (await this.put(write, this.ifMatch(head.etag))).version;
  }

  async #drop(call: ObjectCall, headers = {}, deadline?: number): Promise<boolean> {
    const removal = { ...request(call), method: "DELETE", headers, accepts: [404, 412], deadline };
    return await this.#options.client.send(removal, async (response, attempt) => {
      if (response.status === 404) {
        await this.#checkMissing(response, call);
        return attempt > 0;
      }
      await drain(response);
      return response.ok;
    });
  }

  async #needConditions({ operation, key }: ObjectCall): Promise<void> {
    if ((await this.conditions()).swap) return;
    const reason = "the server does not keep conditions on writes";
    throw new StoreError("unsupported", { store: this.#options.client.store, operation, key, reason });
  }

  /** Refuses a 404 that is not about the object. */
  async #checkMissing(response: Response, { operation, key }: ObjectCall): Promise<void> {
    const call = { store: this.#options.client.store, operation, key };
    const text = await readText(response, call);
    const code = textOf(text, "Code");
    if (code === "NoSuchBucket" || (code === undefined && text !== "")) throw failureOf(response, text, call);
  }

  /** Refuses a 404 without words, as `HEAD` has it, if it is the bucket that is missing. */
  async #checkBucket({ operation, key, signal }: ObjectCall): Promise<void> {
    if (this.#knowsBucket) return;
    const query = { "list-type": "2", "max-keys": "0" };
    await this.#options.client.send({ operation, key, query, signal }, drain);
    this.#knowsBucket = true;
  }

  /** The object of an answer to `GET`, or `undefined` for a 404 that is about the object. */
  async opened(response: Response, call: ObjectCall): Promise<ObjectHead | undefined> {
    if (response.status !== 404) return this.known(headOf(response.headers), call);
    await this.#checkMissing(response, call);
    return undefined;
  }
}

/** Bytes for a mark. */
function oneOfAKind(): Uint8Array {
  return new TextEncoder().encode(`everymap mark ${crypto.randomUUID()}\n`);
}

function request({ operation, key, name, signal }: ObjectCall): ObjectCall {
  return { operation, key, name, signal };
}
