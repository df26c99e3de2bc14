/**
 * What proves a backend or a codec: laws for any test runner, and a clock that a test moves.
 *
 * @module
 */

export { FakeClock } from "./fake_clock.ts";
export type { LawContext, StoreLaw, StorePlace, StoreSubject } from "./laws/law.ts";
export { storeLaws, storeLawsFor } from "./store_laws.ts";
