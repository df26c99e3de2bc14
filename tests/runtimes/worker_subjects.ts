/**
 * What has to obey its laws inside a worker of Cloudflare's runtime, each with the laws that apply to it.
 *
 * @module
 */

import { lru } from "../../src/backends/lru.ts";
import { memory } from "../../src/backends/memory.ts";
import { sieve } from "../../src/backends/sieve.ts";
import { brotli } from "../../src/codecs/brotli.ts";
import { bytes } from "../../src/codecs/bytes.ts";
import { chain } from "../../src/codecs/chain.ts";
import { deflate } from "../../src/codecs/deflate.ts";
import { gzip } from "../../src/codecs/gzip.ts";
import { json } from "../../src/codecs/json.ts";
import { msgpack } from "../../src/codecs/msgpack.ts";
import { structured } from "../../src/codecs/structured.ts";
import { text } from "../../src/codecs/text.ts";
import { zstd } from "../../src/codecs/zstd.ts";
import type { Backend } from "../../src/core/backend.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Codec } from "../../src/core/codec.ts";
import { encoded } from "../../src/core/encoded.ts";
import { bounded } from "../../src/layers/bounded.ts";
import { deadline } from "../../src/layers/deadline.ts";
import { metered } from "../../src/layers/metered.ts";
import { prefixed } from "../../src/layers/prefixed.ts";
import { retrying } from "../../src/layers/retrying.ts";
import { tiered } from "../../src/layers/tiered.ts";
import { codecLawsFor } from "../../src/testing/codec_laws.ts";
import { VALUES } from "../../src/testing/laws/law.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** One law applied to one subject. */
export interface Trial {
  /** Subject and law. */
  readonly title: string;
  /** Whether it can do without the runtime's Node compatibility, whether it can make use of it. */
  readonly alone: boolean;
  readonly withNode: boolean;
  /** Rejects if the law is broken. */
  run(): Promise<void>;
}

const BACKENDS: Readonly<Record<string, (now: Clock) => Backend<unknown>>> = {
  memory: (now) => memory({ now }),
  "memory with clones": (now) => memory({ clone: true, now }),
  lru: (now) => lru({ maxEntries: 100_000, now }),
  sieve: (now) => sieve({ maxEntries: 100_000, now }),
  "encoded memory": (now) => encoded(memory<Uint8Array>({ now }), json()),
  "prefixed memory": (now) => prefixed(memory({ now }), "a/"),
  "bounded memory": (now) => bounded(memory({ now }), { maxEntries: 100_000 }),
  "tiered memory": (now) => tiered(lru({ maxEntries: 100_000, now }), memory({ now })),
  "retrying memory": (now) => retrying(memory({ now })),
  "memory with a deadline": (now) => deadline(memory({ now }), 10_000),
  "metered memory": (now) => metered(memory({ now }), () => {}),
};

const BYTES: readonly unknown[] = [new Uint8Array(0), new Uint8Array([0, 128, 255]), new Uint8Array(5000).fill(7)];
const TEXTS: readonly unknown[] = ["", "one", "什么 ☃ 😀 \u0000"];

const CODECS: Readonly<Record<string, [codec: Codec<unknown>, values: readonly unknown[], node?: boolean]>> = {
  json: [json(), VALUES],
  text: [text(), TEXTS],
  bytes: [bytes(), BYTES],
  msgpack: [msgpack(), VALUES],
  structured: [structured(), VALUES],
  gzip: [gzip(), BYTES],
  deflate: [deflate(), BYTES],
  "json+gzip": [chain(json(), gzip()), VALUES],
  brotli: [brotli(), BYTES, true],
  zstd: [zstd(), BYTES, true],
};

/** All trials; none of them begins by itself. */
export const trials: readonly Trial[] = [...storeTrials(), ...codecTrials()];

function storeTrials(): Trial[] {
  return Object.entries(BACKENDS).flatMap(([name, make]) =>
    storeLawsFor(make(Date.now).supports).map(({ title, run }) => ({
      title: `${name}: ${title}`,
      alone: true,
      withNode: false,
      run: () =>
        run({
          make: (clock) => {
            const backend = make(clock.now);
            return { open: () => backend };
          },
        }),
    }))
  );
}

function codecTrials(): Trial[] {
  return Object.entries(CODECS).flatMap(([name, [codec, values, needsNode = false]]) => {
    const subject = { codec, values };
    return codecLawsFor(subject).map((law) => ({
      title: `${name}: ${law.title}`,
      alone: !needsNode,
      withNode: true,
      run: () => law.run(subject),
    }));
  });
}
