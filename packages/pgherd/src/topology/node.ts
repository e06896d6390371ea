import type { ConnectFailure, Role } from '../model/names.ts';
import type { Observation, ProbeFacts } from '../model/observation.ts';
import type { NodeAddress, NodeDescription, NodeLabels } from '../model/topology.ts';

/** Failures that a retry a moment later cannot mend: somebody has to change something. */
const LASTING_FAILURES: ReadonlySet<ConnectFailure> = new Set([
  'authentication',
  'database-missing',
  'tls',
  'server-too-old',
]);

/** Weight of the newest round trip in the smoothed one. */
const RTT_WEIGHT = 0.3;

/** Whether the failure stays until somebody changes something on the server or in the options. */
export function isLastingFailure(failure: ConnectFailure | undefined): boolean {
  return failure !== undefined && LASTING_FAILURES.has(failure);
}

/** The name of a node: what people call it in a connection string. */
export function nodeName(address: NodeAddress): string {
  const host = address.host === '' ? (address.hostaddr ?? '') : address.host;
  return host.includes(':') && address.transport === 'tcp'
    ? `[${host}]:${address.port}`
    : `${host}:${address.port}`;
}

/** What is taken for granted of a node that nobody said anything about. */
export const NO_LABELS: NodeLabels = Object.freeze({
  zone: undefined,
  tags: Object.freeze({}),
  promotable: true,
  readable: true,
  origin: 'configured',
});

/** A node about which nothing is known yet: it gets no work before it has answered. */
export function unknownNode(address: NodeAddress, labels: NodeLabels = NO_LABELS): NodeDescription {
  return Object.freeze({
    ...labels,
    name: nodeName(address),
    address: Object.freeze({ ...address }),
    health: 'suspect',
    healthReason: 'has not answered yet',
    connectFailure: undefined,
    role: 'unknown',
    standing: 'current',
    standingReason: undefined,
    aliasOf: undefined,
    systemIdentifier: undefined,
    timeline: undefined,
    timelineAtLeast: undefined,
    lsn: undefined,
    receivedLsn: undefined,
    lag: Object.freeze({ bytes: undefined, ms: undefined }),
    lagging: false,
    replayAgeMs: undefined,
    serverVersion: undefined,
    postmasterStartedAt: undefined,
    rttMs: undefined,
    generation: 0,
    lsnAt: undefined,
    lifeSince: undefined,
    roleAt: undefined,
    seenAt: undefined,
    silentSince: undefined,
    suspectedAt: undefined,
    aliveSince: undefined,
  } satisfies NodeDescription);
}

/** Settings of the transitions of a single node. */
export interface NodeSettings {
  /** Silence after which a node counts as gone, milliseconds. */
  readonly deadAfterMs: number;
  /** Age at which a role that nobody confirmed is forgotten, milliseconds. */
  readonly expireAfterMs: number;
}

/** Failures that our own network, or our own process, may be to blame for. */
const MAYBE_OUR_OWN: ReadonlySet<ConnectFailure> = new Set(['timeout', 'unreachable', 'name-not-found']);

/**
 * The node after one piece of evidence about it. Gives the same object back where the evidence is of an
 * earlier life of the server or tells nothing new.
 */
export function observeNode(
  node: NodeDescription,
  observation: Observation,
  settings: NodeSettings,
  others: readonly NodeDescription[] = [],
): NodeDescription {
  if (observation.generation < node.generation) return node;
  const after = transition(aged(node, observation.at, settings), observation, settings, others);
  return aged(after, observation.at, settings);
}

/** Evidence that nobody confirmed for long is none. Which server it is does not age. */
function aged(node: NodeDescription, now: number, { expireAfterMs }: NodeSettings): NodeDescription {
  if (node.role === 'unknown' || node.roleAt === undefined || now - node.roleAt <= expireAfterMs) return node;
  return Object.freeze({
    ...node,
    role: 'unknown',
    timeline: undefined,
    lsn: undefined,
    lsnAt: undefined,
    receivedLsn: undefined,
    replayAgeMs: undefined,
  });
}

