/**
 * The way of a pipeline to the server and back, by the vendor's client, which is loaded for the first request.
 *
 * @module
 */

import { requesterOf, type Road, type UpstashClientLike } from "./requester.ts";

/** A road by a client of our own. */
export function ownRoad(url: string, token: string): Road {
  return loaded(async () => (await import("./vendor_client.ts")).ownClient(url, token));
}

/** A road by a client of somebody else's, which stays as it is; `undefined` if it is none. */
export function givenRoad(client: UpstashClientLike): { readonly road: Road; readonly host: string } | undefined {
  const requester = requesterOf(client);
  if (typeof requester?.request !== "function") return undefined;
  const { baseUrl = "" } = requester;
  const road = loaded(async () => (await import("./vendor_client.ts")).givenClient(requester));
  return { road, host: URL.canParse(baseUrl) ? new URL(baseUrl).host : "" };
}

/** A road that is loaded for its first request; again for the next one if that fails. */
export function loaded(load: () => Promise<Road>): Road {
  let road: Promise<Road> | undefined;
  const again = (cause: unknown): never => {
    road = undefined;
    throw cause;
  };
  return async (commands, options) => await (await (road ??= load().catch(again)))(commands, options);
}
