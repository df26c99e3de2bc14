/**
 * Many objects removed at once: a request for each 1,000 of them.
 *
 * @module
 */

import { concurrently } from "../../core/concurrently.ts";
import { StoreError } from "../../core/store_error.ts";
import { drain, readText, type S3Client } from "./client.ts";
import { strange } from "./errors.ts";
import { Failures } from "./failures.ts";
import { sha256 } from "./signing.ts";
import { eachElement, escapeXml, isDocument, isSayable, textOf } from "./xml.ts";

/** Most names in one request. */
const MOST = 1000;

const PAGES_AT_ONCE = 8;

/** What a removal takes. */
export interface BulkRemovalOptions {
  readonly operation: string;
  /** Length of the prefix, which messages leave out. */
  readonly prefixLength: number;
  readonly signal?: AbortSignal | undefined;
}

/** Removes objects of these names, whether they are there or not; servers without a call for many get many calls. */
export class BulkRemoval {
  readonly #client: S3Client;
  #isSupported = true;

  constructor(client: S3Client) {
    this.#client = client;
  }

  /** @throws {StoreError} If some could not be removed; the others are. */
  async remove(names: readonly string[], options: BulkRemovalOptions): Promise<void> {
    const failures = new Failures();
    // One look at all of them costs a tenth of a look at each.
    const areSayable = isSayable(names.join(""));
    const sayable = areSayable ? names : names.filter(isSayable);
    const single = areSayable ? [] : names.filter((name) => !isSayable(name));
    const pages: string[][] = [];
    for (let at = 0; at < sayable.length; at += MOST) pages.push(sayable.slice(at, at + MOST));
    await concurrently(pages, async (page) => {
      if (!this.#isSupported || page.length === 1) single.push(...page);
      else await this.#removePage(page, options, single, failures).catch(failures.add);
    }, { concurrency: PAGES_AT_ONCE, signal: options.signal });
    await concurrently(single, (name) => this.#removeOne(name, options).catch(failures.add), options);
    failures.throwAny(names.length);
  }

  async #removePage(
    names: readonly string[],
    { operation, prefixLength, signal }: BulkRemovalOptions,
    single: string[],
    failures: Failures,
  ): Promise<void> {
    const client = this.#client;
    const call = { store: client.store, operation };
    // U+0000 is in none of them, and all at once are escaped in a fraction of the time.
    const objects = escapeXml(names.join("\0")).replaceAll("\0", "</Key></Object><Object><Key>");
    const body = new TextEncoder().encode(
      '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>' +
        `<Object><Key>${objects}</Key></Object></Delete>`,
    );
    const headers = { "x-amz-checksum-sha256": await sha256(body, "base64"), "content-type": "application/xml" };
    const query = { delete: "" };
    const xml = await client.send(
      { operation, method: "POST", query, headers, body, accepts: [400, 404, 405, 411, 501], signal },
      async (response) => response.ok ? await readText(response, call) : (await drain(response), undefined),
    );
    if (xml === undefined) {
      // Some insist on Content-MD5, which no platform has at hand; and some do not know the call at all.
      this.#isSupported = false;
      single.push(...names);
      return;
    }
    if (!isDocument(xml, "DeleteResult")) throw strange(call, "no whole list of what was removed").error;
    eachElement(xml, "Error", (from, to) => {
      const name = textOf(xml, "Key", from, to) ?? "";
      const reason = textOf(xml, "Code", from, to) ?? "";
      if (reason === "NoSuchKey") return;
      const code = reason === "AccessDenied" ? "denied" : "unavailable";
      failures.add(new StoreError(code, { ...call, key: name.slice(prefixLength), reason }));
    });
  }

  async #removeOne(name: string, { operation, prefixLength, signal }: BulkRemovalOptions): Promise<void> {
    const key = name.slice(prefixLength);
    await this.#client.send(
      { operation, key, method: "DELETE", name, accepts: [404], signal },
      drain,
    );
  }
}
