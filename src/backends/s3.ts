/**
 * A bucket of S3, or a part of it, as a store: AWS, Cloudflare R2, Ceph, MinIO, Backblaze and whatever speaks its protocol.
 *
 * An entry is an object of the same name, so what other tools put there is an entry too. Its version is made of the ETag,
 * its lifetime stands in its metadata. Where entries have lifetimes, a listing looks at each object, which is a request
 * (`HEAD`) for every key; without lifetimes it is a request for every 1,000. Objects of the store's own are called
 * `.everymap/…` behind the prefix; keys that contain this, parts that are `.` or `..`, and the empty key are refused with
 * `invalid-key`, as is the character U+0000. Credentials have to be allowed to list the bucket, or S3 says `denied` of a key
 * that is absent.
 *
 * @module
 */

import { json } from "../codecs/json.ts";
import type { Metadata } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import type { Codec } from "../core/codec.ts";
import { checkOptions } from "../core/options.ts";
import type { S3Checksum } from "./s3/checksum.ts";
import { S3Client } from "./s3/client.ts";
import { CredentialsHolder, type S3CredentialsSource, type S3Environment } from "./s3/credentials.ts";
import { hasDotPart, toPath } from "./s3/keys.ts";
import { S3Objects } from "./s3/objects.ts";
import { S3Place } from "./s3/place.ts";
import type { S3Backend } from "./s3/s3_backend.ts";

export type { S3Checksum } from "./s3/checksum.ts";
export type { S3Credentials, S3CredentialsSource, S3Environment } from "./s3/credentials.ts";
export type { PresignOptions } from "./s3/publishing.ts";
export type { S3Backend, S3Body, S3WriteOptions } from "./s3/s3_backend.ts";

/** Which bucket, and how {@linkcode s3} uses it. */
export interface S3Options {
  /** Name of the bucket. */
  readonly bucket: string;
  /** Its region. @default {of the environment in `credentials`, else `us-east-1`} */
  readonly region?: string | undefined;
  /** Address of the service, such as `https://<account>.r2.cloudflarestorage.com`. @default {AWS in the region} */
  readonly endpoint?: string | undefined;
  /** What all names of objects begin with, literally: `photos/` for a folder. @default {""} */
  readonly prefix?: string | undefined;
  /** Whether the bucket stands in the path of addresses, and not in the host. @default {true with an endpoint} */
  readonly pathStyle?: boolean | undefined;
  /** Credentials, a function that gets new ones before they end, or an environment with `AWS_…` names. */
  readonly credentials: S3CredentialsSource;
  /**
   * Whether the server keeps `If-Match` and `If-None-Match` on writes. `"probe"` tries it on a small object before the first
   * call that depends on it; until then `supports` says yes, and a call that finds out otherwise is refused with
   * `unsupported`. With `false` a store is not atomic across processes. @default {"probe"}
   */
  readonly conditionalWrites?: boolean | "probe" | undefined;
  /** Headers of all objects that are written. @default {none} */
  readonly metadata?: Metadata | undefined;
  /** Whether everybody may read what is written. @default {false} */
  readonly public?: boolean | undefined;
  /** Whether a lifetime is also sent as `Expires`, for caches on the way. @default {false} */
  readonly expires?: boolean | undefined;
  /** Whether values that are text by their media type are gzipped, for browsers to decode; streams are not. @default {"never"} */
  readonly compress?: "auto" | "never" | undefined;
  /** Checksum that is kept beside values and verified when they are read; not for streams. @default {none} */
  readonly checksum?: S3Checksum | undefined;
  /** Address under which `url()` finds the objects, such as a domain of one's own. @default {the bucket's} */
  readonly publicUrl?: string | undefined;
  /** Whether `deleteMany()` counts only what was there, which takes a listing; else it counts what was asked for. @default {true} */
  readonly exactCount?: boolean | undefined;
  /** Milliseconds for a request with all its repetitions; a body gets more by its length. @default {30_000} */
  readonly deadline?: number | undefined;
  /** Requests at a time, where one call needs many. @default {32} */
  readonly concurrency?: number | undefined;
  /** Bytes of the first parts of an upload; at least 5 MiB on most servers. @default {8 MiB} */
  readonly partSize?: number | undefined;
  /** Codec of a store that is given none. @default {json()} */
  readonly codec?: Codec<unknown, Uint8Array> | undefined;
  /** The clock by which entries expire. @default {Date.now} */
  readonly now?: Clock | undefined;
  /** How to wait between repetitions. @default {a timer} */
  readonly wait?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
  /** What sends requests. @default {the global one} */
  readonly fetch?: typeof fetch | undefined;
}

const OPTIONS: readonly (keyof S3Options)[] = [
  "bucket",
  "region",
  "endpoint",
  "prefix",
  "pathStyle",
  "credentials",
  "conditionalWrites",
  "metadata",
  "public",
  "expires",
  "compress",
  "checksum",
  "publicUrl",
  "exactCount",
  "deadline",
  "concurrency",
  "partSize",
  "codec",
  "now",
  "wait",
  "fetch",
];

