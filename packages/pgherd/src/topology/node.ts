import { floorEvidence, NO_FLOOR_EVIDENCE } from '../floors/evidence.ts';
import type { ConnectFailure, Role } from '../model/names.ts';
import type { Observation, ProbeFacts } from '../model/observation.ts';
import type { NodeAddress, NodeDescription, NodeLabels } from '../model/topology.ts';
import { leadsStillTo, onAlternation, onStart } from './address.ts';
import { ONE_SERVER } from './several.ts';

/** A role that was confirmed within this time, milliseconds, is confirmed again only later. */
const CONFIRMED_MS = 1_000;

/** Weight of the newest round trip in the smoothed one. */
const RTT_WEIGHT = 0.3;

/** The name of a node, as it is written in a connection string; of one of several addresses of a name `name[address]:port`. */
export function nodeName(address: NodeAddress): string {
  if (address.isOneOfSeveral === true) return `${address.host}[${address.hostaddr ?? ''}]:${address.port}`;
  return listedName(address);
}

/** The name by which the options know a node: that of its host in the connection string. */
export function listedName(address: NodeAddress): string {
  const host = address.host === '' ? (address.hostaddr ?? '') : address.host;
  return host.includes(':') && address.transport === 'tcp'
    ? `[${host}]:${address.port}`
    : `${host}:${address.port}`;
}

/** The labels of a node without any in the options or from discovery. */
export const NO_LABELS: NodeLabels = Object.freeze({
  zone: undefined,
  tags: Object.freeze({}),
  promotable: true,
  readable: true,
  origin: 'configured',
});

/** A node of which nothing is known yet: it gets no work before it has answered. */
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
    since: undefined,
    aliasOf: undefined,
    systemIdentifier: undefined,
    timeline: undefined,
    timelineAtLeast: undefined,
    ...NO_FLOOR_EVIDENCE,
    diverged: false,
    contested: false,
    lsn: undefined,
    receivedLsn: undefined,
    lag: Object.freeze({ bytes: undefined, ms: undefined }),
    lagging: false,
    replayAgeMs: undefined,
    serverVersion: undefined,
    postmasterStartedAt: undefined,
    leadsTo: undefined,
    ...ONE_SERVER,
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
  /** Age at which an unconfirmed role is forgotten, milliseconds. */
  readonly expireAfterMs: number;
}

/** Failures that may be caused by our own network or our own process. */
const MAYBE_OUR_OWN: ReadonlySet<ConnectFailure> = new Set(['timeout', 'unreachable', 'name-not-found']);

/**
 * The node after one piece of evidence about it; the same object if the evidence is of an earlier life of the
 * server or changes nothing.
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

/** Evidence that stays unconfirmed expires. The identity of the server does not. */
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
      return onAnswer(node, observation);
    case 'probe-failed':
      return onFailedProbe(node, observation.at);
    case 'parameters':
      return onParameters(node, observation.inHotStandby, observation.at);
    case 'start-shown':
      return onStart(node, observation);
    case 'address-alternates':
      return onAlternation(node);
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

function onAnswer(
  node: NodeDescription,
  { facts, askedAt, at, redialled }: Extract<Observation, { kind: 'probe-answered' }>,
): NodeDescription {
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
    leadsTo: leadsStillTo(node, facts, redialled === true),
  };
  // The facts were true at some time after the question: evidence received since then is newer. If it says
  // the same, as the ParameterStatus that arrives with this answer does, there is nothing to decide.
  const isOlder = node.roleAt !== undefined && askedAt < node.roleAt;
  const contradicts = node.role !== 'unknown' && facts.inRecovery !== (node.role === 'standby');
  const isOvertaken = node.lsnAt !== undefined && askedAt < node.lsnAt;
  if (isOvertaken || (isOlder && contradicts)) {
    return Object.freeze({ ...alive, ...identified(node, facts, at) });
  }
  return Object.freeze({ ...alive, ...believed(node, facts, askedAt, at) });
}

