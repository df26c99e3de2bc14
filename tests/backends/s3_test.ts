import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { AwsV4Signer } from "aws4fetch";
import { disk } from "../../src/backends/disk.ts";
import { s3, type S3Backend, s3FromUrl, type S3Options } from "../../src/backends/s3.ts";
import { checksumOf } from "../../src/backends/s3/checksum.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { chain } from "../../src/codecs/chain.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { json } from "../../src/codecs/json.ts";
import { text } from "../../src/codecs/text.ts";
import { Store } from "../../src/core/store.ts";
import { StoreError, type StoreErrorCode } from "../../src/core/store_error.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";
import { createStub, listen } from "../bench/s3_stub.ts";
import { type Radosgw, radosgwIsMissing, startRadosgw } from "../support/radosgw.ts";
import { signedFetch } from "../support/signed_fetch.ts";

const skip = radosgwIsMissing() ?? false;
let gateway: Radosgw;
let folders = 0;

before(async () => {
  if (skip) return;
  gateway = await startRadosgw();
  await signedFetch(gateway.main, `${gateway.endpoint}/bucket`, { method: "PUT" });
});
after(async () => {
  if (!skip) await gateway.stop();
});

function open(options: Partial<S3Options> = {}): S3Backend {
  const { endpoint, main: credentials } = gateway;
  return s3({ bucket: "bucket", prefix: `test${folders++}/`, endpoint, credentials, ...options });
}

const SUPPORTS = { list: true, order: true, ttl: true, create: true, swap: true, stream: true, revision: false };
const refusesKey = (key: string) => key === "" || key.includes("\0") || /(^|\/)\.\.?(\/|$)/.test(key);

describe("s3 keeps the laws of stores on radosgw (BK-40)", { skip }, () => {
  for (const law of storeLawsFor(SUPPORTS)) {
    test(law.title, () =>
      law.run({
        refusesKey,
        make: (clock) => {
          const prefix = `law${folders++}/`;
          return { open: () => open({ prefix, now: clock.now }) };
        },
      }));
  }
});

async function rejectsWith(call: () => Promise<unknown>, code: StoreErrorCode, text = ""): Promise<StoreError> {
  const error = await assertRejects(call, StoreError, text);
  assertEquals(error.code, code);
  return error;
}

/** What the gateway itself says of an object. */
async function headers(backend: S3Backend, key: string): Promise<Headers> {
  const response = await signedFetch(gateway.main, backend.url(key), { method: "HEAD" });
  assertEquals(response.status, 200);
  return response.headers;
}

async function uploads(): Promise<string> {
  return await (await signedFetch(gateway.main, `${gateway.endpoint}/bucket?uploads=`)).text();
}

/** A source that gives so many chunks and then ends, or breaks. */
function source(chunks: number, size: number, failure?: Error): ReadableStream<Uint8Array> {
  let count = 0;
  return new ReadableStream({
    pull(controller) {
      if (count++ < chunks) controller.enqueue(new Uint8Array(size).fill(count));
      else if (failure) controller.error(failure);
      else controller.close();
    },
  });
}

describe("s3 without conditions on the server", { skip }, () => {
  const titles = /any sequence|^update\(\)|^add\(\)|^take\(\)|through one store|^deleteMany/;
  for (
    const law of storeLawsFor({ ...SUPPORTS, create: false, swap: false }).filter(({ title }) => titles.test(title))
  ) {
    test(law.title, () =>
      law.run({
        refusesKey,
        make: (clock) => {
          const prefix = `plain${folders++}/`;
          const backend = open({ prefix, now: clock.now, conditionalWrites: false });
          return { open: () => backend };
        },
      }));
  }
});

