/**
 * Credentials of S3, and where they come from.
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";

/** Credentials of S3. */
export interface S3Credentials {
  /** The public half. */
  readonly accessKeyId: string;
  /** The secret half. */
  readonly secretAccessKey: string;
  /** What comes with temporary ones. @default {none} */
  readonly sessionToken?: string | undefined;
  /** Until when they are good: milliseconds since the epoch, or a date. @default {for ever} */
  readonly expiresAt?: number | Date | undefined;
}

/** An environment with the names that all tools for S3 know. */
export interface S3Environment {
  /** The public half. */
  readonly AWS_ACCESS_KEY_ID?: string | undefined;
  /** The secret half. */
  readonly AWS_SECRET_ACCESS_KEY?: string | undefined;
  /** What comes with temporary ones. */
  readonly AWS_SESSION_TOKEN?: string | undefined;
  /** The region. */
  readonly AWS_REGION?: string | undefined;
  /** The region, if the other one is not there. */
  readonly AWS_DEFAULT_REGION?: string | undefined;
}

/** Credentials, a function that gets new ones, or an environment such as `process.env`. */
export type S3CredentialsSource = S3Credentials | S3Environment | (() => Awaitable<S3Credentials>);

/** How long before their end credentials are renewed, in milliseconds. */
const AHEAD = 300_000;

/** Credentials that are there, or on their way. */
export class CredentialsHolder {
  readonly #provider: (() => Awaitable<S3Credentials>) | undefined;
  #current: S3Credentials | undefined;
  #renewal: Promise<S3Credentials> | undefined;

  /** @throws {TypeError} If there are none. */
  constructor(source: S3CredentialsSource) {
    if (typeof source === "function") this.#provider = source;
    else this.#current = checked("AWS_ACCESS_KEY_ID" in source ? fromEnvironment(source) : source as S3Credentials);
  }

  /** Whether asking again may give others. */
  get isRenewable(): boolean {
    return this.#provider !== undefined;
  }

  /** Credentials that are good now; those that end soon are renewed, and used while that fails. */
  get(): Awaitable<S3Credentials> {
    const current = this.#current;
    if (!this.#provider || (current && timeLeft(current) > AHEAD)) return current!;
    this.#renewal ??= this.#renew().finally(() => this.#renewal = undefined);
    return current && timeLeft(current) > 0 ? this.#renewal.catch(() => current) : this.#renewal;
  }

  /** Has the next call ask for new ones. */
  forget(): void {
    if (this.#provider) this.#current = undefined;
  }

  async #renew(): Promise<S3Credentials> {
    return this.#current = checked(await this.#provider!());
  }
}

function timeLeft({ expiresAt }: S3Credentials): number {
  return expiresAt === undefined ? Infinity : Number(expiresAt) - Date.now();
}

function fromEnvironment(environment: S3Environment): S3Credentials {
  return {
    accessKeyId: environment.AWS_ACCESS_KEY_ID!,
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY!,
    sessionToken: environment.AWS_SESSION_TOKEN || undefined,
  };
}

function checked(credentials: S3Credentials): S3Credentials {
  const { accessKeyId, secretAccessKey } = credentials ?? {};
  if (accessKeyId && secretAccessKey) return credentials;
  throw new TypeError("Cannot make s3: credentials need an accessKeyId and a secretAccessKey");
}
