import type { Observation, ProbeFacts } from '../../src/model/observation.ts';
import type { NodeAddress, TopologyDescription } from '../../src/model/topology.ts';
import {
  initialTopology,
  observe,
  startedTopology,
  type TopologySettings,
} from '../../src/topology/topology.ts';

/** The system that the nodes of a test belong to, unless it says otherwise. */
export const SYSTEM = '7300000000000000001';
export const OTHER_SYSTEM = '7300000000000000002';

/** Name of node `letter` on the default port. */
export function named(letter: string): string {
  return `${letter}:5432`;
}

export function addressOf(letter: string): NodeAddress {
  return { host: letter, port: 5432, transport: 'tcp' };
}

/** What a server tells that knows nothing but its role. */
export const NO_FACTS: ProbeFacts = Object.freeze({
  inRecovery: true,
  readOnly: false,
  systemIdentifier: undefined,
  timeline: undefined,
  timelineAtLeast: undefined,
  recoveryTimeline: undefined,
  uptimeMs: undefined,
  walSenders: undefined,
  acceptEpoch: undefined,
  lsn: undefined,
  receivedLsn: undefined,
  replayAgeMs: undefined,
  postmasterStartedAt: undefined,
  backendPid: undefined,
  clockUs: undefined,
  serverVersion: 180_004,
});

/** Facts of a healthy primary on timeline 1. */
export function primaryFacts(facts: Partial<ProbeFacts> = {}): Partial<ProbeFacts> {
  return {
    inRecovery: false,
    systemIdentifier: SYSTEM,
    timeline: 1,
    timelineAtLeast: 1,
    lsn: 1_000n,
    ...facts,
  };
}

/** Facts of a standby that has replayed everything. */
export function standbyFacts(facts: Partial<ProbeFacts> = {}): Partial<ProbeFacts> {
  return {
    inRecovery: true,
    systemIdentifier: SYSTEM,
    timelineAtLeast: 1,
    recoveryTimeline: 1,
    lsn: 1_000n,
    receivedLsn: 1_000n,
    replayAgeMs: 5,
    ...facts,
  };
}

interface When {
  readonly at: number;
  readonly generation?: number;
}

/** A probe of node `letter`, asked a millisecond before it was answered unless told otherwise. */
export function answer(
  letter: string,
  facts: Partial<ProbeFacts>,
  { at, generation = 0, askedAt = at - 1 }: When & { readonly askedAt?: number },
): Observation {
  // Every server was started at a moment of its own, unless the test says that two addresses are one server.
  const postmasterStartedAt = `1700000000${letter.charCodeAt(0)}`;
  const told = { ...NO_FACTS, postmasterStartedAt, ...facts };
  return { kind: 'probe-answered', node: named(letter), at, askedAt, generation, facts: told };
}

/** A probe that nobody answered for a second. */
export function silence(
  letter: string,
  { at, generation = 0, askedAt = at - 1_000 }: When & { readonly askedAt?: number },
): Observation {
  return { kind: 'probe-missed', node: named(letter), at, askedAt, generation };
}

/** A fresh connection that could not be had. */
export function connectFailed(
  letter: string,
  failure: Extract<Observation, { kind: 'connect-failed' }>['failure'],
  { at, generation = 0 }: When,
): Observation {
  return {
    kind: 'connect-failed',
    node: named(letter),
    at,
    generation,
    failure,
    reason: `it was ${failure}`,
  };
}

/** `in_hot_standby` on any connection. */
export function hotStandby(letter: string, on: boolean, { at, generation = 0 }: When): Observation {
  return {
    kind: 'parameters',
    node: named(letter),
    at,
    generation,
    inHotStandby: on,
  };
}

/** Any bytes from the node. */
export function bytes(letter: string, { at, generation = 0 }: When): Observation {
  return { kind: 'bytes-received', node: named(letter), at, generation };
}

export const SETTINGS: TopologySettings = Object.freeze({
  fencing: 'strict',
  withdrawAfterMs: 10_000,
  authority: false,
  deadAfterMs: 5_000,
  expireAfterMs: 10_000,
  systemIdentifier: undefined,
  onClusterReplaced: 'refuse',
  identityGraceMs: 30_000,
  lag: Object.freeze({ maxMs: undefined, maxBytes: undefined }),
  probe: Object.freeze({ intervalMs: 1_000 }),
});

/** Nodes of these letters, watched since 0. */
export function watching(letters: string): TopologyDescription {
  return startedTopology(initialTopology([...letters].map(addressOf)), 0);
}

/** The picture after all of it. */
export function after(
  topology: TopologyDescription,
  observations: readonly Observation[],
  settings: TopologySettings = SETTINGS,
): TopologyDescription {
  return observations.reduce((picture, one) => observe(picture, one, settings), topology);
}