describe("s3 entries", { skip }, () => {
  for (const key of ["test", "中"]) {
    test(`the JSON backend of old works with the key ${key} (BK-40)`, async () => {
      const backend = open();
      const store = new Store<unknown>(backend);
      await store.set(key, { a: [1, "中"] });
      assertEquals(await store.get(key), { a: [1, "中"] });
      assertEquals((await headers(backend, key)).get("content-type"), "application/json");
      assertEquals([await store.has(key), await store.size, await Array.fromAsync(store.keys())], [true, 1, [key]]);
      assertEquals([await store.delete(key), await store.has(key), await store.size], [true, false, 0]);
    });
  }

  test("the raw backend of old: contains, keys, load, delete, length (BK-41, PS-12)", async () => {
    const store = new Store<Uint8Array>(open({ prefix: `folder${folders++}` }), { codec: bytes() });
    await store.set("key", new TextEncoder().encode("Hello"));
    assertEquals(new TextDecoder().decode(await store.get("key")), "Hello");
    assertEquals([await store.has("key"), await store.size, await Array.fromAsync(store.keys())], [true, 1, ["key"]]);
    assertEquals([await store.delete("key"), await store.delete("key"), await store.size], [true, false, 0]);
  });

  test("a length counts what begins with the prefix, and not what contains it (PS-12)", async () => {
    const folder = `prefix${folders++}`;
    const store = new Store<number>(open({ prefix: `${folder}/` }));
    const other = new Store<number>(open({ prefix: `other/${folder}/` }));
    await store.set("a", 1);
    await other.set("a", 1);
    assertEquals(await store.size, 1);
    await store.clear();
    assertEquals(await other.get("a"), 1);
  });

  test("text goes gzipped and comes back as it was; pictures stay (BK-42, BK-43)", async () => {
    const backend = open({ compress: "auto" });
    const store = new Store<Uint8Array>(backend, { codec: bytes() });
    const text = new TextEncoder().encode("body { color: red } ".repeat(50) + "★");
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 0);
    const types: Record<string, string> = {
      "site.css": "text/css",
      "app.js": "text/javascript",
      "data.json": "application/json",
      "icon.svg": "image/svg+xml",
      "page.html": "text/html",
      "中文.txt": "text/plain",
    };
    for (const [key, type] of Object.entries(types)) {
      await store.set(key, text);
      const stored = await headers(backend, key);
      assertEquals([stored.get("content-type"), await gzippedAtRest(backend, key)], [type, true], key);
      assertEquals(await store.get(key), text);
      assertEquals(new Uint8Array(await new Response(await store.readable(key)).arrayBuffer()), text);
    }
    await store.set("picture.png", png);
    assertEquals((await headers(backend, "picture.png")).get("content-type"), "image/png");
    assertEquals(await gzippedAtRest(backend, "picture.png"), false);
    assertEquals(await store.get("picture.png"), png);
    await backend.makePublic("site.css");
    const seen = await fetch(backend.url("site.css"));
    assertEquals(new Uint8Array(await seen.arrayBuffer()), text);
    assertEquals(new Store(open()).backend.name.startsWith("s3(bucket/"), true);
  });

  test("a codec's own encoding is named, and its bytes come back untouched", async () => {
    const backend = open();
    const codec = chain(json(), gzip());
    const store = new Store<unknown>(backend, { codec });
    await store.set("key", { a: 1 });
    const stored = await headers(backend, "key");
    assertEquals(stored.get("content-type"), "application/json");
    assertEquals(await gzippedAtRest(backend, "key"), true);
    assertEquals(await store.get("key"), { a: 1 });
    assertEquals(await new Response(await store.readable("key")).json(), { a: 1 });
    assertEquals(await store.touch("key", 60_000), true);
    assertEquals(await gzippedAtRest(backend, "key"), true);
    assertEquals(await store.get("key"), { a: 1 });
  });

  test("an object of another tool is an entry", async () => {
    const backend = open();
    const store = new Store<unknown>(backend);
    const response = await signedFetch(gateway.main, backend.url("key"), { method: "PUT", body: '{"a":1}' });
    await response.body?.cancel();
    const { value, version, createdAt } = (await store.entry("key"))!;
    assertEquals(value, { a: 1 });
    assert(createdAt! > 0);
    assertEquals(await store.replace("key", 2, { version: version! }), true);
    assertEquals(await store.replace("key", 3, { version: version! }), false);
  });

  test("headers and words of one's own are kept, per store and per write, with any characters", async () => {
    const backend = open({
      metadata: { cacheControl: "public, max-age=60", custom: { who: "Ada  Lovelace", "a-b": " x " } },
    });
    const custom = { who: "Zoë ☃ 100% (a b)", empty: "" };
    await backend.write("key", new Uint8Array(3), {
      metadata: { contentType: "image/x-own", contentDisposition: 'inline; filename="a.bin"', custom },
      expiresAt: Date.now() + 100_000,
    });
    const entry = await backend.read("key", { details: true });
    assertEquals(entry?.metadata?.custom?.["who"], custom.who);
    assertEquals(entry?.metadata?.custom?.["a-b"], " x ");
    assertEquals(entry?.metadata?.contentType, "image/x-own");
    assertEquals(entry?.metadata?.cacheControl, "public, max-age=60");
    assertEquals(entry?.metadata?.contentDisposition, 'inline; filename="a.bin"');
    assertEquals(await backend.touch!("key", undefined), true);
    const touched = await backend.read("key", { details: true });
    assertEquals([touched?.metadata, touched?.expiresAt], [entry?.metadata, undefined]);
    assertNotEquals(touched?.version, entry?.version);
    await assertRejects(
      () => backend.write("key", new Uint8Array(1), { metadata: { custom: { "a b": "" } } }),
      TypeError,
    );
    await assertRejects(() => backend.write("key", new Uint8Array(1), { metadata: { cacheControl: "é" } }), TypeError);
  });

  test("a lifetime can also be sent as Expires", async () => {
    const backend = open({ expires: true });
    await new Store<number>(backend).set("key", 1, { expiresAt: 2_000_000_000_000 });
    assertEquals((await headers(backend, "key")).get("expires"), "Wed, 18 May 2033 03:33:20 GMT");
  });

  test("a listing of several pages has every key once, resumes, and is cleared", async () => {
    const store = new Store<number>(open());
    const keys = Array.from({ length: 1100 }, (_, index) => `key${String(index).padStart(5, "0")}`);
    await store.setMany(keys.map((key) => [key, 1]));
    assertEquals(await Array.fromAsync(store.keys()), keys);
    assertEquals(await Array.fromAsync(store.keys({ after: keys[1049]! })), keys.slice(1050));
    assertEquals(await store.deleteMany([...keys.slice(0, 20), "other"]), 20);
    assertEquals(await store.size, 1080);
    await store.clear();
    assertEquals(await store.size, 0);
  });

  test("a checksum is verified", async () => {
    for (const checksum of ["sha256", "crc32c"] as const) {
      const backend = open({ checksum });
      const store = new Store<string>(backend);
      await store.set("key", "value");
      assertEquals(await store.get("key"), "value");
      const note = (await headers(backend, "key")).get("x-amz-meta-everymap")!;
      assert(note.includes(checksum));
      const meta = { "x-amz-meta-everymap": note };
      await (await signedFetch(gateway.main, backend.url("key"), { method: "PUT", body: '"other"', headers: meta }))
        .text();
      await rejectsWith(() => store.get("key"), "corrupt", "checksum");
    }
  });

  test("keys that S3 cannot have are refused before anything is sent", async () => {
    const noFetch = () => Promise.reject(new Error("sent"));
    const store = new Store<number>(open({ fetch: noFetch, prefix: "p/" }));
    for (
      const key of ["", "a/../b", "./a", "..", "a/.", "a\0", ".everymap/lifetimes", "k".repeat(1023), "é".repeat(512)]
    ) {
      await rejectsWith(() => store.set(key, 1), "invalid-key");
      await rejectsWith(() => store.setMany([["a", 1], [key, 1]]), "invalid-key");
      await rejectsWith(() => store.deleteMany([key]), "invalid-key");
    }
  });

  test("the store's own objects are in no listing and survive clear()", async () => {
    const prefix = `own${folders++}/`;
    const store = new Store<number>(open({ prefix }));
    const outer = new Store<number>(open({ prefix: prefix.slice(0, 3) }));
    await store.set("key", 1, { ttl: 100_000 });
    assertEquals(await Array.fromAsync(store.keys()), ["key"]);
    assert((await Array.fromAsync(outer.keys())).every((key) => !key.includes(".everymap")));
    await store.clear();
    assertEquals(await store.size, 0);
    const late = new FakeClock(Date.now() + 200_000);
    await store.set("key", 1, { ttl: 100_000 });
    assertEquals(await new Store(open({ prefix, now: late.now })).size, 0);
  });

  test("a folder as a cache in front of a bucket (tiered)", async () => {
    const requests: string[] = [];
    const backend = open({ fetch: (input, init) => (requests.push(init!.method!), fetch(input, init)) });
    const folder = mkdtempSync(join(tmpdir(), "everymap-"));
    try {
      const store = new Store<string>(tiered(disk(folder), backend));
      await store.set("key", "value");
      assertEquals(requests, ["PUT"]);
      assertEquals(await store.get("key"), "value");
      assertEquals(requests, ["PUT"]);
      assertEquals(await new Store<string>(backend).get("key"), "value");
      assertEquals(await store.size, 1);
      await store.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

async function gzippedAtRest(backend: S3Backend, key: string): Promise<boolean> {
  // A platform decodes what is said to be gzipped, and some of them then hide that it was.
  const plain = await signedFetch(gateway.main, `${backend.url(key)}?response-content-encoding=identity`);
  const body = new Uint8Array(await plain.arrayBuffer());
  return body[0] === 0x1f && body[1] === 0x8b;
}

describe("s3 uploads", { skip }, () => {
  const partSize = 5 * 1024 * 1024;

  test("a stream and a Blob of any size come back equal", async () => {
    const backend = open({ partSize });
    const chunk = Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * 31) >> 4);
    for (const [key, count] of [["empty", 0], ["small", 1], ["large", 12]] as const) {
      const whole = new Blob(Array.from({ length: count }, () => chunk));
      for (const body of [whole, whole.stream() as ReadableStream<Uint8Array>]) {
        assert(await backend.write(key, body));
        const { value } = (await backend.read(key))!;
        assertEquals(value.length, whole.size);
        assertEquals(
          await checksumOf(value, "sha256"),
          await checksumOf(new Uint8Array(await whole.arrayBuffer()), "sha256"),
        );
      }
    }
    assert(!(await uploads()).includes("<UploadId>"));
  });

  test("a large stream has a lifetime, headers and a version", async () => {
    const clock = new FakeClock();
    const backend = open({ partSize, now: clock.now });
    const store = new Store<Uint8Array>(backend, { codec: bytes() });
    const writer = await store.writable("video.mp4", { ttl: 1000 });
    await source(7, 1_000_000).pipeTo(writer);
    assertEquals((await headers(backend, "video.mp4")).get("content-type"), "video/mp4");
    const entry = (await store.entry("video.mp4"))!;
    assertEquals([entry.value.length, entry.expiresAt], [7_000_000, clock.now() + 1000]);
    assertEquals(await store.replace("video.mp4", new Uint8Array(1), { version: entry.version! }), true);
    await source(7, 1_000_000).pipeTo(await store.writable("video.mp4", { ttl: 1000 }));
    clock.advance(1000);
    assertEquals(await store.readable("video.mp4"), undefined);
  });

  test("a large stream is written under a condition", async () => {
    const backend = open({ partSize });
    assertNotEquals(await backend.write("key", source(7, 1_000_000), { condition: "absent" }), false);
    assertEquals(await backend.write("key", source(7, 1_000_000), { condition: "absent" }), false);
    const { version } = (await backend.read("key", { details: true }))!;
    assertEquals(await backend.write("key", source(1, 10), { condition: { version: "other.1" } }), false);
    assertNotEquals(await backend.write("key", source(8, 1_000_000), { condition: { version: version! } }), false);
    assertEquals((await backend.read("key"))!.value.length, 8_000_000);
  });

  test("a source that breaks, an abort and a writer's abort leave no part behind", async () => {
    const backend = open({ partSize });
    const failure = new Error("broken");
    assertEquals(await backend.write("key", source(12, 1_000_000, failure)).catch((error) => error), failure);
    const controller = new AbortController();
    let count = 0;
    const aborting = new ReadableStream<Uint8Array>({
      pull(stream) {
        if (count++ === 12) controller.abort(failure);
        stream.enqueue(new Uint8Array(1_000_000));
      },
    });
    assertEquals(await backend.write("key", aborting, { signal: controller.signal }).catch((error) => error), failure);
    const writer = (await backend.writable!("key")).getWriter();
    await writer.write(new Uint8Array(12_000_000));
    await writer.abort(failure);
    assertEquals(await backend.read("key"), undefined);
    assert(!(await uploads()).includes("<UploadId>"), await uploads());
  });
});

test("an upload of 100 MB holds few parts at a time, whatever its length", async () => {
  let held = 0;
  let most = 0;
  let parts = 0;
  const answer = async (input: URL | RequestInfo, init?: RequestInit) => {
    const { searchParams } = new URL(`${input}`);
    const size = (init?.body as Uint8Array | null)?.length ?? 0;
    held += size;
    most = Math.max(most, held);
    await new Promise((resolve) => setTimeout(resolve, 0));
    held -= size;
    if (searchParams.has("partNumber")) parts++;
    if (searchParams.has("uploads")) return new Response("<Initiated><UploadId>id</UploadId></Initiated>");
    if (init?.method === "POST") return new Response("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
    return new Response(null, { headers: { etag: '"0"' } });
  };
  const credentials = { accessKeyId: "key", secretAccessKey: "secret" };
  const backend = s3({ bucket: "bucket", endpoint: "https://s3.test", credentials, fetch: answer });
  await backend.write("key", source(1600, 65_536));
  assertEquals(parts, 13);
  // Beside these there is one part that is being filled.
  assert(most <= 24 * 1024 * 1024, `${most}`);
});

test("12,345 keys come back exactly once, and go in 13 requests each way", async () => {
  const keys = Array.from({ length: 12_345 }, (_, index) => `key ${String(index).padStart(6, "0")}+é`);
  let requests: string[] = [];
  const counting = (input: URL | RequestInfo, init?: RequestInit) => (requests.push(init!.method!), fetch(input, init));
  const onServer = async (keys: readonly string[], use: (store: Store<number>) => Promise<void>) => {
    const server = createStub(keys);
    const endpoint = await listen(server);
    const credentials = { accessKeyId: "key", secretAccessKey: "secret" };
    try {
      const backend = s3({ bucket: "bucket", endpoint, credentials, fetch: counting, concurrency: 50 });
      const store = new Store<number>(backend);
      // So that it has found out by now what the place can do.
      await store.set(keys[0]!, 1);
      requests = [];
      await use(store);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };
  await onServer(keys, async (store) => {
    const listed = await Array.fromAsync(store.keys());
    assert(listed.length === keys.length && listed.every((key, index) => key === keys[index]));
    assertEquals(requests.filter((method) => method === "GET").length, 13);
    requests = [];
    await store.clear();
    assertEquals(requests.filter((method) => method === "POST").length, 13);
    assertEquals(await store.size, 0);
  });
  await onServer(keys.slice(0, 5000), async (store) => {
    assertEquals(await store.deleteMany(keys.slice(0, 5000)), 5000);
    assertEquals(requests.filter((method) => method === "POST").length, 5);
    assert(requests.length <= 12, `${requests.length}`);
  });
});

describe("s3 publishing", { skip }, () => {
  const status = async (url: string) => {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status;
  };

  test("an object is made public and private again", async () => {
    const backend = open();
    const store = new Store<string>(backend);
    await store.set("a b/ü+.txt", "value");
    const url = backend.url("a b/ü+.txt");
    assertEquals(await status(url), 403);
    assertEquals(await backend.makePublic("a b/ü+.txt"), true);
    assertEquals(await (await fetch(url)).json(), "value");
    assertEquals(await store.touch("a b/ü+.txt", 100_000), true);
    assertEquals(await status(url), 200);
    assertEquals(await backend.makePrivate("a b/ü+.txt"), true);
    assertEquals(await status(url), 403);
    assertEquals(await backend.makePublic("absent"), false);
  });

  test("what is written as public is public, and stays so when it is written again", async () => {
    const store = open({ public: true });
    await store.write("key", new Uint8Array(3));
    assertEquals(await status(store.url("key")), 200);
    await store.write("key", new Uint8Array(3));
    assertEquals(await status(store.url("key")), 200);
    await store.write("key", new Uint8Array(3), { public: false });
    assertEquals(await status(store.url("key")), 403);
  });

  test("an address with a signature reads and writes for anybody", async () => {
    const backend = open();
    const store = new Store<string>(backend, { codec: text() });
    await store.set("a+b ü.txt", "value");
    const options = { download: "naïve résumé.txt", contentType: "application/x-own", expiresIn: { minutes: 5 } };
    const url = await backend.presign("a+b ü.txt", options);
    const response = await fetch(url);
    assertEquals([response.status, await response.text()], [200, "value"]);
    assertEquals(response.headers.get("content-type"), "application/x-own");
    const disposition = `attachment; filename="na_ve r_sum_.txt"; filename*=UTF-8''na%C3%AFve%20r%C3%A9sum%C3%A9.txt`;
    assertEquals(response.headers.get("content-disposition"), disposition);
    const forged = url.replace(/(?<=Signature=)./, (digit) => digit === "0" ? "1" : "0");
    assertEquals(await status(forged), 403);
    const put = await backend.presign("new", { method: "PUT", contentType: "text/plain" });
    const wrong = await fetch(put, { method: "PUT", body: "x", headers: { "content-type": "text/html" } });
    await wrong.body?.cancel();
    assertEquals(wrong.status, 403);
    const right = await fetch(put, { method: "PUT", body: "new", headers: { "content-type": "text/plain" } });
    await right.body?.cancel();
    assertEquals([right.status, await store.get("new")], [200, "new"]);
    for (const expiresIn of [0, 8 * 86_400_000]) {
      await assertRejects(() => backend.presign("key", { expiresIn }), RangeError);
    }
    await assertRejects(() => backend.presign("key", { expiresIn: NaN }), RangeError);
  });

  test("copy() copies on the server, with headers and lifetime", async () => {
    const clock = new FakeClock();
    const backend = open({ now: clock.now });
    const expiresAt = clock.now() + 1000;
    const metadata = { contentType: "text/x-own", custom: { who: "Zoë" } };
    await backend.write("from ü+", new Uint8Array(7), { expiresAt, metadata });
    assertEquals(await backend.copy("from ü+", "a/to %2B"), true);
    const copy = (await backend.read("a/to %2B", { details: true }))!;
    assertEquals([copy.value.length, copy.expiresAt, copy.metadata?.contentType], [7, expiresAt, "text/x-own"]);
    assertEquals(copy.metadata?.custom, { who: "Zoë" });
    clock.advance(1000);
    assertEquals(await backend.copy("from ü+", "other"), false);
    assertEquals(await backend.copy("absent", "other"), false);
  });
});

/** `fetch` for hosts that no name server knows: all of them are the gateway. */
function fetchByHost(input: URL | RequestInfo, init?: RequestInit): Promise<Response> {
  const { host, port, pathname, search } = new URL(`${input}`);
  const { method = "GET", body, headers } = init!;
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      method,
      path: pathname + search,
      headers: { ...headers as object, host },
    };
    const sent = request(options, (answer) => {
      const chunks: Uint8Array[] = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const status = answer.statusCode!;
        const whole = status === 204 || method === "HEAD" ? null : new Blob(chunks as Uint8Array<ArrayBuffer>[]);
        resolve(new Response(whole, { status, headers: answer.headers as Record<string, string> }));
      });
    });
    sent.on("error", reject);
    sent.end(body as Uint8Array | undefined);
  });
}

