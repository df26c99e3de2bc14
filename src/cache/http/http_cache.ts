/**
 * A cache between those who ask over HTTP and those who answer (RFC 9111).
 *
 * @module
 */

import type { Awaitable } from "../../core/awaitable.ts";
import type { Clock } from "../../core/clock.ts";
import { type Duration, toMilliseconds } from "../../core/lifetime.ts";
import type { CreateContext, Region } from "../region.ts";
import { discard, readBody } from "./body.ts";
import { cacheControlOf } from "./cache_control.ts";
import { confirmed, hasValidator, notModified, toRevalidation } from "./conditional.ts";
import { ageOf, freshnessOf } from "./freshness.ts";
import { type HttpEntry, type HttpRegion, type Outcome, type Place, Shelf } from "./shelf.ts";
import { headersOf, type Moments, type StoredResponse, toResponse, toStored } from "./stored_response.ts";
import { isPersonal, isStorable, type Personal } from "./storing.ts";
import { usabilityOf } from "./usability.ts";

export type { HttpEntry, HttpRegion };

/** What a cache for HTTP is told. */
export interface HttpCacheOptions {
  /** For how long answers are fresh that do not say: milliseconds, or a duration. @default {0: each is asked for again} */
  readonly ttl?: number | Duration | undefined;
  /** Which answers for one user are kept all the same; those to `Authorization` for each credential apart. @default {none} */
  readonly keep?: readonly Personal[] | undefined;
  /** Bytes of content that are kept; longer answers pass through. @default {8_388_608} */
  readonly maxBytes?: number | undefined;
  /** For how long answers are kept that are no longer fresh, to be confirmed at their origin or to stand in for it. @default {1 day} */
  readonly retention?: number | Duration | undefined;
  /** Whether `Cache-Control` of a request counts, such as `no-cache` when a page is reloaded. @default {true} */
  readonly heedRequests?: boolean | undefined;
  /** What `Cache-Status` calls this cache (RFC 9211). @default {"everymap"} */
  readonly name?: string | undefined;
  /** The clock, which should be the region's. @default {Date.now} */
  readonly now?: Clock | undefined;
}

/** What the options of a cache for HTTP are called. */
export const HTTP_OPTIONS: readonly string[] = [
  "ttl",
  "keep",
  "maxBytes",
  "retention",
  "heedRequests",
  "name",
  "now",
];

/** Who answers what the cache cannot, and who keeps a worker alive meanwhile. */
export interface Origin {
  /** The answer. */
  ask(request: Request): Awaitable<Response>;
  /** Told of work in the background. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** What one call of the origin came to, for the one who made it. */
interface Own {
  readonly request: Request;
  readonly origin: Origin;
  stored?: StoredResponse;
  response?: Response;
}

/** Requests for a part, or for one state of a thing, are not for a cache of whole answers. */
const PARTIAL = ["range", "if-match", "if-range", "if-unmodified-since"];
/** RFC 5861 §4. */
const FAILED: readonly number[] = [500, 502, 503, 504];
/** For how long it is known of how many keys that nothing of them is kept, so that nobody waits for the answer of another. */
const PASS_ON = { milliseconds: 10_000, keys: 1000 };

const NOTHING = new Uint8Array();

/** A cache for HTTP over a region. */
export class HttpCache {
  readonly #region: Region<Outcome>;
  readonly #keep: readonly Personal[];
  readonly #rules: { readonly isShared: boolean; readonly defaultTtl: number };
  readonly #maxBytes: number;
  readonly #retention: number;
  readonly #shelf: Shelf;
  readonly #heedRequests: boolean;
  readonly #name: string;
  readonly #now: Clock;
  readonly #passedOn = new Map<string, number>();

