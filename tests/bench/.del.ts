import { S3mini } from "s3mini";
import { s3 } from "../../src/backends/s3.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { Store } from "../../src/core/store.ts";
import { spawnStub } from "./s3_stub.ts";
import { compare } from "./harness.ts";
const { endpoint, stop } = await spawnStub();
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const quick = new Store(
  s3({ bucket: "bucket", region: "us-east-1", endpoint, credentials, prefix: "ours/", exactCount: false }),
  { codec: bytes() },
);
const exact = new Store(s3({ bucket: "bucket", region: "us-east-1", endpoint, credentials, prefix: "ours/" }), {
  codec: bytes(),
});
const mini = new S3mini({ ...credentials, region: "us-east-1", endpoint: `${endpoint}/bucket` });
const names = Array.from({ length: 5000 }, (_, i) => String(i).padStart(6, "0"));
const full = names.map((n) => "ours/" + n);
for (let i = 0; i < 300; i++) await quick.has("a");
const only = process.argv[2];
const all: any = {
  mini: async () => {
    await mini.deleteObjects(full);
    return 5000;
  },
  quick: async () => {
    await quick.deleteMany(names);
    return 5000;
  },
  exact: async () => {
    await exact.deleteMany(names);
    return 5000;
  },
};
if (only) { for (let i = 0; i < 150; i++) await all[only](); }
else await compare("delete", all, { rounds: 31, warmups: 5 });
stop();
process.exit(0);
