import { acceptanceOf, withAcceptance } from '../floors/acceptance.ts';
import { givenUpAfter, givenUpClaim, givenUpFor, NOTHING_GIVEN_UP } from '../floors/given-up.ts';
import { NO_LEVELS, NO_SYSTEM, withFloorAt, withShown } from '../floors/levels.ts';
import type { AcceptedEpoch, Levels } from '../model/floors.ts';
import type { Observation } from '../model/observation.ts';
import type { NodeAddress, NodeDescription, NodeLabels, TopologyDescription } from '../model/topology.ts';
import { type ArbitrationSettings, arbitrate } from './arbitrate.ts';
import { NO_LABELS, type NodeSettings, nodeName, observeNode, unknownNode } from './node.ts';

/** Settings of all transitions. */
export interface TopologySettings extends NodeSettings, ArbitrationSettings {}

/** A node that belongs in the picture, with its labels. */
export interface ListedNode {
  readonly address: NodeAddress;
  readonly labels: NodeLabels;
}

/** The topology before the first probe. Addresses that name the same node are taken once. */
export function initialTopology(listed: readonly (NodeAddress | ListedNode)[]): TopologyDescription {
  const nodes = new Map<string, NodeDescription>();
  for (const entry of listed) {
    const { address, labels } = 'address' in entry ? entry : { address: entry, labels: NO_LABELS };
    const node = unknownNode(address, labels);
    if (!nodes.has(node.name)) nodes.set(node.name, node);
  }
  return Object.freeze({
    version: 0,
    startedAt: undefined,
    systemIdentifier: undefined,
    floor: undefined,
    levels: NO_LEVELS,
    floors: Object.freeze({}),
    barred: undefined,
    contest: undefined,
    givenUp: NOTHING_GIVEN_UP,
    acceptances: Object.freeze([]),
    withdrawn: undefined,
    writable: undefined,
    primaryLostAt: undefined,
    writesOpen: false,
    lagMatters: false,
    incumbent: undefined,
    identityConflict: undefined,
    accepted: undefined,
    leaderHint: undefined,
    positions: Object.freeze([]),
    replacement: undefined,
    nodes: Object.freeze([...nodes.values()]),
  });
}

/** The topology once watching has begun. */
export function startedTopology(topology: TopologyDescription, now: number): TopologyDescription {
  return changed(topology, { startedAt: now, primaryLostAt: now });
}

/** The topology once the first write has waited long enough for nodes that do not answer. */
export function withWritesOpen(topology: TopologyDescription): TopologyDescription {
  return topology.writesOpen ? topology : changed(topology, { writesOpen: true });
}

/** The topology after a call set a lag limit of its own. */
export function withLagMattering(topology: TopologyDescription): TopologyDescription {
  return topology.lagMatters ? topology : changed(topology, { lagMatters: true });
}

function changed(topology: TopologyDescription, fields: Partial<TopologyDescription>): TopologyDescription {
  return Object.freeze({ ...topology, ...fields, version: topology.version + 1 });
}

/** The topology after one observation; the same object if it changes nothing. */
export function observe(
  topology: TopologyDescription,
  observation: Observation,
  settings: TopologySettings,
): TopologyDescription {
  const index = topology.nodes.findIndex((node) => node.name === observation.node);
  const before = topology.nodes[index];
  if (before === undefined) return topology;
  const after = observeNode(before, observation, settings, othersOf(before, observation, topology));
  if (after === before) return topology;
  const nodes = Object.freeze(topology.nodes.map((node, at) => (at === index ? after : node)));
  const levels = levelsAfter(topology, after, observation, settings.authority);
  const givenUp = givenUpAfter(topology.givenUp, after);
  const version = topology.version + 1;
  const picture = arbitrate({ ...topology, version, levels, givenUp, nodes }, settings, observation.at);
  return observation.kind === 'probe-answered'
    ? withWrittenEpoch(picture, after, observation, settings)
    : picture;
}

/** The picture once the epoch that the operator wrote into the node's database, if any, was accepted or refused. */
function withWrittenEpoch(
  picture: TopologyDescription,
  node: NodeDescription,
  { at, askedAt, facts }: Extract<Observation, { kind: 'probe-answered' }>,
  settings: TopologySettings,
): TopologyDescription {
  const acceptance = acceptanceOf(picture, node, facts, askedAt);
  if (acceptance === undefined) return picture;
  const acceptances = withAcceptance(picture.acceptances, acceptance);
  if (acceptance.epoch === undefined) return Object.freeze({ ...picture, acceptances });
  return arbitrate(withFloorOf({ ...picture, acceptances }, acceptance.epoch, at), settings, at);
}

/**
 * The other nodes, if they matter: hundreds of nodes that answer every second need not look at each other.
 */
function othersOf(
  node: NodeDescription,
  observation: Observation,
  topology: TopologyDescription,
): readonly NodeDescription[] {
  return observation.kind === 'connect-failed' ? topology.nodes.filter((other) => other !== node) : [];
}

/**
 * A timeline that a node returns as its own is a level, even if newer evidence says that it is no longer the
 * primary.
 */
