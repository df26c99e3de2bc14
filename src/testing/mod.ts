/**
 * What proves a backend, a codec or a layer: laws for any test runner, a clock that a test moves, a store that fails.
 *
 * @module
 */

export { type CodecLaw, codecLaws, codecLawsFor, type CodecSubject } from "./codec_laws.ts";
export { BrokenLaw } from "./expect.ts";
export { FakeClock } from "./fake_clock.ts";
export { type Fault, type FaultPlan, faulty, type FaultyCall } from "./faulty.ts";
export type { LawContext, StoreLaw, StorePlace, StoreSubject } from "./laws/law.ts";
export { storeLaws, storeLawsFor } from "./store_laws.ts";
