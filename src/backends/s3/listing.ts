/**
 * Listings of a bucket, a page of up to 1,000 names at a time.
 *
 * @module
 */

import { readText, type S3Client } from "./client.ts";
import { strange } from "./errors.ts";
import { eachElement, isDocument, textOf } from "./xml.ts";

/** An object in a listing. */
export interface Listed {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
}

/** Which names are meant. */
export interface ListRequest {
  readonly operation: string;
  /** Only names that start with it. */
  readonly prefix: string;
  /** Only names behind this one. */
  readonly after?: string | undefined;
  /** At most so many names a page. @default {1000} */
  readonly pageSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The pages of a listing. */
export async function* listPages(client: S3Client, request: ListRequest): AsyncGenerator<readonly Listed[], void> {
  const { operation, prefix, after, pageSize = 1000, signal } = request;
  const call = { store: client.store, operation };
  let token: string | undefined;
  do {
    // Without `encoding-type` a control character in one key spoils the whole page.
    const query: Record<string, string> = {
      "encoding-type": "url",
      "list-type": "2",
      "max-keys": `${pageSize}`,
      prefix,
    };
    if (token !== undefined) query["continuation-token"] = token;
    else if (after) query["start-after"] = after;
    const xml = await client.send({ operation, query, signal }, async (response) => {
      const text = await readText(response, call);
      if (!isDocument(text, "ListBucketResult")) throw strange(call, "no whole listing");
      return text;
    });
    yield parsePage(xml);
    token = textOf(xml, "IsTruncated") === "true" ? textOf(xml, "NextContinuationToken") : undefined;
  } while (token !== undefined);
}

function parsePage(xml: string): readonly Listed[] {
  const isEncoded = textOf(xml, "EncodingType") === "url";
  const page: Listed[] = [];
  eachElement(xml, "Contents", (from, to) => {
    const name = textOf(xml, "Key", from, to) ?? "";
    page.push({ name: isEncoded ? decode(name) : name, size: Number(textOf(xml, "Size", from, to)) });
  });
  return page;
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  return spaced.includes("%") ? decodeURIComponent(spaced) : spaced;
}
