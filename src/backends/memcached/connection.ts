/**
 * One connection to one memcached: commands go out together and are answered in their order, each inside its deadline.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { connectTcp, type TcpAddress, type TcpSocket } from "../../platform/tcp_socket.ts";
import { ReplyReader } from "./reply_reader.ts";

/** Values up to this size are copied beside their command; larger ones go out as they are. */
const COPIED_BYTES = 16_384;
const READY = Promise.resolve();
// Sockets make one of these of everything else, which takes longer than all that is done here; and its memory is pooled.
const { Buffer: POOL } = globalThis as { Buffer?: { allocUnsafe(size: number): Uint8Array } };

/** Who asks, for messages; and until when. */
export interface Asking {
  /** Name of the backend. */
  readonly store: string;
  /** What was asked for. */
  readonly operation: string;
  /** The key of the store. */
  readonly key?: string | undefined;
  /** Gives the command up; it may have been carried out. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer. */
export interface Reply {
  /** Its line: two letters and tokens. */
  readonly line: string;
  /** The value behind it. */
  readonly value: Uint8Array | undefined;
}

/** What a server says about itself. */
export interface About {
  /** Changes with every start of the server, whose versions begin anew then. */
  readonly epoch: string;
  /** The largest item, in bytes, with its key and header. */
  readonly maxItemBytes: number;
}

/** A name and a password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

interface Command {
  readonly asking: Asking;
  readonly deadline: number;
  /** Takes the reply, while it is not the last of several, too; what it throws is the answer to who asked. */
  readonly take: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  readonly abort: (() => void) | undefined;
  /** How many replies there are to come. */
  left: number;
}

/** An error of this code for who asked. */
export function failure(asking: Asking, code: StoreErrorCode, reason?: string, cause?: unknown): StoreError {
  const { store, operation, key } = asking;
  return new StoreError(code, { store, operation, key, reason, cause });
}

/** A connection; it is of use after {@linkcode Connection.open}, until it ends. */
export class Connection {
  /** What the server said about itself. */
  about: About = { epoch: "", maxItemBytes: 1_048_576 };
  readonly #timeout: number;
  readonly #onEnd: () => void;
  readonly #onReply: () => void;
  readonly #socket: TcpSocket | undefined;
  readonly #opening = Promise.withResolvers<void>();
  #output: (string | Uint8Array)[] = [];
  #pending: Command[] = [];
  #first = 0;
  #statistics = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #end: { readonly reason: string; readonly cause: unknown } | undefined;
  #isLeaving = false;

