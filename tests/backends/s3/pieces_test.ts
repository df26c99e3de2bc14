import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { checksumOf } from "../../../src/backends/s3/checksum.ts";
import { CredentialsHolder, type S3Credentials } from "../../../src/backends/s3/credentials.ts";
import { isReserved, refusalOf, toPath } from "../../../src/backends/s3/keys.ts";
import { headOf, metadataHeaders, metadataOf, noteHeader } from "../../../src/backends/s3/metadata.ts";
import { contentTypeOf, isText } from "../../../src/backends/s3/media_types.ts";
import { sha256 } from "../../../src/backends/s3/signing.ts";
import { eachElement, escapeXml, isDocument, isSayable, textOf } from "../../../src/backends/s3/xml.ts";
import { s3 } from "../../../src/backends/s3.ts";
import { Store } from "../../../src/core/store.ts";
import { StoreError } from "../../../src/core/store_error.ts";

const HUGE = 200_000;

describe("s3 XML", () => {
  test("elements are found by name, in order, and their text is unescaped", () => {
    const xml = "<R><C><K>a&amp;b&#x2B;&#43;</K><O><ID>1</ID></O></C><C><K></K></C></R>";
    const found: (string | undefined)[] = [];
    eachElement(xml, "C", (from, to) => found.push(textOf(xml, "K", from, to)));
    assertEquals(found, ["a&b++", ""]);
    assertEquals(textOf(xml, "X"), undefined);
  });

  test("no entity is expanded, and a document type is refused", () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><R><K>&a;&a;</K></R>`;
    assertEquals(isDocument(bomb, "R"), false);
    assertEquals(textOf("<K>&a;&#x110000;&xxe;&#99999999;</K>", "K"), "&a;&#x110000;&xxe;&#99999999;");
  });

  test("what is cut off is no document", () => {
    const whole = '<?xml version="1.0"?>\n<R xmlns="x"><C><K>a</K></C></R>\n';
    assertEquals(isDocument(whole, "R"), true);
    for (let length = 0; length < whole.trimEnd().length; length++) {
      assertEquals(isDocument(whole.slice(0, length), "R"), false);
    }
    assertEquals(isDocument("<R/>", "R"), true);
    assertEquals(isDocument("<Rx></Rx>", "R"), false);
  });

  test("the time that hostile text takes grows with its length alone", () => {
    let count = 0;
    eachElement("<C>".repeat(HUGE), "C", () => count++);
    eachElement(`${"<C>".repeat(HUGE)}</C>`, "C", () => count++);
    assertEquals(count, 1);
    const opened = "<K>".repeat(HUGE);
    assertEquals(textOf(opened, "K"), undefined);
    assertEquals(isDocument(`<R>${"<".repeat(HUGE)}`, "R"), false);
    assertEquals(textOf(`<K>${"&".repeat(HUGE)}</K>`, "K")?.length, HUGE);
  });

  test("text is escaped so that it comes back, and what XML cannot say is known", () => {
    const text = "a<b>&\"'\r\n\t]]>é😀";
    assertEquals(textOf(`<K>${escapeXml(text)}</K>`, "K"), text);
    assertEquals(["a\u0001", "\u001f", "\uffff", "a\nb", "\u{10000}"].map(isSayable), [
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});

describe("s3 keys", () => {
  test("paths are percent-encoded by S3's rules", () => {
    assertEquals(toPath("a b+c/d~e_f-g.h"), "a%20b%2Bc/d~e_f-g.h");
    assertEquals(
      toPath("!'()*&=?#%;:@,$[]\\|\"<>"),
      "%21%27%28%29%2A%26%3D%3F%23%25%3B%3A%40%2C%24%5B%5D%5C%7C%22%3C%3E",
    );
    assertEquals(toPath("中/😀"), "%E4%B8%AD/%F0%9F%98%80");
  });

  test("a URL does not change the path of a key that is taken", () => {
    for (
      const key of ["a//b", "/a", "a/", "...", "a/...", ".a", "a.", "%2e%2e", "..%2f", "a\\..\\b", "a;b", "a\tb\nc"]
    ) {
      assertEquals(refusalOf(key), undefined, key);
      assertEquals(decodeURIComponent(new URL(`https://host/bucket/${toPath(key)}`).pathname), `/bucket/${key}`);
    }
  });

  test("keys that cannot be kept apart are refused", () => {
    for (const key of ["", ".", "..", "../a", "a/..", "a/./b", "\0", "a/.everymap/b"]) {
      assert(refusalOf(key) !== undefined, key);
    }
    assert(isReserved("prefix.everymap/claim-1"));
  });
});