test("s3 addresses a bucket by its host (virtual-hosted style)", { skip }, async () => {
  const endpoint = gateway.endpoint.replace("127.0.0.1", "s3.test");
  const backend = open({ endpoint, pathStyle: false, fetch: fetchByHost });
  assert(backend.url("a").startsWith("http://bucket.s3.test:"));
  const store = new Store<number>(backend);
  for (const key of ["a", "b c/+ü//(1)*'!~", "/d"]) await store.set(key, 1);
  assertEquals((await Array.fromAsync(store.keys())).length, 3);
  assertEquals(await store.deleteMany(["a", "/d", "other"]), 2);
  assertEquals(await store.get("b c/+ü//(1)*'!~"), 1);
  assertEquals(await backend.copy("b c/+ü//(1)*'!~", "copy"), true);
});

describe("s3 refused", { skip }, () => {
  test("a wrong secret, a stranger and a missing bucket are errors, never misses", async () => {
    const { main, second } = gateway;
    const strangers: readonly (readonly [Partial<S3Options>, StoreErrorCode])[] = [
      [{ credentials: { ...main, secretAccessKey: "wrong" } }, "denied"],
      [{ credentials: { ...main, accessKeyId: "nobody" } }, "denied"],
      [{ credentials: second }, "denied"],
      [{ bucket: "missing" }, "unavailable"],
      [{ endpoint: "http://127.0.0.1:1", deadline: 20 }, "unavailable"],
    ];
    await new Store<number>(open({ prefix: "denied/" })).set("key", 1);
    for (const [options, code] of strangers) {
      const store = new Store<number>(open({ prefix: "denied/", conditionalWrites: true, ...options }));
      const calls = [
        () => store.get("key"),
        () => store.has("key"),
        () => store.set("key", 2),
        () => store.delete("key"),
        () => store.size,
        () => store.getMany(["key", "b"]),
        () => store.readable("key"),
        () => store.clear(),
      ];
      for (const call of calls) {
        const error = await rejectsWith(call, code);
        assert(!error.message.includes("wrong") && !error.message.includes(main.secretAccessKey), error.message);
      }
    }
    assertEquals(await new Store<number>(open({ prefix: "denied/" })).get("key"), 1);
  });

  test("temporary credentials with a session token work, and bogus tokens are denied", async () => {
    const ask = async (service: string, parameters: Record<string, string>) => {
      const body = `${new URLSearchParams(parameters)}`;
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const request = { url: `${gateway.endpoint}/`, method: "POST", body, headers, service, region: "us-east-1" };
      const signed = await new AwsV4Signer({ ...gateway.main, ...request }).sign();
      return await (await fetch(signed.url, { method: "POST", headers: signed.headers, body })).text();
    };
    const statement = { Effect: "Allow", Action: ["sts:GetSessionToken", "s3:*"], Resource: "*" };
    const document = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
    await ask("iam", { Action: "PutUserPolicy", UserName: "main", PolicyName: "session", PolicyDocument: document });
    const xml = await ask("sts", { Action: "GetSessionToken", DurationSeconds: "900", Version: "2011-06-15" });
    const [accessKeyId, secretAccessKey, sessionToken] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map((
      name,
    ) => new RegExp(`<${name}>([^<]*)<`).exec(xml)?.[1] ?? "") as [string, string, string];
    assert(sessionToken !== "", xml);
    const prefix = `session${folders++}/`;
    const own = { accessKeyId, secretAccessKey, sessionToken };
    const store = new Store<number>(open({ prefix, credentials: () => Promise.resolve(own) }));
    await store.set("key +", 1);
    assertEquals(await store.get("key +"), 1);
    const url = await open({ prefix, credentials: own }).presign("key +");
    assertEquals(await (await fetch(url)).json(), 1);
    const bogus = new Store<number>(open({ prefix, credentials: { ...own, sessionToken: "bogus" } }));
    await assertRejects(() => bogus.get("key +"), StoreError);
  });

  test("a removal and a claim that a crash left behind are taken over, but not while they are fresh", async () => {
    const prefix = `crash${folders++}/`;
    let isLater = false;
    const hasty = async (input: URL | RequestInfo, init?: RequestInit) => {
      const response = await fetch(input, init);
      if (!isLater || init?.method !== "HEAD") return response;
      const all = new Headers(response.headers);
      all.set("date", new Date(Date.now() + 60_000).toUTCString());
      return new Response(null, { status: response.status, headers: all });
    };
    // It dies between the mark and the removal.
    const dying = (input: URL | RequestInfo, init?: RequestInit) =>
      init?.method === "DELETE" ? Promise.resolve(new Response(null, { status: 403 })) : fetch(input, init);
    const clock = new FakeClock();
    const options = { prefix, now: clock.now, conditionalWrites: true } as const;
    const crashed = new Store<number>(open({ ...options, fetch: dying }));
    await crashed.set("marked", 1);
    assertEquals(await crashed.delete("marked"), true);
    await crashed.set("claimed", 1, { ttl: 1 });
    clock.advance(1);
    assertEquals(await crashed.add("claimed", 2), true);
    let waits = 0;
    const wait = () => {
      isLater = ++waits > 2;
      return Promise.resolve();
    };
    const store = new Store<number>(open({ ...options, fetch: hasty, wait }));
    assertEquals([await store.has("marked"), await store.get("marked"), await store.delete("marked")], [
      false,
      undefined,
      false,
    ]);
    assertEquals(await Array.fromAsync(store.keys()), ["claimed"]);
    assertEquals(await store.prune(), 0);
    assertEquals(await store.add("marked", 3), true);
    assertEquals(waits, 3);
    assertEquals(await store.get("marked"), 3);
    assertEquals(await crashed.delete("marked"), true);
    assertEquals(await store.prune(), 1);
    assertEquals(await Array.fromAsync(store.keys()), ["claimed"]);
  });
});

