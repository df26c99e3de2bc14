/**
 * A session with ZooKeeper on which every call ends: the client has no deadlines, keeps what it cannot send and sends it
 * much later, and is of no more use when its session has expired.
 *
 * @module
 */

import { StoreError } from "../../core/store_error.ts";
import { loadZookeeper, type ZookeeperClient, type ZookeeperModule } from "./client.ts";
import { Timeouts } from "./timeouts.ts";

/** Who asks, for messages and to give up. */
export interface Asking {
  readonly store: string;
  readonly operation: string;
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How to open a session. */
export interface SessionOptions {
  /** The servers, or a client that nobody else uses. */
  readonly place: string | ZookeeperClient;
  /** Milliseconds after which the servers take a silent client for dead. */
  readonly sessionTimeout: number;
  /** Milliseconds for each call. */
  readonly timeout: number;
  readonly auth: { readonly scheme: string; readonly credentials: string } | undefined;
}

/** What happens to a session. */
export type SessionEvent = "connected" | "disconnected" | "expired";

/** The client's inner parts, where its faults have to be made good. */
interface Inner {
  readonly connectionManager?: {
    readonly socket?: { destroy(): void };
    readonly packetQueue?: { queue: unknown[] };
    pendingBuffer?: unknown;
    onSocketData?: (bytes: unknown) => void;
  };
}

/** A session; it is opened by the first call, and anew when it has expired. */
export class Session {
  readonly #options: SessionOptions;
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #timeouts = new Timeouts();
  #module: ZookeeperModule | undefined;
  #client: ZookeeperClient | undefined;
  #isConnected = false;
  #isClosed = false;
  #isDenied = false;
  #isSpent = false;
  #change = Promise.withResolvers<void>();
  // When this attempt to connect began.
  #triedAt = 0;

  constructor(options: SessionOptions, onEvent: (event: SessionEvent) => void) {
    this.#options = options;
    this.#onEvent = onEvent;
  }

  /** The module of the client, once there was a call. */
  get module(): ZookeeperModule {
    return this.#module!;
  }

  /** Sends a request when there is a connection, and rejects with what the client says or when time is up. */
  call<T>(
    asking: Asking,
    send: (client: ZookeeperClient, done: (error: unknown, answer?: T) => void) => void,
  ): Promise<T> {
    const client = this.#isConnected && this.#client;
    if (client) return this.#send(client, asking, send, this.#options.timeout);
    const start = performance.now();
    return this.#connect(asking).then((client) =>
      this.#send(client, asking, send, Math.max(1, this.#options.timeout - (performance.now() - start)))
    );
  }