function transition(
  node: NodeDescription,
  observation: Observation,
  settings: NodeSettings,
  others: readonly NodeDescription[],
): NodeDescription {
  switch (observation.kind) {
    case 'probe-answered':
      return onAnswer(node, observation.facts, observation.askedAt, observation.at);
    case 'probe-failed':
      return onFailedProbe(node, observation.at);
    case 'parameters':
      return onParameters(node, observation.inHotStandby, observation.at);
    case 'bytes-received':
      return onSignOfLife(node, observation.at);
    case 'probe-missed':
      return onSilence(node, observation.askedAt, observation.at, settings);
    case 'connect-failed':
      return onConnectFailure(node, observation, settings, others);
    default:
      return observation satisfies never;
  }
}

function roleOf(inRecovery: boolean, readOnly: boolean): Role {
  if (inRecovery) return 'standby';
  return readOnly ? 'primary-read-only' : 'primary';
}

function onAnswer(node: NodeDescription, facts: ProbeFacts, askedAt: number, at: number): NodeDescription {
  const rtt = at - askedAt;
  const rttMs = node.rttMs === undefined ? rtt : node.rttMs + (rtt - node.rttMs) * RTT_WEIGHT;
  const alive: NodeDescription = {
    ...node,
    health: 'ok',
    healthReason: undefined,
    connectFailure: undefined,
    rttMs,
    seenAt: at,
    silentSince: undefined,
    suspectedAt: undefined,
    aliveSince: node.health === 'ok' ? node.aliveSince : at,
  };
  // The facts were true at some moment after the question: evidence received since then is newer. Where it says the same,
  // as the ParameterStatus that comes with this very answer does, there is nothing to be decided.
  const isOlder = node.roleAt !== undefined && askedAt < node.roleAt;
  const contradicts = node.role !== 'unknown' && facts.inRecovery !== (node.role === 'standby');
  const isOvertaken = node.lsnAt !== undefined && askedAt < node.lsnAt;
  if (isOvertaken || (isOlder && contradicts)) {
    return Object.freeze({ ...alive, ...identified(node, facts, at) });
  }
  return Object.freeze({ ...alive, ...believed(node, facts, askedAt, at) });
}

/** What even an older answer tells where nothing is known yet: which server this is does not depend on its role. */
function identified(node: NodeDescription, facts: ProbeFacts, at: number): Partial<NodeDescription> {
  return {
    lifeSince: node.lifeSince ?? (facts.postmasterStartedAt === undefined ? undefined : at),
    systemIdentifier: node.systemIdentifier ?? facts.systemIdentifier,
    postmasterStartedAt: node.postmasterStartedAt ?? facts.postmasterStartedAt,
    serverVersion: node.serverVersion ?? facts.serverVersion,
  };
}

/** What a probe's facts replace in the description. */
function believed(
  node: NodeDescription,
  facts: ProbeFacts,
  askedAt: number,
  at: number,
): Partial<NodeDescription> {
  const restarted = changed(node.postmasterStartedAt, facts.postmasterStartedAt);
  const replaced = changed(node.systemIdentifier, facts.systemIdentifier);
  const isNewLife = restarted || node.lifeSince === undefined;
  return {
    lifeSince: isNewLife && facts.postmasterStartedAt !== undefined ? at : node.lifeSince,
    role: roleOf(facts.inRecovery, facts.readOnly),
    roleAt: Math.max(askedAt, node.roleAt ?? askedAt),
    systemIdentifier: facts.systemIdentifier ?? (restarted ? undefined : node.systemIdentifier),
    timeline: facts.inRecovery ? undefined : facts.timeline,
    timelineAtLeast: facts.timelineAtLeast,
    lsn: facts.lsn,
    lsnAt: facts.lsn === undefined ? undefined : askedAt,
    receivedLsn: facts.receivedLsn,
    replayAgeMs: facts.replayAgeMs,
    serverVersion: facts.serverVersion ?? node.serverVersion,
    postmasterStartedAt: facts.postmasterStartedAt ?? node.postmasterStartedAt,
    generation: restarted || replaced ? node.generation + 1 : node.generation,
  };
}

function changed(before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && after !== undefined && before !== after;
}

/**
 * ParameterStatus tells the role but no timeline. A node that just left recovery therefore has none until the
 * probe that this triggers has answered, and gets no writes before.
 */
function onParameters(node: NodeDescription, inHotStandby: boolean, at: number): NodeDescription {
  if (node.roleAt !== undefined && at < node.roleAt) return node;
  const wasStandby = node.role === 'standby';
  if (node.role !== 'unknown' && wasStandby === inHotStandby) return node;
  return Object.freeze({
    ...node,
    role: inHotStandby ? 'standby' : 'primary',
    roleAt: at,
    timeline: undefined,
    seenAt: at,
  } satisfies NodeDescription);
}