  constructor(region: HttpRegion, options: HttpCacheOptions) {
    const { ttl = 0, keep = [], maxBytes = 8 * 2 ** 20, retention = { days: 1 }, heedRequests = true } = options;
    this.#region = region as Region<Outcome>;
    this.#keep = keep;
    this.#rules = { isShared: !keep.includes("private"), defaultTtl: toMilliseconds(ttl) };
    this.#maxBytes = maxBytes;
    this.#retention = toMilliseconds(retention, "retention");
    this.#shelf = new Shelf(this.#region, { keep, rules: this.#rules, retention: this.#retention });
    this.#heedRequests = heedRequests;
    this.#name = options.name ?? "everymap";
    this.#now = options.now ?? Date.now;
  }

  /** The answer to a request, from the cache or from its origin. */
  async answer(request: Request, origin: Origin): Promise<Response> {
    const { method, headers, signal } = request;
    if (method !== "GET" && method !== "HEAD") return await this.#change(request, origin);
    const directives = this.#heedRequests ? cacheControlOf(headers, true) : new Map();
    if (directives.has("no-store") || PARTIAL.some((name) => headers.has(name))) return await origin.ask(request);
    const began = this.#now();
    for (let looks = 0; looks < 3; looks++) {
      const place = await this.#shelf.find(request);
      const { found } = place;
      if (found && "status" in found.value) {
        const use = usabilityOf(found.value, {
          directives,
          rules: this.#rules,
          isStale: found.isStale,
          now: this.#now(),
        });
        if (use === "stale") {
          const started = this.#refresh(place, request, origin, found.value);
          // Whoever keeps a worker alive has to know of it before there is an answer.
          if (origin.waitUntil) origin.waitUntil(started);
          else await started;
        }
        if (use !== "none") return this.#respond(request, found.value, "hit");
      }
      if (directives.has("only-if-cached")) return new Response(null, { status: 504 });
      if (method === "HEAD") return await origin.ask(request);
      const isAlone = this.#passedOn.get(place.key)! > this.#now() ||
        (headers.has("authorization") && !this.#keep.includes("authorization"));
      const own: Own = { request, origin };
      const outcome = isAlone
        ? await this.#alone(place, own)
        : await this.#region.getOrCreate(place.key, (context) => this.#create(place, own, context), {
          staleWhileRevalidate: 0,
          staleIfError: this.#retention,
          // Fresh for the region, but not for this request.
          maxAge: found && !found.isStale ? -1 : undefined,
          signal,
        });
      if (own.response) return own.response;
      if (own.stored) return this.#respond(request, own.stored, `fwd=${found ? "stale" : "uri-miss"}`);
      if ("error" in outcome) throw outcome.error;
      // What the region has from before, when its store fails, is not always for use.
      const isUsable = "status" in outcome && (outcome.receivedAt >= began || this.#mayStandIn(outcome));
      if (isUsable) return this.#respond(request, outcome, "fwd=uri-miss; collapsed");
    }
    return await origin.ask(request);
  }

  /** What changes things makes the cache forget them, if it succeeds (RFC 9111 §4.4). */
  async #change(request: Request, origin: Origin): Promise<Response> {
    const response = await origin.ask(request);
    if (response.status < 400 && request.method !== "OPTIONS" && request.method !== "TRACE") {
      // The thing is changed whether or not the cache can be told; the region reports if it cannot.
      await this.#shelf.forget(request).catch(() => {});
    }
    return response;
  }

  /** Has a new answer fetched in the background, unless somebody does. */
  async #refresh(place: Place, request: Request, origin: Origin, stored: StoredResponse): Promise<void> {
    // A request may be gone once it is answered.
    const own: Own = { request: new Request(request, { signal: null }), origin };
    const { fresh, whileRevalidate } = freshnessOf(stored, this.#rules);
    const create = async (context: CreateContext<Outcome>) => {
      const outcome = await this.#create(place, own, context);
      discard(own.response);
      return outcome;
    };
    const options = {
      staleWhileRevalidate: whileRevalidate - fresh,
      staleIfError: this.#retention,
      waitUntil: origin.waitUntil,
    };
    // There is an answer already; the region reports what fails.
    await this.#region.getOrCreate(place.key, create, options).catch(() => {});
  }

