/**
 * The laws that every store obeys, through every layer, on every runtime; for any test runner.
 *
 * @module
 */

import { batchLaws } from "./laws/batch_laws.ts";
import { conditionLaws } from "./laws/condition_laws.ts";
import { keyLaws } from "./laws/key_laws.ts";
import type { Supports } from "../core/backend.ts";
import type { StoreLaw } from "./laws/law.ts";
import { lifecycleLaws } from "./laws/lifecycle_laws.ts";
import { lifetimeLaws } from "./laws/lifetime_laws.ts";
import { listingLaws } from "./laws/listing_laws.ts";
import { mapLaws } from "./laws/map_laws.ts";
import { revisionLaws } from "./laws/revision_laws.ts";
import { streamLaws } from "./laws/stream_laws.ts";
import { valueLaws } from "./laws/value_laws.ts";

/** All laws; those whose `needs` a backend does not support do not apply to it. */
export const storeLaws: readonly StoreLaw[] = [
  ...mapLaws,
  ...keyLaws,
  ...valueLaws,
  ...lifetimeLaws,
  ...conditionLaws,
  ...batchLaws,
  ...listingLaws,
  ...lifecycleLaws,
  ...streamLaws,
  ...revisionLaws,
];

/**
 * The laws that apply to a backend that supports this.
 *
 * @example Judge a backend
 * ```ts
 * import { memory } from "@everymap/everymap";
 * import { storeLawsFor } from "@everymap/everymap/testing";
 *
 * for (const law of storeLawsFor(memory().supports)) {
 *   await law.run({
 *     make: (clock) => {
 *       const backend = memory<unknown>({ now: clock.now });
 *       return { open: () => backend };
 *     },
 *   });
 * }
 * ```
 */
export function storeLawsFor(supports: Supports): readonly StoreLaw[] {
  return storeLaws.filter(({ needs = [] }) => needs.every((need) => supports[need]));
}
