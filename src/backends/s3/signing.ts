/**
 * Signatures (AWS Signature Version 4) by aws4fetch, with the hashing of the platform where that is faster.
 *
 * @module
 */

import { AwsV4Signer } from "aws4fetch";

/** The part of `node:crypto` that is used. */
interface NativeCrypto {
  createHash(name: "sha256"): { update(data: string | Uint8Array): { digest(form: "hex" | "base64"): string } };
  createHmac(name: "sha256", key: string | Uint8Array): {
    update(data: string): { digest(form: "hex"): string; digest(): Uint8Array };
  };
}

/** Loading the native one takes as long as it saves on so many calls. */
const CALLS_BEFORE_NATIVE = 200;

let calls = 0;
let native: NativeCrypto | undefined;
const nativeKeys = new Map<string, Uint8Array>();

function findNative(): NativeCrypto | undefined {
  if (calls++ === CALLS_BEFORE_NATIVE) {
    const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
    native = process?.getBuiltinModule?.("node:crypto") as NativeCrypto | undefined;
  }
  return native;
}

/** A signer that hashes natively after a while. */
export class S3Signer extends AwsV4Signer {
  override async signature(): Promise<string> {
    const native = findNative();
    if (!native) return await super.signature();
    const text = await this.canonicalString();
    const hash = native.createHash("sha256").update(text).digest("hex");
    const statement = `AWS4-HMAC-SHA256\n${this.datetime}\n${this.credentialString}\n${hash}`;
    return native.createHmac("sha256", this.#key(native)).update(statement).digest("hex");
  }

  #key({ createHmac }: NativeCrypto): Uint8Array {
    const { secretAccessKey, region, service } = this;
    const date = this.datetime.slice(0, 8);
    const name = `${secretAccessKey} ${date} ${region} ${service}`;
    let key = nativeKeys.get(name);
    if (!key) {
      key = new TextEncoder().encode(`AWS4${secretAccessKey}`);
      for (const part of [date, region, service, "aws4_request"]) key = createHmac("sha256", key).update(part).digest();
      if (nativeKeys.size > 100) nativeKeys.clear();
      nativeKeys.set(name, key);
    }
    return key;
  }
}

/** The SHA-256 of bytes as text. */
export async function sha256(bytes: Uint8Array, form: "hex" | "base64"): Promise<string> {
  if (native) return native.createHash("sha256").update(bytes).digest(form);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  if (form === "base64") return btoa(String.fromCharCode(...hash));
  let text = "";
  for (const byte of hash) text += byte.toString(16).padStart(2, "0");
  return text;
}
