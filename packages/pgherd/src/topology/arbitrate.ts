import { isOutOfRecovery, mayBePrimary } from '../floors/claims.ts';
import { contestOf, decidedContest, type LeaderAnswers, namedBelow, verdictOn } from '../floors/contest.ts';
import { givenUpClaim } from '../floors/given-up.ts';
import {
  floorOf,
  floorsOf,
  hasShown,
  NO_SYSTEM,
  withoutLevel,
  withoutLevelsOver,
  withShown,
} from '../floors/levels.ts';
import { assess, type WithdrawalSettings } from '../floors/withdrawal.ts';
import type { BarredWrites, Contest, GivenUp, Levels } from '../model/floors.ts';
import type { Fencing, Standing } from '../model/names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { withAliases } from './aliases.ts';
import { decideIdentity, type Identity, type IdentitySettings } from './identity.ts';
import { hasLimit, type LagSettings, withLag } from './lag.ts';
import { isAccountedFor } from './rest.ts';
import { chooseWritable, isTimelineSettled } from './writable.ts';

/** Settings of the arbitration between nodes. */
export interface ArbitrationSettings extends IdentitySettings, LagSettings, WithdrawalSettings {
  readonly fencing: Fencing;
  /** Whether a discovery holds a lease, and so decides between claims. */
  readonly authority: boolean;
}

/**
 * Compares the nodes with each other: which cluster this is, which timeline is the highest seen, which of
 * several claims to be the primary is believed. Pure: the same topology, settings and time give the same
 * result.
 */
export function arbitrate(
  topology: TopologyDescription,
  settings: ArbitrationSettings,
  now: number,
): TopologyDescription {
  const picture = arbitrated(topology, settings, now);
  const { barred, falls } = assess(picture, settings, now);
  if (barred === undefined && picture.barred === undefined) return picture;
  if (!falls || barred === undefined) return Object.freeze({ ...picture, barred });
  return arbitrate(withoutFloor(picture, barred), settings, now);
}

/** The picture without the floor, whose witnesses have all come back. */
function withoutFloor(picture: TopologyDescription, barred: BarredWrites): TopologyDescription {
  const { systemIdentifier = NO_SYSTEM, floor, witnesses } = barred;
  const levels = withoutLevel(picture.levels, systemIdentifier, floor);
  const primary = barred.progress?.primary ?? '';
  const to = floorOf(levels, systemIdentifier) ?? 0;
  const withdrawn = Object.freeze({
    systemIdentifier,
    from: floor,
    to,
    primary,
    by: 'witnesses' as const,
    witnesses,
  });
  return { ...picture, levels, withdrawn, barred: undefined };
}

/** The picture after a discovery that holds a lease was asked who leads. */
export function withLeaderAnswers(
  topology: TopologyDescription,
  given: LeaderAnswers,
  settings: ArbitrationSettings,
  now: number,
): TopologyDescription {
  const byName = (name: string | undefined) =>
    topology.nodes.find((node) => node.name === name)?.aliasOf ?? name;
  const answers = given.answers.map(({ from, leader }) => ({ from, leader: byName(leader) }));
  const said = { ...given, answers };
  const contest = topology.contest === undefined ? undefined : decidedContest(topology.contest, said);
  const picture = arbitrate({ ...topology, version: topology.version + 1, contest }, settings, now);
  const { barred } = picture;
  const { falls, named } = namedBelow(picture, said);
  if (barred === undefined) return picture;
  if (!falls || named === undefined) {
    return Object.freeze({ ...picture, barred: Object.freeze({ ...barred, named }) });
  }
  return arbitrate(withoutLevelsAbove(picture, barred, named.primary), settings, now);
}

/** The picture without the levels above a primary that the discovery names. */
function withoutLevelsAbove(
  picture: TopologyDescription,
  { floor, systemIdentifier = NO_SYSTEM, witnesses }: BarredWrites,
  primary: string,
): TopologyDescription {
  const to = picture.nodes.find(({ name }) => name === primary)?.timeline ?? 0;
  const levels = withoutLevelsOver(picture.levels, systemIdentifier, to);
  const by = 'authority' as const;
  const withdrawn = Object.freeze({ systemIdentifier, from: floor, to, primary, by, witnesses });
  return { ...picture, levels, withdrawn, barred: undefined };
}

