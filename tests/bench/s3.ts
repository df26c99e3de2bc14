/**
 * `s3()` beside other clients and bare unsigned `fetch`, on a server in memory in a process of its own, so that the client
 * is what is measured: values of 1 KB, one at a time and 50 at a time; listings and removals of 5,000.
 *
 * @module
 */

import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { S3Client as LiteClient } from "@bradenmacdonald/s3-lite-client";
import { AwsClient } from "aws4fetch";
import process from "node:process";
import { S3mini } from "s3mini";
import { createStorage } from "unstorage";
import unstorageS3 from "unstorage/drivers/s3";
import { s3 } from "../../src/backends/s3.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { compare, type Contender, machine } from "./harness.ts";
import { spawnStub } from "./s3_stub.ts";

const { endpoint, stop } = await spawnStub();
const bucket = "bucket";
const region = "us-east-1";
const accessKeyId = "AKIDEXAMPLE";
const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const credentials = { accessKeyId, secretAccessKey };
const value = new Uint8Array(1024).fill(7);
const COUNT = 200;
const AT_ONCE = 50;
const MANY = 5000;

const base = `${endpoint}/${bucket}`;
const store = new Store(
  s3({ bucket, region, endpoint, credentials, prefix: "ours/" }),
  { codec: bytes() },
);
const quick = new Store(
  s3({
    bucket,
    region,
    endpoint,
    credentials,
    prefix: "ours/",
    exactCount: false,
  }),
  { codec: bytes() },
);
const signer = new AwsClient({
  ...credentials,
  service: "s3",
  region,
  retries: 0,
});
const mini = new S3mini({ ...credentials, region, endpoint: base });
const sdk = new S3Client({
  region,
  endpoint,
  credentials,
  forcePathStyle: true,
});
const lite = new LiteClient({
  endPoint: endpoint,
  region,
  bucket,
  accessKey: accessKeyId,
  secretKey: secretAccessKey,
  pathStyle: true,
});
const storage = createStorage({
  driver: unstorageS3({ ...credentials, endpoint, bucket, region }),
});

/** Whoever can put and get. */
interface Client {
  put(key: string): Promise<unknown>;
  get(key: string): Promise<number | undefined>;
}

const body = async (response: Response) => (await response.arrayBuffer()).byteLength;

const clients: Record<string, Client> = {
  "raw fetch, unsigned": {
    put: async (key) =>
      await (await fetch(`${base}/raw/${key}`, { method: "PUT", body: value }))
        .arrayBuffer(),
    get: async (key) => await body(await fetch(`${base}/raw/${key}`)),
  },
  everymap: {
    put: (key) => store.set(key, value),
    get: async (key) => (await store.get(key))?.length,
  },
  unstorage: {
    put: (key) => storage.setItemRaw(`un:${key}`, value),
    get: async (key) => (await storage.getItemRaw<ArrayBuffer>(`un:${key}`))?.byteLength,
  },
  s3mini: {
    put: (key) => mini.putObject(`mini/${key}`, value as never),
    get: async (key) => (await mini.getObjectArrayBuffer(`mini/${key}`))?.byteLength,
  },
  "s3-lite-client": {
    put: (key) => lite.putObject(`lite/${key}`, value),
    get: async (key) => await body(await lite.getObject(`lite/${key}`)),
  },
  aws4fetch: {
    put: async (key) =>
      await (await signer.fetch(`${base}/signed/${key}`, {
        method: "PUT",
        body: value,
      })).arrayBuffer(),
    get: async (key) => await body(await signer.fetch(`${base}/signed/${key}`)),
  },
  "aws-sdk": {
    put: (key) =>
      sdk.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: `sdk/${key}`,
          Body: value,
        }),
      ),
    get: async (key) => {
      const { Body } = await sdk.send(
        new GetObjectCommand({ Bucket: bucket, Key: `sdk/${key}` }),
      );
      return (await Body!.transformToByteArray()).length;
    },
  },
};

const keys = Array.from({ length: COUNT }, (_, index) => `key${index}`);

function sequential(call: (key: string) => Promise<unknown>): Contender {
  return async () => {
    for (const key of keys) await call(key);
    return COUNT;
  };
}

function concurrent(call: (key: string) => Promise<unknown>): Contender {
  return async () => {
    const queue = keys.values();
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (const key of queue) await call(key);
    }));
    return COUNT;
  };
}

function checked(name: string, get: Client["get"]): Client["get"] {
  return async (key) => {
    const length = await get(key);
    if (length !== value.length) {
      throw new Error(`${name} read ${length} bytes`);
    }
    return length;
  };
}

