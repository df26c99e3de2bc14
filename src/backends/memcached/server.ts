/**
 * One memcached: its connection, which is made anew when it was lost, less and less often while that fails.
 *
 * @module
 */

import { abortable } from "../../core/awaitable.ts";
import type { TcpAddress } from "../../platform/tcp_socket.ts";
import { type Asking, Connection, failure, type Login } from "./connection.ts";

const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 1000;

/** How to speak to a server. */
export interface ServerOptions {
  /** Milliseconds for each command, and for connecting. */
  readonly timeout: number;
  /** Who asks. */
  readonly login: Login | undefined;
}

/** A server. */
export class Server {
  /** `host:port`, or the path of its socket. */
  readonly name: string;
  readonly #address: TcpAddress;
  readonly #options: ServerOptions;
  #open: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #current: Connection | undefined;
  #failures = 0;
  #retryAt = 0;
  #lastError: unknown;
  #isClosed = false;

  /** A server, which is not spoken to before it is asked something. */
  constructor(name: string, address: TcpAddress, options: ServerOptions) {
    this.name = name;
    this.#address = address;
    this.#options = options;
  }

  /** The connection, if it is there. */
  get connection(): Connection | undefined {
    return this.#open;
  }

  /** The connection; while it fails and for a short time after, all who ask are told so at once. */
  async connect(asking: Asking): Promise<Connection> {
    if (this.#open) return this.#open;
    if (this.#isClosed) throw failure(asking, "closed");
    if (!this.#opening) {
      if (performance.now() < this.#retryAt) {
        throw failure(asking, "unavailable", `no connection to ${this.name}`, this.#lastError);
      }
      // Whoever asked first may give up; the others still wait.
      this.#opening = this.#start({ ...asking, signal: undefined }).finally(() => this.#opening = undefined);
      this.#opening.catch(() => {});
    }
    return await abortable(this.#opening, asking.signal);
  }

  /** Lets go when what was asked has been answered. */
  close(): void {
    this.#isClosed = true;
    this.#open = undefined;
    this.#current?.leave();
  }

  async #start(asking: Asking): Promise<Connection> {
    const connection = new Connection(this.#address, this.#options.timeout, {
      onEnd: () => {
        this.#pause();
        if (this.#current === connection) this.#current = this.#open = undefined;
      },
      onReply: () => this.#failures = 0,
    });
    this.#current = connection;
    try {
      await connection.open(asking, this.#options.login);
    } catch (error) {
      this.#lastError = error;
      this.#failures++;
      connection.leave();
      this.#pause();
      throw error;
    }
    if (!this.#isClosed) this.#open = connection;
    return connection;
  }

  /** The first attempt after a connection that worked comes at once. */
  #pause(): void {
    const pause = this.#failures === 0 ? 0 : Math.min(FIRST_PAUSE * 2 ** (this.#failures - 1), LONGEST_PAUSE);
    this.#retryAt = performance.now() + pause * (0.5 + Math.random() / 2);
  }
}
