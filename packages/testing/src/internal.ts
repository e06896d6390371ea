/**
 * Parts that the tests of this repository share. The entry exists under the condition `@pgherd/source` only, and is not covered
 * by semantic versioning.
 *
 * @packageDocumentation
 */
export { FAULTS, isCoded } from './conformance/faults.ts';
export { rejection } from './conformance/rejection.ts';
export { grouped } from './load/load.ts';
export { type PortReservation, reservePorts } from './process/ports.ts';
export { killTree } from './process/process-tree.ts';
export { canReach, findRunUser, type RunUser } from './process/run-user.ts';
export { theSupervisor } from './process/supervisor.ts';
export { untilReplayed } from './server/streaming.ts';
export { PATIENCE_MS } from './wait.ts';