async function table(
  title: string,
  contender: (name: string, client: Client) => Contender,
): Promise<void> {
  const entries = Object.entries(clients).map(([name, client]) => [name, contender(name, client)] as const);
  // Many short rounds: how fast a shared machine is changes by the second.
  await compare(title, Object.fromEntries(entries), { rounds: 31, warmups: 5 });
}

async function fill(prefix: string): Promise<string[]> {
  const names = Array.from(
    { length: MANY },
    (_, index) => `${prefix}${String(index).padStart(6, "0")}`,
  );
  const queue = names.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const name of queue) {
      await (await fetch(`${base}/${name}`, { method: "PUT", body: "x" }))
        .arrayBuffer();
    }
  }));
  return names;
}

/** Contenders whose preparation is not measured: each gets names that are there. */
async function removals(
  title: string,
  contenders: Record<string, (names: string[]) => Promise<unknown>>,
  rounds: number,
) {
  const results = new Map<string, { wall: number[]; cpu: number[] }>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, remove] of Object.entries(contenders)) {
      const names = await fill(
        name === "everymap" || name.startsWith("everymap,") ? "ours/" : "other/",
      );
      const cpu = process.cpuUsage();
      const start = performance.now();
      await remove(names);
      const wall = performance.now() - start;
      const { user, system } = process.cpuUsage(cpu);
      if (round < 0) continue;
      const result = results.get(name) ?? { wall: [], cpu: [] };
      results.set(name, result);
      result.wall.push(wall);
      result.cpu.push((user + system) / MANY);
    }
  }
  console.log(
    `\n${title}\n\n| contender | keys/s | CPU µs/key |\n|---|---:|---:|`,
  );
  const middle = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
  for (const [name, { wall, cpu }] of results) {
    console.log(
      `| ${name} | ${Math.round(MANY / middle(wall) * 1000).toLocaleString("en")} | ${middle(cpu).toFixed(2)} |`,
    );
  }
}

const only = process.argv[2];
console.log(machine());
try {
  for (const client of Object.values(clients)) {
    for (const key of keys) await client.put(key);
  }
  if (!only || only === "requests") {
    await table(
      "PUT of 1 KB, one at a time",
      (_, client) => sequential(client.put),
    );
    await table(
      "GET of 1 KB, one at a time",
      (name, client) => sequential(checked(name, client.get)),
    );
    await table(
      "PUT of 1 KB, 50 at a time",
      (_, client) => concurrent(client.put),
    );
    await table(
      "GET of 1 KB, 50 at a time",
      (name, client) => concurrent(checked(name, client.get)),
    );
  }
  if (!only || only === "many") {
    await store.clear();
    await fill("ours/");
    const count = (length: number | undefined) => {
      if (length !== MANY) throw new Error(`listed ${length}`);
      return MANY;
    };
    await compare("list 5,000", {
      everymap: async () => count((await Array.fromAsync(store.keys())).length),
      "everymap, size": async () => count(await store.size),
      s3mini: async () => count((await mini.listObjects("/", "ours/"))?.length),
      "s3-lite-client": async () =>
        count(
          (await Array.fromAsync(lite.listObjects({ prefix: "ours/" }))).length,
        ),
      "aws-sdk": async () => {
        let length = 0;
        for (let token: string | undefined, isCut = true; isCut;) {
          const page = await sdk.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: "ours/",
              ...token && { ContinuationToken: token },
            }),
          );
          length += page.Contents?.length ?? 0;
          token = page.NextContinuationToken;
          isCut = page.IsTruncated ?? false;
        }
        return count(length);
      },
    }, { rounds: 15, warmups: 3 });
    const local = (names: string[]) => names.map((name) => name.slice("ours/".length));
    await removals("delete 5,000", {
      everymap: (names) => store.deleteMany(local(names)),
      "everymap, exactCount: false": (names) => quick.deleteMany(local(names)),
      s3mini: (names) => mini.deleteObjects(names),
      "aws-sdk": async (names) => {
        for (let at = 0; at < names.length; at += 1000) {
          const Objects = names.slice(at, at + 1000).map((Key) => ({ Key }));
          await sdk.send(
            new DeleteObjectsCommand({
              Bucket: bucket,
              Delete: { Objects, Quiet: true },
            }),
          );
        }
      },
    }, 15);
  }
} finally {
  stop();
  sdk.destroy();
}
process.exit(0);