describe("s3 metadata", () => {
  test("words of any kind come back", () => {
    const custom = { a: "plain", b: " two  spaces ", c: "100%", d: "Zoë ☃ 😀", e: "a\nb", f: "%41", g: "" };
    const headers = metadataHeaders({ custom });
    for (const value of Object.values(headers)) assert(/^[!-~]?([ -~]*[!-~])?$/.test(value), value);
    assertEquals(metadataOf(new Headers(headers)).custom, custom);
    assertEquals(headers["x-amz-meta-a"], "plain");
    assertEquals(metadataOf(new Headers({ "x-amz-meta-x": "50% off" })).custom, { x: "50% off" });
  });

  test("a note comes back, and a version is told apart by it", () => {
    const note = {
      nonce: "abc-1",
      expiresAt: 1700000000000.5,
      isGzipped: true,
      isMark: false,
      checksum: "crc32c:AAA=",
    };
    const head = headOf(new Headers({ etag: 'W/"123"', ...noteHeader(note) }))!;
    assertEquals([head.note, head.etag, head.version], [note, "123", "123.abc-1"]);
    assertEquals(headOf(new Headers({ "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT" })), undefined);
    const foreign = headOf(new Headers({ etag: '"1"', "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT" }))!;
    assertEquals([foreign.version, foreign.note], [`1.${Date.UTC(2026, 0)}`, {}]);
  });
});

describe("s3 media types", () => {
  test("a key's name decides where the codec knows nothing better", async () => {
    assertEquals(await contentTypeOf("a/site.css", "application/octet-stream"), "text/css");
    assertEquals(await contentTypeOf("site.CSS", "text/plain; charset=utf-8"), "text/css; charset=utf-8");
    assertEquals(await contentTypeOf("a.png", "text/plain; charset=utf-8"), "image/png");
    assertEquals(await contentTypeOf("site.css", "application/json"), "application/json");
    assertEquals(await contentTypeOf("file", undefined), "application/octet-stream");
    assertEquals(await contentTypeOf("file.unheard", "text/plain"), "text/plain");
  });

  test("text is told from pictures", () => {
    const types = [
      "text/css",
      "application/javascript",
      "application/ld+json",
      "image/svg+xml",
      "image/png",
      "video/mp4",
      "application/zip",
    ];
    assertEquals(types.map(isText), [true, true, true, true, false, false, false]);
  });
});