/** The server lives, and tells nothing of itself: what was known of it ages. */
function onFailedProbe(node: NodeDescription, at: number): NodeDescription {
  const known = node.role !== 'unknown';
  return Object.freeze({
    ...node,
    health: known ? 'ok' : 'suspect',
    healthReason: known ? undefined : 'answers, but does not tell its role',
    connectFailure: undefined,
    seenAt: at,
    silentSince: undefined,
    suspectedAt: undefined,
    aliveSince: node.health === 'ok' ? node.aliveSince : at,
  } satisfies NodeDescription);
}

function onSignOfLife(node: NodeDescription, at: number): NodeDescription {
  // Only a silent node is proven alive by bytes; one that could not be connected to needs a connection.
  if (node.silentSince === undefined || node.health !== 'suspect' || at < node.silentSince) return node;
  return Object.freeze({
    ...node,
    health: 'ok',
    healthReason: undefined,
    connectFailure: undefined,
    seenAt: at,
    silentSince: undefined,
    suspectedAt: undefined,
    aliveSince: at,
  });
}

function onSilence(
  node: NodeDescription,
  askedAt: number,
  at: number,
  settings: NodeSettings,
): NodeDescription {
  // A node that gave a sign of life after the question was asked is not silent.
  if (node.seenAt !== undefined && node.seenAt > askedAt) return node;
  const silentSince = node.silentSince ?? askedAt;
  const silentMs = Math.round(at - silentSince);
  const dead = node.health === 'offline' || silentMs >= settings.deadAfterMs;
  return Object.freeze({
    ...node,
    health: dead ? 'offline' : 'suspect',
    healthReason: `no answer to a probe for ${silentMs} ms`,
    generation: dead && node.health !== 'offline' ? node.generation + 1 : node.generation,
    silentSince,
    suspectedAt: node.suspectedAt ?? at,
  } satisfies NodeDescription);
}

function onConnectFailure(
  node: NodeDescription,
  observation: Extract<Observation, { kind: 'connect-failed' }>,
  settings: NodeSettings,
  others: readonly NodeDescription[],
): NodeDescription {
  // Who gave a sign of life since we began to try is slow to let us in, not gone.
  const { at, askedAt = at } = observation;
  if (MAYBE_OUR_OWN.has(observation.failure) && isAfter(node.seenAt, askedAt)) return node;
  // A server without free connections is alive and keeps its role; it can take nothing new for now.
  const alive = observation.failure === 'too-many-connections';
  const doubtful = alive || isPerhapsOurOwnFault(node, observation, settings, others);
  const health = doubtful && node.health !== 'offline' ? 'suspect' : 'offline';
  return Object.freeze({
    ...node,
    health,
    healthReason: observation.reason,
    connectFailure: observation.failure,
    serverVersion: observation.serverVersion ?? node.serverVersion,
    generation: health === 'offline' && node.health !== 'offline' ? node.generation + 1 : node.generation,
  } satisfies NodeDescription);
}

/**
 * A fresh connection that fails condemns a silent node, unless every other node is silent as well: then it is more likely
 * that we are cut off, or that we slept, than that all of them died at once. Long silence condemns it all the same.
 */
function isPerhapsOurOwnFault(
  node: NodeDescription,
  observation: Extract<Observation, { kind: 'connect-failed' }>,
  settings: NodeSettings,
  others: readonly NodeDescription[],
): boolean {
  if (others.length === 0 || !MAYBE_OUR_OWN.has(observation.failure)) return false;
  const { silentSince, suspectedAt } = node;
  if (silentSince === undefined || observation.at - silentSince >= settings.deadAfterMs) return false;
  // All others are asked when one falls silent: who lives has answered since. One that came back only while we tried to
  // connect shows that this was no fair trial.
  const { at, askedAt = at } = observation;
  return !others.some(
    ({ aliveSince, seenAt }) => isAfter(seenAt, suspectedAt) && !isAfter(aliveSince, askedAt),
  );
}

function isAfter(moment: number | undefined, other: number | undefined): boolean {
  return moment !== undefined && other !== undefined && moment > other;
}