function levelsAfter(
  topology: TopologyDescription,
  node: NodeDescription,
  observation: Observation,
  authority: boolean,
): Levels {
  if (observation.kind !== 'probe-answered') return topology.levels;
  const { inRecovery, postmasterStartedAt: start, timeline, ...facts } = observation.facts;
  if (inRecovery || timeline === undefined || !node.promotable) return topology.levels;
  const claim = { name: node.name, systemIdentifier: facts.systemIdentifier, timeline };
  if (givenUpClaim(claim, topology.givenUp) !== undefined) return topology.levels;
  const systemIdentifier =
    facts.systemIdentifier ?? node.systemIdentifier ?? topology.systemIdentifier ?? NO_SYSTEM;
  const isKnown = topology.levels[systemIdentifier]?.some((level) => level.timeline === timeline) === true;
  // Of a discovery that can refute the claim a level is made only with its leave.
  if (authority && !isKnown) return topology.levels;
  return withShown(topology.levels, {
    systemIdentifier,
    timeline,
    node: node.name,
    start,
    askedAt: observation.askedAt,
    at: observation.at,
  });
}

/**
 * The topology with exactly these nodes. A node that stays keeps what is known of it; a node that is new, or
 * has moved to another address, has yet to answer. Floors and the incumbent stay, so that a node that comes
 * back is recognized.
 */
export function withNodes(
  topology: TopologyDescription,
  listed: readonly ListedNode[],
  leaderHint: string | undefined,
  settings: TopologySettings,
  now: number,
): TopologyDescription {
  const known = new Map(topology.nodes.map((node) => [node.name, node]));
  const nodes = new Map<string, NodeDescription>();
  for (const { address, labels } of listed) {
    const name = nodeName(address);
    if (!nodes.has(name)) nodes.set(name, relabelled(known.get(name), address, labels));
  }
  const after = Object.freeze([...nodes.values()]);
  const same =
    after.length === topology.nodes.length && after.every((node, at) => node === topology.nodes[at]);
  if (same && leaderHint === topology.leaderHint) return topology;
  return arbitrate({ ...topology, version: topology.version + 1, leaderHint, nodes: after }, settings, now);
}

function relabelled(
  known: NodeDescription | undefined,
  address: NodeAddress,
  labels: NodeLabels,
): NodeDescription {
  if (known === undefined || known.address.hostaddr !== address.hostaddr) return unknownNode(address, labels);
  const { zone, promotable, readable, origin } = labels;
  const same =
    known.zone === zone &&
    known.promotable === promotable &&
    known.readable === readable &&
    known.origin === origin &&
    sameTags(known.tags, labels.tags);
  return same ? known : Object.freeze({ ...known, ...labels });
}

function sameTags(one: NodeLabels['tags'], other: NodeLabels['tags']): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

/**
 * The topology after the user accepted `epoch`, as after a restore: its system identifier is the cluster's,
 * and its timeline the floor. An epoch without system identifier, for servers that return none, lowers the
 * floor of such nodes. Higher timelines of nodes that cannot be reached are forgotten.
 */
export function withAcceptedEpoch(
  topology: TopologyDescription,
  epoch: AcceptedEpoch,
  settings: TopologySettings,
  now: number,
): TopologyDescription {
  return arbitrate({ ...withFloorOf(topology, epoch, now), version: topology.version + 1 }, settings, now);
}

/** The picture with `epoch` as the floor, before the nodes are compared. */
function withFloorOf(topology: TopologyDescription, epoch: AcceptedEpoch, now: number): TopologyDescription {
  const { systemIdentifier, timeline } = epoch;
  const givenUp = givenUpFor(topology, systemIdentifier ?? NO_SYSTEM, timeline);
  const nodes = topology.nodes.map((node) => {
    const ours = node.systemIdentifier === undefined || node.systemIdentifier === systemIdentifier;
    const above = ours && node.timeline !== undefined && node.timeline > timeline;
    return above ? Object.freeze({ ...node, role: 'unknown' as const, timeline: undefined }) : node;
  });
  let levels = withFloorAt(topology.levels, systemIdentifier ?? NO_SYSTEM, timeline, now);
  if ((levels[NO_SYSTEM]?.[0]?.timeline ?? 0) > timeline) {
    levels = withFloorAt(levels, NO_SYSTEM, timeline, now);
  }
  const accepted = systemIdentifier === undefined ? undefined : Object.freeze({ systemIdentifier, timeline });
  const replacement = undefined;
  return { ...topology, accepted, replacement, incumbent: undefined, givenUp, levels, nodes };
}

/**
 * The topology after a write was handed to `node`: equal claims are settled in favour of the node that was
 * written to.
 */
export function withIncumbent(
  topology: TopologyDescription,
  node: string,
  settings: TopologySettings,
  now: number,
): TopologyDescription {
  if (topology.incumbent === node) return topology;
  return arbitrate({ ...topology, version: topology.version + 1, incumbent: node }, settings, now);
}

/** The description of a node by its name. */
export function findNode(topology: TopologyDescription, name: string): NodeDescription | undefined {
  return topology.nodes.find((node) => node.name === name);
}