describe("s3 options", () => {
  const credentials = { accessKeyId: "key", secretAccessKey: "secret" };
  const bucket = "bucket";

  test("addresses are virtual-hosted on AWS and paths elsewhere, or as asked", () => {
    const url = (options: Partial<S3Options>) => s3({ bucket, credentials, ...options }).url("a b/ü+(1)'.txt");
    const path = "a%20b/%C3%BC%2B%281%29%27.txt";
    assertEquals(url({}), `https://bucket.s3.us-east-1.amazonaws.com/${path}`);
    assertEquals(url({ region: "eu-west-1", pathStyle: true }), `https://s3.eu-west-1.amazonaws.com/bucket/${path}`);
    assertEquals(url({ bucket: "my.bucket" }), `https://s3.us-east-1.amazonaws.com/my.bucket/${path}`);
    assertEquals(url({ endpoint: "https://r2.test/", prefix: "p/" }), `https://r2.test/bucket/p/${path}`);
    assertEquals(url({ endpoint: "https://r2.test", pathStyle: false }), `https://bucket.r2.test/${path}`);
    assertEquals(url({ publicUrl: "https://cdn.test/" }), `https://cdn.test/${path}`);
  });

  test("a URL opens a bucket, with parameters and without credentials", () => {
    const parse = (url: string) => s3FromUrl(new URL(url), { credentials });
    const backend = parse("s3://bucket/photos/2026/?region=eu-west-1&compress=auto&conditionalWrites=false");
    assertEquals(backend.name, "s3(bucket/photos/2026/)");
    assertEquals(backend.supports.create, false);
    assertEquals(backend.url("a"), "https://bucket.s3.eu-west-1.amazonaws.com/photos/2026/a");
    assertEquals(parse("s3://bucket?endpoint=http://localhost:9000").url("a"), "http://localhost:9000/bucket/a");
    for (
      const url of [
        "s3://user:secret@bucket",
        "s3://bucket?nope=1",
        "s3://bucket?region=a&region=b",
        "s3://bucket/../..?region=-/-",
      ]
    ) {
      const error = assertThrows(() => parse(url), TypeError);
      assert(!error.message.includes("secret"), error.message);
    }
  });

  test("credentials come from an environment that is handed over", () => {
    const environment = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret", AWS_REGION: "eu-north-1" };
    assertEquals(s3({ bucket, credentials: environment }).url("a"), "https://bucket.s3.eu-north-1.amazonaws.com/a");
    const partial = { AWS_ACCESS_KEY_ID: "key" };
    assertThrows(() => s3({ bucket, credentials: partial }), TypeError, "credentials");
  });

  test("mistakes are refused at once", () => {
    const mistakes: readonly Partial<Record<keyof S3Options | "nope", unknown>>[] = [
      { nope: 1 },
      { bucket: "" },
      { bucket: "a/b" },
      { prefix: "/a" },
      { prefix: "a/../" },
      { prefix: "a/." },
      { region: "a/b" },
      { endpoint: "ftp://a" },
      { endpoint: "https://user:secret@a" },
      { credentials: undefined },
      { credentials: { accessKeyId: "", secretAccessKey: "" } },
      { conditionalWrites: "maybe" },
      { compress: "always" },
      { checksum: "md5" },
    ];
    for (const mistake of mistakes) {
      const error = assertThrows(() => s3({ bucket, credentials, ...mistake } as S3Options), TypeError);
      assert(!error.message.includes("secret@"), error.message);
    }
    assertThrows(() => s3({ bucket, credentials, deadline: 0 }), RangeError);
    assertThrows(() => s3({ bucket, credentials, concurrency: 0 }), RangeError);
  });
});