/**
 * What even an older answer adds if nothing is known yet: the identity of a server does not depend on its
 * role.
 */
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
  // Where there are several servers, another one is no restart: what runs on the others goes on.
  const restarted =
    node.several === undefined && changed(node.postmasterStartedAt, facts.postmasterStartedAt);
  const replaced = changed(node.systemIdentifier, facts.systemIdentifier);
  const isNewLife = restarted || node.lifeSince === undefined;
  return {
    lifeSince: isNewLife && facts.postmasterStartedAt !== undefined ? at : node.lifeSince,
    role: roleOf(facts.inRecovery, facts.readOnly),
    roleAt: Math.max(askedAt, node.roleAt ?? askedAt),
    systemIdentifier: facts.systemIdentifier ?? (restarted ? undefined : node.systemIdentifier),
    timeline: facts.inRecovery ? undefined : facts.timeline,
    timelineAtLeast: facts.timelineAtLeast,
    ...floorEvidence(facts, askedAt, restarted ? undefined : node.bornAt),
    lsn: facts.lsn,
    lsnAt: facts.lsn === undefined ? undefined : askedAt,
    receivedLsn: facts.receivedLsn,
    replayAgeMs: facts.replayAgeMs,
    serverVersion: facts.serverVersion ?? node.serverVersion,
    postmasterStartedAt: facts.postmasterStartedAt ?? (replaced ? undefined : node.postmasterStartedAt),
    generation: restarted || replaced ? node.generation + 1 : node.generation,
  };
}

function changed(before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && after !== undefined && before !== after;
}

/**
 * ParameterStatus carries the role but no timeline. A node that just left recovery therefore has none until
 * the probe that this triggers is answered, and gets no writes before.
 */
function onParameters(node: NodeDescription, inHotStandby: boolean, at: number): NodeDescription {
  if (node.roleAt !== undefined && at < node.roleAt) return node;
  const wasStandby = node.role === 'standby';
  if (node.role !== 'unknown' && wasStandby === inHotStandby)
    return at - (node.roleAt ?? 0) < CONFIRMED_MS ? node : Object.freeze({ ...node, roleAt: at, seenAt: at });
  return Object.freeze({
    ...node,
    role: inHotStandby ? 'standby' : 'primary',
    roleAt: at,
    timeline: undefined,
    seenAt: at,
  } satisfies NodeDescription);
}

/** The server is alive but returned no facts: what was known of it ages. */
function onFailedProbe(node: NodeDescription, at: number): NodeDescription {
  const known = node.role !== 'unknown';
  return Object.freeze({
    ...node,
    health: known ? 'ok' : 'suspect',
    healthReason: known ? undefined : 'answers, but does not return its role',
    connectFailure: undefined,
    seenAt: at,
    silentSince: undefined,
    suspectedAt: undefined,
    aliveSince: node.health === 'ok' ? node.aliveSince : at,
  } satisfies NodeDescription);
}

function onSignOfLife(node: NodeDescription, at: number): NodeDescription {
  // Bytes prove only a silent node alive; a node whose connection attempt failed needs a new connection.
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
  // A node that showed life after the question was asked is not silent.
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
  // A node that has shown life since the attempt began is slow to accept us, not gone.
  const { at, askedAt = at, failure, reason } = observation;
  if (MAYBE_OUR_OWN.has(failure) && isAfter(node.seenAt, askedAt)) return node;
  if (failure === 'timeout' && isFirstSilence(node, askedAt)) {
    const silent = onSilence(node, askedAt, at, settings);
    return Object.freeze({ ...silent, healthReason: reason, connectFailure: failure });
  }
  // A server without free connections is alive and keeps its role; it only accepts nothing new for now.
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
 * Whether an attempt that was begun at `askedAt`, and had no answer, is the first sign of silence from a node that had answered: one sign
 * proves as little when a connection is asked for as when a probe is sent.
 */
function isFirstSilence({ health, seenAt, silentSince }: NodeDescription, askedAt: number): boolean {
  if (health === 'offline' || seenAt === undefined) return false;
  return silentSince === undefined || silentSince >= askedAt;
}

/**
 * A new connection that fails makes a silent node offline, unless every other node is silent as well: then it
 * is more likely that we are cut off, or were stalled, than that all nodes died at once. After `deadAfterMs`
 * of silence it is offline anyway.
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
  // All others are probed when one falls silent: those alive have answered since. If one of them came back
  // only during this attempt to connect, the fault was probably ours.
  const { at, askedAt = at } = observation;
  return !others.some(
    ({ aliveSince, seenAt }) => isAfter(seenAt, suspectedAt) && !isAfter(aliveSince, askedAt),
  );
}

function isAfter(at: number | undefined, other: number | undefined): boolean {
  return at !== undefined && other !== undefined && at > other;
}