  /** Starts to connect. */
  constructor(
    address: TcpAddress,
    timeout: number,
    { onEnd, onReply }: { readonly onEnd: () => void; readonly onReply: () => void },
  ) {
    this.#timeout = timeout;
    this.#onEnd = onEnd;
    this.#onReply = onReply;
    const reader = new ReplyReader((line, value) => this.#answer(line, value));
    this.#opening.promise.catch(() => {});
    this.#socket = connectTcp(address, {
      onOpen: () => this.#opening.resolve(),
      onData: (bytes) => {
        try {
          reader.push(bytes);
        } catch (cause) {
          // Thrown out of here it would end the process.
          this.#fail("unavailable", "the server answers what cannot be", cause);
        }
      },
      onClose: (cause) => this.#fail("unavailable", cause ? "connection failed" : "connection lost", cause),
    });
  }

  /** Connects, logs in, and asks the server what it is. */
  async open(asking: Asking, login: Login | undefined): Promise<void> {
    if (!this.#socket) throw failure(asking, "unsupported", "this runtime has no node:net");
    const late = setTimeout(() => this.#fail("timeout", `no connection within ${this.#timeout} ms`), this.#timeout);
    try {
      await this.#opening.promise;
    } catch (error) {
      throw this.#refusal(asking, error);
    } finally {
      clearTimeout(late);
    }
    let hello = await this.send(asking, "mn\r\n");
    // Told to one that wants no login it would become an entry.
    if (login && hello.line.startsWith("CLIENT_ERROR")) {
      await this.#logIn(asking, login);
      hello = await this.send(asking, "mn\r\n");
    }
    if (hello.line.startsWith("CLIENT_ERROR")) throw failure(asking, "denied", "the server wants a login");
    if (hello.line !== "MN") {
      throw failure(asking, "unsupported", "the server has no meta commands, which memcached 1.6 has");
    }
    const [general, settings] = await Promise.all([
      this.send(asking, "stats\r\n"),
      this.send(asking, "stats settings\r\n"),
    ]);
    const of = (reply: Reply, name: string) => new RegExp(`^STAT ${name} (\\S+)`, "m").exec(reply.line)?.[1];
    const [pid, time, uptime] = ["pid", "time", "uptime"].map((name) => of(general, name));
    const size = Number(of(settings, "item_size_max"));
    this.about = {
      epoch: time && uptime ? `${pid}.${Number(time) - Number(uptime)}` : "",
      maxItemBytes: size > 0 ? size : this.about.maxItemBytes,
    };
  }

  /** Sends a command, and the value behind it; the commands of one tick go out in one write. */
  send(asking: Asking, head: string, value?: Uint8Array, since?: number): Promise<Reply> {
    return this.exchange(asking, head, value, since, asItIs);
  }

  /** {@linkcode send}, and what is made of the reply: a step less to wait for than another promise. */
  exchange<T>(
    asking: Asking,
    head: string,
    value: Uint8Array | undefined,
    since: number | undefined,
    toAnswer: (reply: Reply) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) =>
      this.#queue(asking, head, value, 1, since, (reply) => resolve(toAnswer(reply)), reject)
    );
  }

  /** Sends so many commands without values. */
  sendMany(asking: Asking, heads: string, count: number, since?: number): Promise<Reply[]> {
    const replies: Reply[] = [];
    return new Promise((resolve, reject) => {
      const take = (reply: Reply) => {
        if (replies.push(reply) === count) resolve(replies);
      };
      this.#queue(asking, heads, undefined, count, since, take, reject);
    });
  }

  #queue(
    asking: Asking,
    head: string,
    value: Uint8Array | undefined,
    left: number,
    since: number = performance.now(),
    take: (reply: Reply) => void,
    reject: (error: unknown) => void,
  ): void {
    const { signal } = asking;
    if (signal?.aborted) return reject(signal.reason);
    if (this.#end || this.#isLeaving) return reject(this.#refusal(asking));
    const abort = signal && (() => reject(signal.reason));
    if (abort) signal.addEventListener("abort", abort, { once: true });
    this.#pending.push({ asking, deadline: since + this.#timeout, take, reject, abort, left });
    // Node's queueMicrotask() takes several times as long as this.
    if (this.#output.length === 0) READY.then(this.#flush);
    if (value === undefined) this.#output.push(head);
    else this.#output.push(head, value, "\r\n");
    this.#timer ??= setTimeout(() => this.#look(), this.#timeout);
  }

  /** Ends when the last answer has come. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#first === this.#pending.length) this.#fail("closed", "closed");
  }

  async #logIn(asking: Asking, { username, password }: Login): Promise<void> {
    const secret = new TextEncoder().encode(`${username} ${password}`);
    const { line } = await this.send(asking, `set auth 0 0 ${secret.length}\r\n`, secret);
    if (line !== "STORED") throw failure(asking, "denied", "the login was refused");
  }

  readonly #flush = (): void => {
    const output = this.#output;
    this.#output = [];
    if (this.#end) return;
    this.#socket!.write(toParts(output));
  };

  #answer(line: string, value: Uint8Array | undefined): void {
    if (line.startsWith("STAT ")) {
      this.#statistics += `${line}\n`;
      return;
    }
    const command = this.#pending[this.#first];
    if (!command) return this.#fail("unavailable", "the server answers what nobody asked");
    let text = line;
    if (line === "END") {
      text = this.#statistics;
      this.#statistics = "";
    }
    if (--command.left > 0) return command.take({ line: text, value });
    this.#first++;
    if (this.#first === this.#pending.length) {
      this.#pending = [];
      this.#first = 0;
    } else if (this.#first === 4096) {
      this.#pending.splice(0, this.#first);
      this.#first = 0;
    }
    this.#onReply();
    if (command.abort) command.asking.signal!.removeEventListener("abort", command.abort);
    try {
      command.take({ line: text, value });
    } catch (error) {
      command.reject(error);
    }
    if (this.#isLeaving && this.#first === this.#pending.length) this.#fail("closed", "closed");
  }

  /** One timer for all commands: the oldest one is the first to be late. */
  #look(): void {
    this.#timer = undefined;
    const oldest = this.#pending[this.#first];
    if (!oldest) return;
    const left = oldest.deadline - performance.now();
    if (left <= 0) this.#fail("timeout", `no answer within ${this.#timeout} ms`);
    else this.#timer = setTimeout(() => this.#look(), left);
  }

  #fail(code: "timeout" | "unavailable" | "closed", reason: string, cause?: unknown): void {
    if (this.#end) return;
    this.#end = { reason, cause };
    clearTimeout(this.#timer);
    this.#opening.reject(code);
    this.#socket?.destroy();
    this.#onEnd();
    const now = performance.now();
    const pending = this.#pending.slice(this.#first);
    this.#pending = [];
    this.#first = 0;
    for (const { asking, deadline, reject, abort } of pending) {
      if (abort) asking.signal!.removeEventListener("abort", abort);
      // Those behind the late one only share its connection.
      const own = code === "timeout" && deadline > now + 1 ? "unavailable" : code;
      reject(failure(asking, own, reason, cause));
    }
  }

  #refusal(asking: Asking, code: unknown = "unavailable"): StoreError {
    const { reason = "closed", cause } = this.#end ?? {};
    return failure(asking, this.#isLeaving ? "closed" : code as StoreErrorCode, reason, cause);
  }
}

function asItIs(reply: Reply): Reply {
  return reply;
}

const encoder = new TextEncoder();

/** What is to be sent in as few parts as will do: one, but for large values. */
function toParts(output: readonly (string | Uint8Array)[]): readonly (string | Uint8Array)[] {
  if (output.length === 1) return output;
  let hasBytes = false;
  let hasLarge = false;
  for (let at = 0; at < output.length; at++) {
    const part = output[at]!;
    if (typeof part === "string") continue;
    hasBytes = true;
    if (part.length > COPIED_BYTES) hasLarge = true;
  }
  if (!hasLarge) return [hasBytes ? copied(output) : output.join("")];
  const parts: (string | Uint8Array)[] = [];
  let from = 0;
  for (const [at, part] of output.entries()) {
    if (typeof part === "string" || part.length <= COPIED_BYTES) continue;
    parts.push(copied(output.slice(from, at)), part);
    from = at + 1;
  }
  parts.push(copied(output.slice(from)));
  return parts;
}

/** One array of all of it: a head is ASCII but for its key, and telling an encoder takes longer than the few bytes do. */
function copied(parts: readonly (string | Uint8Array)[]): Uint8Array {
  let size = 0;
  for (let index = 0; index < parts.length; index++) size += parts[index]!.length;
  const sent = POOL?.allocUnsafe(size) ?? new Uint8Array(size);
  let at = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    if (typeof part === "string") {
      for (let from = 0; from < part.length; from++) {
        const code = part.charCodeAt(from);
        if (code > 127) return copied(parts.map((part) => typeof part === "string" ? encoder.encode(part) : part));
        sent[at++] = code;
      }
    } else {
      sent.set(part, at);
      at += part.length;
    }
  }
  return sent;
}