  /** Asks for one caller, who must not wait for others nor others for him. */
  async #alone(place: Place, own: Own): Promise<Outcome> {
    let ttl: number | undefined;
    const outcome = await this.#create(place, own, {
      key: place.key,
      signal: own.request.signal,
      previous: undefined,
      setTtl: (milliseconds) => ttl = milliseconds as number,
      noStore: () => {},
    });
    if (ttl !== undefined) {
      this.#passedOn.delete(place.key);
      await this.#shelf.put(place.key, outcome, ttl);
    }
    return outcome;
  }

  /** Asks the origin, and says what there is to keep. */
  async #create(place: Place, own: Own, context: CreateContext<Outcome>): Promise<Outcome> {
    const { previous, signal, noStore } = context;
    const old = previous && "status" in previous ? previous : undefined;
    const { request, origin } = own;
    const requestedAt = this.#now();
    try {
      const response = await origin.ask(toRevalidation(request, old, signal));
      const moments = { requestedAt, receivedAt: this.#now() };
      const isFailure = FAILED.includes(response.status);
      if (isFailure && old && this.#mayStandIn(old)) {
        discard(response);
        noStore();
        return own.stored = old;
      }
      const isConfirmed = response.status === 304 && old && hasValidator(old);
      const isKept = isConfirmed ||
        (isStorable(request, response, this.#keep) && this.#isWorthKeeping(response, moments));
      const isForAll = isKept || (isFailure && !isPersonal(request, response) && !response.headers.has("vary"));
      const body = isConfirmed ? old.body : isForAll ? await readBody(response, this.#maxBytes) : response;
      if (body instanceof Response) {
        own.response = body;
        noStore();
        if (!isFailure) this.#passOn(place.key);
        return { passOn: true };
      }
      const stored = isConfirmed ? confirmed(old, response, moments) : toStored(response, body, moments);
      own.stored = stored;
      if (!isKept) {
        noStore();
        return stored;
      }
      return await this.#shelf.settle(place, request, stored, context, this.#now());
    } catch (error) {
      if (signal.aborted) throw error;
      noStore();
      // Thrown, it would let the region serve what the answer's own rules forbid.
      return old && this.#mayStandIn(old) ? own.stored = old : { error };
    }
  }

  #passOn(key: string): void {
    this.#passedOn.delete(key);
    this.#passedOn.set(key, this.#now() + PASS_ON.milliseconds);
    if (this.#passedOn.size > PASS_ON.keys) this.#passedOn.delete(this.#passedOn.keys().next().value!);
  }

  #mayStandIn(stored: StoredResponse): boolean {
    const { ifError, whileRevalidate } = freshnessOf(stored, this.#rules);
    return ageOf(stored, this.#now()) < Math.max(ifError, whileRevalidate);
  }

  /** Whether there will be use for an answer that may be kept; one without end must not be waited for. */
  #isWorthKeeping(response: Response, moments: Moments): boolean {
    const stored = toStored(response, NOTHING, moments);
    const { ifError, whileRevalidate } = freshnessOf(stored, this.#rules);
    return hasValidator(stored) || ageOf(stored, this.#now()) < Math.max(ifError, whileRevalidate);
  }

  #respond(request: Request, stored: StoredResponse, how: string): Response {
    const age = ageOf(stored, this.#now());
    const left = Math.floor((freshnessOf(stored, this.#rules).fresh - age) / 1000);
    const before = headersOf(stored).get("cache-status");
    const status = `${this.#name}; ${how}${how === "hit" ? `; ttl=${left}` : ""}`;
    const fields: Record<string, string> = { "cache-status": before === null ? status : `${before}, ${status}` };
    if (how === "hit" || age >= 1000) fields["age"] = `${Math.floor(age / 1000)}`;
    const response = toResponse(stored, fields);
    const short = notModified(request, response);
    if (short) return short;
    return request.method === "HEAD" ? new Response(null, response) : response;
  }
}
