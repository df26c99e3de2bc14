/**
 * The laws of stores as tests of this suite.
 *
 * @module
 */

import { describe, test } from "node:test";
import type { Supports } from "../../src/core/backend.ts";
import type { StoreSubject } from "../../src/testing/laws/law.ts";
import { storeLawsFor } from "../../src/testing/store_laws.ts";

/** Registers every law that applies to what the subject supports. */
export function checkStoreLaws(title: string, supports: Supports, subject: StoreSubject): void {
  describe(title, () => {
    for (const law of storeLawsFor(supports)) test(law.title, () => law.run(subject));
  });
}