/**
 * A backend in a bucket of S3.
 *
 * Requests that failed for a reason that passes are sent again within the `deadline`, with growing pauses. A `delete()`
 * that must be true for one caller only takes three requests, and two where the server deletes under a condition.
 *
 * @throws {TypeError} If an option is unknown or malformed, or there are no credentials.
 *
 * @example A bucket as a Map
 * ```ts
 * import { Store } from "@everymap/everymap";
 * import { s3 } from "@everymap/everymap/backends/s3";
 * import { assertEquals } from "@std/assert";
 *
 * const bucket = s3({
 *   bucket: "assets",
 *   region: "eu-west-1",
 *   prefix: "users/",
 *   credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
 * });
 * const users = new Store<{ name: string }>(bucket);
 * assertEquals(bucket.url("ada"), "https://assets.s3.eu-west-1.amazonaws.com/users/ada");
 * // await users.set("ada", { name: "Ada" }, { ttl: { days: 1 } });
 * await users.close();
 * ```
 */
export function s3(options: S3Options): S3Backend {
  checkOptions("s3", options, OPTIONS);
  const { bucket, prefix = "", conditionalWrites = "probe", compress = "never", checksum, concurrency = 32 } = options;
  if (typeof bucket !== "string" || !/^[\w.-]{3,255}$/.test(bucket)) {
    throw new TypeError("Cannot make s3: it needs the name of a bucket");
  }
  if (hasDotPart(prefix) || prefix.startsWith("/") || !prefix.isWellFormed()) {
    throw new TypeError('Cannot make s3: a prefix neither begins with "/" nor has a part that is "." or ".."');
  }
  if (![true, false, "probe"].includes(conditionalWrites)) {
    throw new TypeError('Cannot make s3: conditionalWrites must be true, false or "probe"');
  }
  if (compress !== "auto" && compress !== "never") {
    throw new TypeError('Cannot make s3: compress must be "auto" or "never"');
  }
  if (checksum !== undefined && checksum !== "sha256" && checksum !== "crc32c") {
    throw new TypeError('Cannot make s3: checksum must be "sha256" or "crc32c"');
  }
  const { deadline = 30_000, partSize = 1 } = options;
  if (!(deadline > 0 && deadline < 2 ** 31)) throw new RangeError("Cannot make s3: deadline must be above 0");
  if (!(concurrency >= 1 && partSize >= 1)) {
    throw new RangeError("Cannot make s3: concurrency and partSize must be 1 or more");
  }
  if (options.credentials === undefined) throw new TypeError("Cannot make s3: it needs credentials");
  const environment = typeof options.credentials === "function" ? {} : options.credentials as S3Environment;
  const region = options.region ?? (environment.AWS_REGION || environment.AWS_DEFAULT_REGION || "us-east-1");
  const address = addressOf(options, region);
  const now = options.now ?? Date.now;
  const wait = options.wait ?? pause;
  const client = new S3Client({
    store: `s3(${bucket}${prefix && `/${prefix}`})`,
    address,
    region,
    credentials: new CredentialsHolder(options.credentials),
    deadline,
    wait,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  });
  return new S3Place({
    client,
    objects: new S3Objects({ client, bucket, prefix, conditionalWrites, now, wait }),
    prefix,
    codec: options.codec ?? json(),
    now,
    metadata: options.metadata ?? {},
    isPublic: options.public ?? false,
    sendsExpires: options.expires ?? false,
    compresses: compress === "auto",
    checksum,
    countsRemoved: options.exactCount ?? true,
    concurrency,
    partSize: options.partSize,
    publicUrl: options.publicUrl?.replace(/\/+$/, "") ?? address,
  });
}

const PARAMETERS: readonly string[] = [
  "region",
  "endpoint",
  "pathStyle",
  "conditionalWrites",
  "public",
  "compress",
  "checksum",
];

/**
 * The backend that `s3://bucket/prefix?region=eu-west-1&endpoint=https://…` names. Credentials come as an option, or else
 * from the environment of the process; a URL with a user or a password in it is refused.
 *
 * @throws {TypeError} If a parameter is unknown or malformed, or there are no credentials.
 */
export function s3FromUrl(url: URL, options: Partial<S3Options> = {}): S3Backend {
  if (url.username || url.password || url.hash) {
    throw new TypeError("Cannot open s3: credentials and fragments have no place in its URL");
  }
  const given: Record<string, unknown> = {};
  for (const [name, text] of url.searchParams) {
    if (!PARAMETERS.includes(name)) {
      throw new TypeError(`Cannot open s3: "${name}" is not one of its parameters (${PARAMETERS.join(", ")})`);
    }
    if (name in given) throw new TypeError(`Cannot open s3: ${name} is there twice`);
    given[name] = text === "true" ? true : text === "false" ? false : text;
  }
  const environment = (globalThis as { process?: { env?: S3Environment } }).process?.env;
  const credentials = options.credentials ?? { ...environment, AWS_ACCESS_KEY_ID: environment?.AWS_ACCESS_KEY_ID };
  const prefix = decodeURIComponent(url.pathname.slice(1));
  return s3({ bucket: url.host, prefix, ...given, ...options, credentials } as S3Options);
}

/** Address of the bucket. */
function addressOf(
  { bucket, endpoint, pathStyle = endpoint !== undefined || bucket.includes(".") }: S3Options,
  region: string,
): string {
  if (!/^[a-z0-9-]+$/i.test(region)) throw new TypeError("Cannot make s3: the region is malformed");
  const text = endpoint ?? `https://s3.${region}.amazonaws.com`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new TypeError(
      "Cannot make s3: endpoint must be an address with http: or https:, without credentials or a query",
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  if (!pathStyle) return `${url.protocol}//${bucket}.${url.host}${path}`;
  return `${url.protocol}//${url.host}${path}/${toPath(bucket)}`;
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end, { once: true });
  });
}
