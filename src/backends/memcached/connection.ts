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
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  readonly abort: (() => void) | undefined;
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
      onData: (bytes) => reader.push(bytes),
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
  send(asking: Asking, head: string, value?: Uint8Array, since: number = performance.now()): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { signal } = asking;
      if (signal?.aborted) return reject(signal.reason);
      if (this.#end || this.#isLeaving) return reject(this.#refusal(asking));
      const abort = signal && (() => reject(signal.reason));
      if (abort) signal.addEventListener("abort", abort, { once: true });
      this.#pending.push({ asking, deadline: since + this.#timeout, resolve, reject, abort });
      if (this.#output.length === 0) queueMicrotask(() => this.#flush());
      if (value === undefined) this.#output.push(head);
      else this.#output.push(head, value, "\r\n");
      this.#timer ??= setTimeout(() => this.#look(), this.#timeout);
    });
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

  #flush(): void {
    const output = this.#output;
    this.#output = [];
    if (this.#end) return;
    let text = "";
    const parts: (string | Uint8Array)[] = [];
    for (const part of output) {
      if (typeof part === "string") text += part;
      else {
        parts.push(text, part);
        text = "";
      }
    }
    if (text !== "") parts.push(text);
    if (parts.length === 1) this.#socket!.write(parts[0]!);
    else this.#socket!.write(...merged(parts));
  }

  #answer(line: string, value: Uint8Array | undefined): void {
    if (line.startsWith("STAT ")) {
      this.#statistics += `${line}\n`;
      return;
    }
    const command = this.#pending[this.#first];
    if (!command) return this.#fail("unavailable", "the server answers what nobody asked");
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
    if (line === "END") {
      command.resolve({ line: this.#statistics, value });
      this.#statistics = "";
    } else command.resolve({ line, value });
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

const encoder = new TextEncoder();

/** The same bytes in fewer parts. */
function merged(parts: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  const fewer: (string | Uint8Array)[] = [];
  let small: Uint8Array[] = [];
  let size = 0;
  const finish = () => {
    if (small.length === 0) return;
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of small) {
      whole.set(part, at);
      at += part.length;
    }
    fewer.push(whole);
    small = [];
    size = 0;
  };
  for (const part of parts) {
    if (typeof part !== "string" && part.length > COPIED_BYTES) {
      finish();
      fewer.push(part);
      continue;
    }
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    small.push(bytes);
    size += bytes.length;
  }
  finish();
  return fewer;
}