  /** Ends the session, and with it what lives as long as it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timeouts.close();
    this.#drop("closed");
  }

  #send<T>(
    client: ZookeeperClient,
    asking: Asking,
    send: (client: ZookeeperClient, done: (error: unknown, answer?: T) => void) => void,
    timeout: number,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = asking;
      if (signal?.aborted) return reject(signal.reason);
      const finish = () => {
        this.#timeouts.stop(wait);
        signal?.removeEventListener("abort", abort);
      };
      const wait = this.#timeouts.start(timeout, () => {
        finish();
        reject(fail(asking, "timeout", `no answer within ${this.#options.timeout} ms`));
        // The next server may do better, and this one would answer to nobody; but one that has only just been found is not
        // to blame for how long it was looked for.
        if (this.#client === client && timeout > this.#options.timeout / 2) cut(client);
      });
      const abort = () => {
        finish();
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      try {
        send(client, (error, answer) => {
          finish();
          if (error) reject(error);
          else resolve(answer as T);
        });
      } catch (error) {
        finish();
        reject(error);
      }
    });
  }

  async #connect(asking: Asking): Promise<ZookeeperClient> {
    const { signal } = asking;
    const { timeout } = this.#options;
    let isLate = false;
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      isLate = true;
      over.resolve();
    }, timeout);
    // The client waits for ever for a server that takes a connection and says nothing; there may be others.
    const pause = Math.max(timeout / 4, 50);
    const patience = setInterval(() => {
      // One of many who wait does so for all.
      if (this.#isConnected || !this.#client || performance.now() - this.#triedAt < pause - 1) return;
      this.#triedAt = performance.now();
      cut(this.#client);
    }, pause);
    const abort = () => over.resolve();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      for (;;) {
        if (signal?.aborted) throw signal.reason;
        if (this.#isClosed) throw fail(asking, "closed", "closed");
        if (this.#isDenied) throw fail(asking, "denied", "the servers refuse these credentials");
        if (this.#isSpent) throw fail(asking, "unavailable", "the session of the given client has expired");
        if (this.#isConnected) return this.#client!;
        if (isLate) throw fail(asking, "unavailable", `no connection within ${timeout} ms`);
        await Promise.race([this.#open(), over.promise]);
        if (!this.#isConnected) await Promise.race([this.#change.promise, over.promise]);
      }
    } finally {
      clearTimeout(timer);
      clearInterval(patience);
      signal?.removeEventListener("abort", abort);
    }
  }

  async #open(): Promise<void> {
    const { place, sessionTimeout, auth } = this.#options;
    this.#module ??= await loadZookeeper();
    if (this.#client || this.#isClosed) return;
    const client = typeof place === "string"
      ? this.#module.createClient(place, { sessionTimeout, spinDelay: Math.min(1000, sessionTimeout / 10) })
      : place;
    this.#client = client;
    guard(client);
    const listen = (event: string, listener: () => void) =>
      client.on(event, () => {
        if (this.#client === client) listener();
      });
    listen("connected", () => this.#tell("connected", true));
    listen("disconnected", () => {
      // What waits in there would be sent when its caller has long been told that it failed.
      const manager = (client as Inner).connectionManager;
      const queue = manager?.packetQueue?.queue;
      if (queue) queue.length = 0;
      // And half of an answer would be taken for the begin of the next server's first one.
      if (manager) manager.pendingBuffer = null;
      this.#triedAt = performance.now();
      this.#tell("disconnected", false);
    });
    listen("expired", () => {
      this.#isSpent = typeof place !== "string";
      this.#drop("expired");
    });
    listen("authenticationFailed", () => {
      this.#isDenied = true;
      this.#drop("disconnected");
    });
    if (auth) client.addAuthInfo(auth.scheme, toBuffer(new TextEncoder().encode(auth.credentials)));
    this.#triedAt = performance.now();
    client.connect();
  }

  #drop(event: SessionEvent | "closed"): void {
    const client = this.#client;
    this.#client = undefined;
    if (event === "closed") {
      this.#isConnected = false;
      this.#change.resolve();
    } else this.#tell(event, false);
    if (!client) return;
    // An expired client closes itself.
    if (event !== "expired") client.close();
    // It would wait for a server's goodbye for ever.
    setTimeout(() => cut(client), event === "closed" ? 200 : 0);
  }

  #tell(event: SessionEvent, isConnected: boolean): void {
    this.#isConnected = isConnected;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
    this.#onEvent(event);
  }
}

/** An error of this code for who asked. */
export function fail(
  { store, operation, key }: Asking,
  code: StoreError["code"],
  reason?: string,
  cause?: unknown,
): StoreError {
  return new StoreError(code, { store, operation, key, reason, cause });
}

interface NodeBuffer {
  readonly Buffer: { from(...parts: unknown[]): Uint8Array };
}
let buffers: NodeBuffer | undefined;

/** The same bytes as the client wants them. */
export function toBuffer(bytes: Uint8Array): Uint8Array {
  // Asked each time it takes longer than all else about a write.
  buffers ??= (globalThis as unknown as { process: { getBuiltinModule(name: "node:buffer"): NodeBuffer } }).process
    .getBuiltinModule("node:buffer");
  return buffers.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function cut(client: ZookeeperClient): void {
  (client as Inner).connectionManager?.socket?.destroy();
}

/** An answer that the client cannot read ends its connection and not the process. */
function guard(client: ZookeeperClient): void {
  const manager = (client as Inner).connectionManager;
  const read = manager?.onSocketData;
  if (!manager || !read) return;
  manager.onSocketData = function (bytes) {
    try {
      read.call(this, bytes);
    } catch {
      cut(client);
    }
  };
}