function arbitrated(
  topology: TopologyDescription,
  settings: ArbitrationSettings,
  now: number,
): TopologyDescription {
  const nodes = withAliases(topology.nodes);
  const identity = decideIdentity(topology, nodes, settings, now);
  const adopted = identity.replacement?.confirmed === true && !identityKept(identity, topology);
  const incumbent = adopted ? undefined : topology.incumbent;
  const contest = settings.authority ? contestOf(topology, nodes, identity.systemIdentifier, now) : undefined;
  // What a node claimed before it was lost could be refuted no more: of a discovery that can, a claim needs its node.
  const present = settings.authority ? nodes.filter(({ health }) => health !== 'offline') : nodes;
  const levels = withClaims({ ...topology, contest }, present, identity.systemIdentifier, now);
  const floor = floorOf(levels, identity.systemIdentifier);
  const claims = nodes.filter(
    (node) =>
      claimsEpoch(node, identity.systemIdentifier, floor) &&
      !isVoid(node, topology.givenUp) &&
      verdictOn(node, contest) !== 'refuted',
  );
  const believed = believedClaim(claims, incumbent, topology.leaderHint);
  const judged = nodes.map((node) =>
    judge(node, { identity, floor, claims, believed, contest, givenUp: topology.givenUp }),
  );
  const primary = currentPrimary(judged);
  const compared = judged.map((node) => withDivergence(node, primary?.timeline));
  const measured = withLag(compared, topology.positions, primary, settings);
  const writable = chooseWritable(measured.nodes, settings.fencing)?.name;
  const isWatched = topology.startedAt !== undefined;
  return Object.freeze({
    ...topology,
    systemIdentifier: identity.systemIdentifier,
    identityConflict: identity.conflict,
    replacement: adopted ? undefined : identity.replacement,
    accepted: adopted ? undefined : topology.accepted,
    writable,
    primaryLostAt: isWatched && writable === undefined ? (topology.primaryLostAt ?? now) : undefined,
    writesOpen: topology.writesOpen || (isWatched && nodes.every(isAccountedFor)),
    lagMatters: topology.lagMatters || hasLimit(settings.lag),
    incumbent,
    contest,
    floor,
    levels,
    floors: floorsOf(levels),
    positions: measured.positions,
    nodes: Object.freeze(measured.nodes),
  });
}

function identityKept(identity: Identity, topology: TopologyDescription): boolean {
  return identity.systemIdentifier === topology.systemIdentifier;
}

/**
 * Levels outlive a conflict or a change of identity: the former system may come back. What nodes claim is one
 * already if they were allowed to be the primary when they answered.
 */
function withClaims(
  { contest, givenUp, levels }: TopologyDescription,
  nodes: readonly NodeDescription[],
  systemIdentifier: string | undefined,
  now: number,
): Levels {
  let raised = levels;
  for (const node of nodes) {
    if (!mayBePrimary(node) || node.timeline === undefined || isVoid(node, givenUp)) continue;
    const verdict = verdictOn(node, contest);
    if (verdict === 'pending' || verdict === 'refuted') continue;
    const confirmed = verdict === 'held' ? true : undefined;
    const showing = {
      systemIdentifier: node.systemIdentifier ?? systemIdentifier ?? NO_SYSTEM,
      timeline: node.timeline,
      node: node.name,
      start: node.postmasterStartedAt,
      confirmed,
      askedAt: node.lsnAt ?? now,
      at: node.seenAt ?? now,
    };
    if (!hasShown(raised, showing)) raised = withShown(raised, showing);
  }
  return raised;
}

/**
 * Whether the node says that it is the primary of the newest epoch. A node that returns no system identifier
 * is not known to be of another system; one that returns no timeline is not known to be older.
 */
function claimsEpoch(
  node: NodeDescription,
  systemIdentifier: string | undefined,
  floor: number | undefined,
): boolean {
  if (!mayBePrimary(node) || node.health === 'offline' || node.aliasOf !== undefined) return false;
  if (node.systemIdentifier !== undefined && node.systemIdentifier !== systemIdentifier) return false;
  if (node.timeline !== undefined) return node.timeline === floor;
  return node.role === 'primary' && isTimelineSettled(node);
}

/**
 * Of equal claims the one that was last written to is believed, else the only one that takes writes, else the one
 * that discovery names, else none.
 */
