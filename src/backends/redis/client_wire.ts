/**
 * The road over TCP: connections one after the other, with a deadline on everything.
 *
 * @module
 */

import { backgroundTimer } from "./background_timer.ts";
import { type Connect, type Connection, toReplyError } from "./connection.ts";
import { type Command, type RedisWire, type Reply, type SendOptions, WireError } from "./wire.ts";

const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 1000;

/** Commands that are asked for and not answered. */
interface Task {
  readonly commands: readonly Command[];
  readonly begun: number;
  /** How often they may still be sent again. */
  tries: number;
  connection: Connection | undefined;
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A wire over the connections of a client. It connects when there is something to send. After a failure it pauses, longer
 * each time and at most a second, and refuses meanwhile at once. A command that was sent and lost its connection is sent
 * again, once, only if it is repeatable; one that was not sent may wait for the connection.
 */
export class ClientWire implements RedisWire {
  readonly name: string;
  scripts = new Set<string>();
  readonly #connect: Connect;
  readonly #timeout: number;
  // In the order of their deadlines, which are all equally far.
  readonly #tasks = new Set<Task>();
  #unsent: Task[] = [];
  #connection: Connection | undefined;
  #isConnecting = false;
  #giveUp: (() => void) | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #timer: number | undefined;
  #lastReply = 0;
  #failures = 0;
  #failure: unknown;
  #pauseEnds = 0;

  /** Takes the deadline in milliseconds. */
  constructor(name: string, connect: Connect, timeout: number) {
    this.name = name;
    this.#connect = connect;
    this.#timeout = timeout;
  }

  send(commands: readonly Command[], { signal, repeatable }: SendOptions = {}): Promise<readonly Reply[]> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Reply[]>();
    const begun = performance.now();
    const task: Task = { commands, begun, tries: repeatable ? 1 : 0, connection: undefined, resolve, reject };
    this.#tasks.add(task);
    this.#watch();
    this.#start(task);
    if (!signal) return promise;
    const abort = () => this.#fail(task, signal.reason);
    signal.addEventListener("abort", abort);
    return promise.finally(() => signal.removeEventListener("abort", abort));
  }

  close(): Promise<void> {
    return this.#closing ??= this.#end();
  }

  async #end(): Promise<void> {
    this.#isClosed = true;
    while (this.#tasks.size > 0) {
      await new Promise<void>((done) => this.#idle = done);
      // Some calls take another step then.
      await new Promise((next) => setTimeout(next));
    }
    clearTimeout(this.#timer);
    if (this.#isConnecting) this.#giveUp?.();
    this.#connection?.close();
    this.#connection = undefined;
  }

  #start(task: Task): void {
    if (this.#connection) return this.#run(task, this.#connection);
    this.#unsent.push(task);
    if (this.#isConnecting) return;
    if (this.#isClosed) return this.#refuse(new WireError("closed", "it is closed"));
    if (performance.now() < this.#pauseEnds) return this.#refuse(this.#failure);
    void this.#open();
  }

  async #open(): Promise<void> {
    this.#isConnecting = true;
    const controller = new AbortController();
    const { signal } = controller;
    // A client may limit only a part of it, such as the handshake of TCP.
    const timer = setTimeout(() => controller.abort(), this.#timeout);
    this.#giveUp = () => controller.abort();
    let connection: Connection | undefined;
    try {
      connection = await this.#connect(() => this.#lose(connection), signal);
      this.#failures = 0;
    } catch (cause) {
      this.#failure = toReplyError(cause) ?? new WireError("unavailable", "no connection to the server", { cause });
      this.#pauseEnds = performance.now() + Math.min(FIRST_PAUSE * 2 ** this.#failures++, LONGEST_PAUSE);
    }
    clearTimeout(timer);
    this.#isConnecting = false;
    if (!connection) return this.#refuse(this.#failure);
    if (this.#isClosed && this.#tasks.size === 0) return connection.close();
    this.#connection = connection;
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const task of unsent) if (this.#tasks.has(task)) this.#run(task, connection);
  }

  #refuse(reason: unknown): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const task of unsent) this.#fail(task, reason);
  }

  #run(task: Task, connection: Connection): void {
    const { commands } = task;
    task.connection = connection;
    const replied = () => void (this.#lastReply = performance.now());
    if (commands.length === 1) {
      connection.run(commands[0]!).then((reply) => {
        replied();
        if (this.#settle(task)) task.resolve([reply as Reply]);
      }, (error) => this.#failed(task, error));
      return;
    }
    const runs = commands.map((command) => connection.run(command));
    // Not all(): whoever hears of a failure may rely on nothing being under way any more.
    void Promise.allSettled(runs).then((results) => {
      const failed = results.find(({ status }) => status === "rejected") as PromiseRejectedResult | undefined;
      if (failed) return this.#failed(task, failed.reason);
      replied();
      const replies = results.map((result) => (result as PromiseFulfilledResult<unknown>).value as Reply);
      if (this.#settle(task)) task.resolve(replies);
    });
  }

  #failed(task: Task, error: unknown): void {
    const said = toReplyError(error);
    if (said) {
      this.#lastReply = performance.now();
      return this.#fail(task, said);
    }
    if (!this.#tasks.has(task)) return;
    if (task.tries-- > 0) {
      // The client may tell its commands first that the connection is lost.
      if (this.#connection === task.connection) this.#lose(this.#connection);
      return this.#start(task);
    }
    this.#fail(task, new WireError("unavailable", "the connection was lost", { cause: error }));
  }

  #fail(task: Task, reason: unknown): void {
    if (this.#settle(task)) task.reject(reason);
  }

  /** Whether it was not settled before. */
  #settle(task: Task): boolean {
    const isFirst = this.#tasks.delete(task);
    if (this.#idle && this.#tasks.size === 0) this.#idle();
    return isFirst;
  }

  #lose(connection: Connection | undefined): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.scripts = new Set();
    connection?.close();
  }

  /** Looks after the deadline of the oldest task; one timer serves all. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    const [oldest] = this.#tasks;
    if (!oldest) return;
    const wait = Math.max(1, Math.ceil(oldest.begun + this.#timeout - performance.now()));
    this.#timer = backgroundTimer(() => {
      this.#timer = undefined;
      this.#expire();
      this.#watch();
    }, wait);
  }

  #expire(): void {
    const latest = performance.now() - this.#timeout;
    for (const task of this.#tasks) {
      if (task.begun > latest) return;
      const { connection } = task;
      const [code, what] = connection ? ["timeout", "no answer"] as const : ["unavailable", "no connection"] as const;
      this.#fail(task, new WireError(code, `${what} in ${this.#timeout} ms`));
      // Nothing at all came since then: the server, or the way to it, is gone without a word.
      if (connection && connection === this.#connection && this.#lastReply < task.begun) this.#lose(connection);
    }
  }
}
