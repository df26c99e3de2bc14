/**
 * One connection to one memcached: commands go out together and are answered in their order, each inside its deadline.
 *
 * @module
 */

import { StoreError, type StoreErrorCode } from "../../core/store_error.ts";
import { connectTcp, type TcpAddress, type TcpSocket } from "../../platform/tcp_socket.ts";
import { Output } from "./output.ts";
import { ReplyReader } from "./reply_reader.ts";

const READY = Promise.resolve();

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
  #output = new Output();
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
    // All of it together has the time of one command.
    const since = performance.now();
    const ask = (head: string) => this.send(asking, head, undefined, since);
    const late = setTimeout(() => this.#fail("timeout", `no connection within ${this.#timeout} ms`), this.#timeout);
    try {
      await this.#opening.promise;
    } catch (error) {
      throw this.#refusal(asking, error);
    } finally {
      clearTimeout(late);
    }
    let hello = await ask("mn\r\n");
    // Told to one that wants no login it would become an entry.
    if (login && hello.line.startsWith("CLIENT_ERROR")) {
      await this.#logIn(asking, login, since);
      hello = await ask("mn\r\n");
    }
    if (hello.line.startsWith("CLIENT_ERROR")) throw failure(asking, "denied", "the server wants a login");
    if (hello.line !== "MN") {
      throw failure(asking, "unsupported", "the server has no meta commands, which memcached 1.6 has");
    }
    const [general, settings] = await Promise.all([ask("stats\r\n"), ask("stats settings\r\n")]);
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
    if (this.#output.isEmpty) READY.then(this.#flush);
    this.#output.push(head, value);
    this.#timer ??= setTimeout(() => this.#look(), since + this.#timeout - performance.now());
  }

  /** Ends when the last answer has come. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#first === this.#pending.length) this.#fail("closed", "closed");
  }

  async #logIn(asking: Asking, { username, password }: Login, since: number): Promise<void> {
    const secret = new TextEncoder().encode(`${username} ${password}`);
    const { line } = await this.send(asking, `set auth 0 0 ${secret.length}\r\n`, secret, since);
    if (line !== "STORED") throw failure(asking, "denied", "the login was refused");
  }

  readonly #flush = (): void => {
    const parts = this.#output.take();
    if (!this.#end) this.#socket!.write(parts);
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
