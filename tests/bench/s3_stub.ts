/**
 * The part of S3 that benchmarks need, in memory and without any check, so that the client is what is measured. Run as a
 * program it serves on a free port of loopback, prints its address and ends with its parent.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import process from "node:process";
import { fileURLToPath } from "node:url";

interface Stored {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A server with one bucket, `/bucket`, in which there are objects of these names. */
export function createStub(names: Iterable<string> = []): Server {
  const objects = new Map<string, Stored>();
  for (const name of names) objects.set(name, { body: new Uint8Array(1), headers: { etag: `"${name.length}"` } });
  let sorted: string[] | undefined;
  let writes = 0;

  const put = (
    name: string,
    request: IncomingMessage,
    body: Uint8Array,
  ): ServerAnswer => {
    const kept: Record<string, string> = {
      etag: `"${(++writes).toString(16).padStart(32, "0")}"`,
    };
    for (const [header, value] of Object.entries(request.headers)) {
      if (header === "content-type" || header.startsWith("x-amz-meta-")) {
        kept[header] = `${value}`;
      }
    }
    if (!objects.has(name)) sorted = undefined;
    objects.set(name, { body, headers: kept });
    return { status: 200, headers: { etag: kept["etag"]! } };
  };

  const list = (query: URLSearchParams): ServerAnswer => {
    sorted ??= [...objects.keys()].sort();
    const prefix = query.get("prefix") ?? "";
    const token = query.get("continuation-token");
    const after = token === null ? query.get("start-after") ?? "" : decodeURIComponent(token);
    const most = Number(query.get("max-keys") ?? 1000);
    let from = 0;
    for (let to = sorted.length; from < to;) {
      const middle = (from + to) >> 1;
      if (sorted[middle]! <= after) from = middle + 1;
      else to = middle;
    }
    const page: string[] = [];
    while (from < sorted.length && page.length < most) {
      const name = sorted[from++]!;
      if (name.startsWith(prefix)) page.push(name);
    }
    const isCut = from < sorted.length && page.length === most;
    const next = isCut ? `<NextContinuationToken>${encodeURIComponent(page.at(-1)!)}</NextContinuationToken>` : "";
    const contents = page.map((name) =>
      `<Contents><Key>${encodeURIComponent(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
      `<ETag>&quot;${"0".repeat(32)}&quot;</ETag><Size>${objects.get(name)!.body.length}</Size>` +
      `<StorageClass>STANDARD</StorageClass></Contents>`
    );
    return {
      status: 200,
      headers: { "content-type": "application/xml" },
      body: `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
        `<Name>bucket</Name><Prefix>${encodeURIComponent(prefix)}</Prefix><KeyCount>${page.length}</KeyCount>` +
        `<MaxKeys>${most}</MaxKeys><EncodingType>url</EncodingType><IsTruncated>${isCut}</IsTruncated>${next}` +
        `${contents.join("")}</ListBucketResult>`,
    };
  };

  const removeMany = (body: string): ServerAnswer => {
    for (const [, name] of body.matchAll(/<Key>([^<]*)<\/Key>/g)) {
      objects.delete(name!);
    }
    sorted = undefined;
    const xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
    const xml = `<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="${xmlns}"></DeleteResult>`;
    return {
      status: 200,
      headers: { "content-type": "application/xml" },
      body: xml,
    };
  };

  const answer = (request: IncomingMessage, body: Uint8Array): ServerAnswer => {
    const { method = "GET", url = "/" } = request;
    const mark = url.indexOf("?");
    const name = decodeURIComponent(
      (mark < 0 ? url : url.slice(0, mark)).slice("/bucket/".length),
    );
    const query = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
    if (name === "" && method === "GET") return list(query);
    if (name === "" && method === "POST") {
      return removeMany(new TextDecoder().decode(body));
    }
    if (method === "PUT") return put(name, request, body);
    const stored = objects.get(name);
    if (method === "DELETE") {
      if (objects.delete(name)) sorted = undefined;
      return { status: 204, headers: {} };
    }
    if (!stored) {
      return {
        status: 404,
        headers: {},
        body: method === "HEAD" ? "" : "<Error><Code>NoSuchKey</Code></Error>",
      };
    }
    const headers = {
      ...stored.headers,
      "content-length": `${stored.body.length}`,
    };
    return {
      status: 200,
      headers,
      ...method === "GET" && { body: stored.body },
    };
  };

  return createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => reply(response, answer(request, join(chunks))));
  });
}

interface ServerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

function reply(
  response: ServerResponse,
  { status, headers, body }: ServerAnswer,
): void {
  response.writeHead(status, headers);
  response.end(body);
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return new Uint8Array(chunks[0]!);
  const whole = new Uint8Array(
    chunks.reduce((size, chunk) => size + chunk.length, 0),
  );
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Listens on a free port of loopback; the address. */
export function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(
      0,
      "127.0.0.1",
      () =>
        resolve(
          `http://127.0.0.1:${(server.address() as { port: number }).port}`,
        ),
    );
  });
}

/** Runs a stub as a process of its own. */
export async function spawnStub(): Promise<
  { readonly endpoint: string; stop(): void }
> {
  const script = fileURLToPath(import.meta.url);
  const args = process.versions["deno"] ? ["run", "-A", "--no-check", script, "--serve"] : [script, "--serve"];
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const endpoint = await new Promise<string>((resolve) => {
    child.stdout!.once(
      "data",
      (chunk) => resolve(new TextDecoder().decode(chunk).trim()),
    );
  });
  return { endpoint, stop: () => void child.kill("SIGKILL") };
}

if (process.argv.includes("--serve")) {
  console.log(await listen(createStub()));
  process.stdin.on("end", () => process.exit());
  process.stdin.resume();
}
