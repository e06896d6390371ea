/**
 * Parts that the benchmarks and tests of this repository look at by themselves. The entry exists under the condition `@pgherd/source`
 * only, and is not covered by semantic versioning.
 *
 * @packageDocumentation
 */
export { Engine } from './engine/engine.ts';
export { Herd } from './herd/herd.ts';
export { poolErrors } from './node/pool-errors.ts';
export { resolveSettings } from './options/settings.ts';
export { Pool } from './pool/pool.ts';
export { POLICY_NAMES, type PolicyName } from './routing/policies.ts';
export { systemClock, systemRandom } from './time/system.ts';