describe("s3 checksums", () => {
  test("they are those of the standards", async () => {
    const digits = new TextEncoder().encode("123456789");
    // RFC 3720's check value is E3069283.
    assertEquals(await checksumOf(digits, "crc32c"), btoa("\xe3\x06\x92\x83"));
    assertEquals(await checksumOf(new Uint8Array(32), "crc32c"), btoa("\x8a\x91\x36\xaa"));
    assertEquals(
      await sha256(new TextEncoder().encode("abc"), "hex"),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});

describe("s3 credentials", () => {
  const minutes = (count: number) => Date.now() + count * 60_000;
  const credentials = (name: string, expiresAt?: number): S3Credentials => ({
    accessKeyId: name,
    secretAccessKey: "s",
    expiresAt,
  });

  test("a provider is asked once by many, and again only before the end", async () => {
    let calls = 0;
    const holder = new CredentialsHolder(() =>
      Promise.resolve(credentials(`key${calls++}`, calls === 1 ? minutes(60) : undefined))
    );
    const [first, second] = await Promise.all([holder.get(), holder.get()]);
    assertStrictEquals(first, second);
    await holder.get();
    assertEquals(calls, 1);
    holder.forget();
    assertEquals((await holder.get()).accessKeyId, "key1");
  });

  test("credentials that end soon are renewed ahead, and used while that fails", async () => {
    let calls = 0;
    const holder = new CredentialsHolder(() => {
      if (calls++ === 0) return credentials("old", minutes(2));
      if (calls === 2) return Promise.reject(new Error("down"));
      return Promise.resolve(credentials("new", minutes(60)));
    });
    assertEquals((await holder.get()).accessKeyId, "old");
    assertEquals((await holder.get()).accessKeyId, "old");
    assertEquals((await holder.get()).accessKeyId, "new");
    assertEquals(calls, 3);
  });

  test("a provider that fails is an error of the store, and is asked again", async () => {
    let calls = 0;
    const answer = () => Promise.resolve(new Response(null, { headers: { etag: '"1"' } }));
    const provider = () =>
      calls++ === 0 ? Promise.reject(new Error("secret details")) : Promise.resolve(credentials("key"));
    const store = new Store<number>(
      s3({ bucket: "bucket", endpoint: "https://s3.test", credentials: provider, fetch: answer }),
    );
    const error = await assertRejects(() => store.set("key", 1), StoreError);
    assertEquals([error.code, error.retryable, error.message.includes("secret")], ["denied", true, false]);
    await store.set("key", 1);
  });

  test("none, or half of them, is a TypeError without them", () => {
    const error = assertThrows(() => new CredentialsHolder({ accessKeyId: "", secretAccessKey: "hidden" }), TypeError);
    assert(!error.message.includes("hidden"));
    assertThrows(() => new CredentialsHolder({ AWS_ACCESS_KEY_ID: undefined }), TypeError);
  });
});

describe("s3 over https", () => {
  test("payloads are not hashed there, and requests are signed as AWS wants it, with native hashing too", async () => {
    const seen: { url: string; headers: Record<string, string> }[] = [];
    const answer = (input: URL | RequestInfo, init?: RequestInit) => {
      seen.push({ url: `${input}`, headers: init!.headers as Record<string, string> });
      return Promise.resolve(new Response(null, { headers: { etag: '"1"' } }));
    };
    const own = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", sessionToken: "token" };
    const store = new Store<number>(s3({ bucket: "bucket", credentials: own, fetch: answer }));
    const { now } = Date;
    Date.now = () => 1_700_000_000_000;
    try {
      for (let count = 0; count < 300; count++) await store.set("a+b", 1);
      const same = s3({ bucket: "bucket", credentials: own, fetch: answer });
      await same.has!("a+b");
      await same.has!("a+b");
    } finally {
      Date.now = now;
    }
    const { url, headers } = seen[0]!;
    assertEquals(url, "https://bucket.s3.us-east-1.amazonaws.com/a%2Bb");
    assertEquals([headers["x-amz-content-sha256"], headers["x-amz-security-token"]], ["UNSIGNED-PAYLOAD", "token"]);
    assertEquals(headers["x-amz-date"], "20231114T221320Z");
    // The same request signed with the platform's hashing and with the portable one.
    const { AwsV4Signer } = await import("aws4fetch");
    for (const { url, headers } of [seen[1]!, seen[299]!]) {
      const { authorization, ...rest } = headers;
      const datetime = headers["x-amz-date"]!;
      const signer = new AwsV4Signer({
        ...own,
        method: "PUT",
        url,
        headers: rest,
        service: "s3",
        region: "us-east-1",
        datetime,
      });
      assertEquals(await signer.authHeader(), authorization);
    }
  });

  test("an answer without end is refused", async () => {
    const chunk = new TextEncoder().encode("<Contents>".repeat(10_000));
    const endless = () =>
      Promise.resolve(new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) })));
    const own = { accessKeyId: "key", secretAccessKey: "secret" };
    const store = new Store<number>(s3({ bucket: "bucket", credentials: own, fetch: endless }));
    const error = await assertRejects(() => Array.fromAsync(store.keys()), StoreError, "not an answer of S3");
    assertEquals(error.code, "unavailable");
  });
});