function believedClaim(
  claims: readonly NodeDescription[],
  incumbent: string | undefined,
  leaderHint: string | undefined,
): string | undefined {
  if (claims.length <= 1) return claims[0]?.name;
  const named = (name: string | undefined) => claims.find((claim) => claim.name === name)?.name;
  // One that refuses writes does not keep another from them, unless it is the one that was written to.
  const [writing, ...others] = claims.filter(({ role }) => role === 'primary');
  return named(incumbent) ?? (others.length === 0 ? writing?.name : undefined) ?? named(leaderHint);
}

interface Circumstances {
  readonly identity: Identity;
  readonly floor: number | undefined;
  readonly claims: readonly NodeDescription[];
  readonly contest: Contest | undefined;
  readonly givenUp: readonly GivenUp[];
  /** The claim that is believed. */
  readonly believed: string | undefined;
}

function judge(node: NodeDescription, circumstances: Circumstances): NodeDescription {
  const [standing, reason] = standingOf(node, circumstances);
  const contested = verdictOn(node, circumstances.contest) === 'pending';
  if (node.standing === standing && node.standingReason === reason && node.contested === contested)
    return node;
  return Object.freeze({ ...node, standing, standingReason: reason, contested });
}

function isVoid(node: NodeDescription, givenUp: readonly GivenUp[]): boolean {
  return givenUpClaim(node, givenUp) !== undefined;
}

/** A standing, and why it is not `current`. */
type StandingReason = readonly [Standing, string | undefined];

function standingOf(
  node: NodeDescription,
  { identity, floor, claims, believed, contest, givenUp }: Circumstances,
): StandingReason {
  const foreign = foreignBecause(node, identity);
  if (foreign !== undefined) return ['foreign', foreign];
  if (!isOutOfRecovery(node)) return ['current', undefined];
  if (!node.promotable) {
    return ['stale', 'out of recovery although promotable is false: its data are out of date'];
  }
  if (verdictOn(node, contest) === 'refuted') {
    return ['stale', `its claim is refuted: the discovery names ${contest?.holder}`];
  }
  const instead = givenUpClaim(node, givenUp);
  if (instead !== undefined) {
    return ['stale', `timeline ${node.timeline} was given up when timeline ${instead.accepted} was accepted`];
  }
  if (node.timeline !== undefined && floor !== undefined && node.timeline < floor) {
    return ['stale', `timeline ${node.timeline}, but timeline ${floor} has been seen out of recovery`];
  }
  if (node.name === believed || !claims.includes(node)) return ['current', undefined];
  const others = claims.filter((claim) => claim.name !== node.name).map((claim) => claim.name);
  const epoch = node.timeline === undefined ? 'an unknown timeline' : `the same timeline ${node.timeline}`;
  return ['ambiguous', `${others.join(' and ')} claims to be the primary of ${epoch}`];
}

function foreignBecause(node: NodeDescription, identity: Identity): string | undefined {
  const { systemIdentifier, conflict } = identity;
  if (conflict !== undefined && isOutOfRecovery(node)) {
    return `primaries of different clusters answer: system identifiers ${conflict.join(' and ')}`;
  }
  if (systemIdentifier === undefined || node.systemIdentifier === systemIdentifier) return undefined;
  if (node.systemIdentifier !== undefined) {
    return `system identifier ${node.systemIdentifier}, but this cluster is ${systemIdentifier}`;
  }
  // A node that has answered without a system identifier may belong to any system.
  return identity.pinned && node.rttMs !== undefined
    ? `it returns no system identifier, and only ${systemIdentifier} is believed`
    : undefined;
}

function withDivergence(node: NodeDescription, timeline: number | undefined): NodeDescription {
  const { dataTimeline, role } = node;
  const diverged =
    role === 'standby' && dataTimeline !== undefined && timeline !== undefined && dataTimeline > timeline;
  return node.diverged === diverged ? node : Object.freeze({ ...node, diverged });
}

/** The node whose position the standbys' lag is measured against. */
function currentPrimary(nodes: readonly NodeDescription[]): NodeDescription | undefined {
  return nodes.find(
    (node) =>
      mayBePrimary(node) &&
      node.health !== 'offline' &&
      node.standing === 'current' &&
      node.aliasOf === undefined &&
      node.timeline !== undefined,
  );
}
