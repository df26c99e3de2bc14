/**
 * Files of a bucket with a folder in front: what was asked for once comes from the disk for a day.
 *
 * ```sh
 * BUCKET=assets ENDPOINT=https://… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… bun examples/bun/main.ts logo.svg site.css
 * ```
 *
 * @module
 */

import { bytes, metered, Store, tiered } from "@everymap/everymap";
import { disk } from "@everymap/everymap/backends/disk";
import { s3 } from "@everymap/everymap/backends/s3";
import process from "node:process";

const { BUCKET = "", ENDPOINT, FOLDER = ".assets", AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
const credentials = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY };

let questions = 0;
const bucket = metered(s3({ bucket: BUCKET, endpoint: ENDPOINT, credentials }), () => questions++);
const files = new Store(tiered(disk(FOLDER), bucket, { ttl: { days: 1 } }), { codec: bytes() });

for (const [key, file] of await files.getMany(process.argv.slice(2))) {
  console.log(`${key}: ${file.length} bytes`);
}
console.log(questions === 0 ? "all from the folder" : "some from the bucket");
await files.close();
