import type { BarredWrites, Contest, Levels } from '../model/floors.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { mayBePrimary } from './claims.ts';
import { givenUpClaim } from './given-up.ts';
import { NO_SYSTEM } from './levels.ts';

/** What one endpoint of a discovery said. */
export interface LeaderAnswer {
  /** Name of the node that leads; `undefined` if none does. */
  readonly leader: string | undefined;
  /** The endpoint, to show. */
  readonly from: string;
}

/** The answers to one question to a discovery that holds a lease; none if nothing came in time. */
export interface LeaderAnswers {
  /** When the question was asked, milliseconds of the cluster's clock. */
  readonly askedAt: number;
  readonly answers: readonly LeaderAnswer[];
}

/**
 * The contest that the claims of these nodes are, if a discovery can decide it; `undefined` without one. What
 * was decided stays as long as no further claim is made.
 */
export function contestOf(
  topology: TopologyDescription,
  nodes: readonly NodeDescription[],
  systemIdentifier: string | undefined,
  now: number,
): Contest | undefined {
  const claims = nodes.filter((node) => isClaim(node, topology, systemIdentifier));
  if (!isContested(claims, nodes, topology, systemIdentifier)) return undefined;
  const keys = claims.map(keyOf).sort();
  const before = topology.contest;
  const isKnown = before !== undefined && keys.every((key) => before.claims.includes(key));
  if (isKnown && before.claims.length === keys.length) return before;
  const claimants = Object.freeze(claims.map(({ name }) => name));
  if (isKnown) return Object.freeze({ ...before, claims: Object.freeze(keys), claimants });
  return Object.freeze({
    claims: Object.freeze(keys),
    claimants,
    since: now,
    state: 'open' as const,
    holder: undefined,
    answers: NO_ANSWERS,
  });
}

const NO_ANSWERS: Contest['answers'] = Object.freeze({});

function keyOf({ name, postmasterStartedAt, timeline }: NodeDescription): string {
  return `${name} ${postmasterStartedAt ?? ''} ${timeline ?? ''}`;
}

/** A timeline below one that the discovery has confirmed is settled: its node is stale, and claims nothing. */
function isClaim(
  node: NodeDescription,
  { givenUp, levels }: TopologyDescription,
  systemIdentifier: string | undefined,
): boolean {
  if (!mayBePrimary(node) || node.health === 'offline' || node.aliasOf !== undefined) return false;
  if (node.timeline === undefined || givenUpClaim(node, givenUp) !== undefined) return false;
  if (node.systemIdentifier !== undefined && node.systemIdentifier !== systemIdentifier) return false;
  return node.timeline >= confirmedFloor(levels, systemIdentifier);
}

/** The highest level on which a discovery has named a node; 0 for none. */
export function confirmedFloor(levels: Levels, systemIdentifier: string | undefined): number {
  return levels[systemIdentifier ?? NO_SYSTEM]?.find(({ confirmed }) => confirmed)?.timeline ?? 0;
}

function isContested(
  claims: readonly NodeDescription[],
  nodes: readonly NodeDescription[],
  { contest, incumbent, levels }: TopologyDescription,
  systemIdentifier: string | undefined,
): boolean {
  const [claim, ...others] = claims;
  if (claim === undefined) return false;
  if (others.length > 0 || claims.some((one) => isRefuted(one, contest))) return true;
  if (incumbent === undefined || claim.name === incumbent) return false;
  const floor = levels[systemIdentifier ?? NO_SYSTEM]?.[0]?.timeline ?? 0;
  return (claim.timeline ?? 0) > floor && !hasLeft(nodes.find(({ name }) => name === incumbent));
}

/** A claim that was refuted stays contested, whatever becomes of the node that was named. */
function isRefuted(node: NodeDescription, contest: Contest | undefined): boolean {
  return verdictOn(node, contest) === 'refuted' && contest?.claims.includes(keyOf(node)) === true;
}

/** Whether the node that was written to is known to be no primary any more: not being reached is no proof. */
function hasLeft(incumbent: NodeDescription | undefined): boolean {
  if (incumbent === undefined) return false;
  if (incumbent.role === 'standby') return true;
  return incumbent.health === 'offline' && incumbent.connectFailure === 'refused';
}

/**
 * The contest after the discovery was asked. A question from before the last claim does not count. Once it is
 * decided, answers that say nothing change nothing, as long as the holder still claims.
 */
export function decidedContest(contest: Contest, { answers, askedAt }: LeaderAnswers): Contest {
  if (askedAt < contest.since) return contest;
  const said = Object.freeze(
    Object.fromEntries(answers.map(({ from, leader }) => [from, leader ?? 'nobody'] as const)),
  );
  const [named, ...others] = new Set(answers.map(({ leader }) => leader));
  const holder = others.length === 0 ? named : undefined;
  if (holder !== undefined) return withState(contest, 'decided', holder, said);
  const holds = contest.holder !== undefined && contest.claimants.includes(contest.holder);
  if (contest.state === 'decided' && holds) return contest;
  return withState(contest, 'unanswered', undefined, said);
}

function withState(
  contest: Contest,
  state: Contest['state'],
  holder: string | undefined,
  answers: Contest['answers'],
): Contest {
  const isSame = contest.state === state && contest.holder === holder;
  return isSame ? contest : Object.freeze({ ...contest, state, holder, answers });
}

/** What a contest means for one node. */
export type Verdict = 'none' | 'pending' | 'held' | 'refuted';

/** `pending` until it is decided; then the node is the one that holds the lease, or its claim is refuted. */
export function verdictOn({ name }: NodeDescription, contest: Contest | undefined): Verdict {
  if (contest === undefined || contest.state === 'unanswered' || !contest.claimants.includes(name))
    return 'none';
  if (contest.state === 'open') return 'pending';
  return contest.holder === name ? 'held' : 'refuted';
}

/** How long a discovery must have named a primary below an unconfirmed floor before that floor falls, milliseconds. */
const NAMED_MS = 10_000;

/** What the answers mean for a floor that no discovery has confirmed. */
export interface Named {
  readonly named: BarredWrites['named'];
  /** Whether the floor falls in favour of the primary that is named. */
  readonly falls: boolean;
}

/**
 * A primary that the floor bars, and that the discovery goes on naming, gets its writes back: the floor was made
 * while the discovery could not be asked.
 */
export function namedBelow(topology: TopologyDescription, { answers, askedAt }: LeaderAnswers): Named {
  const { barred } = topology;
  const [leader, ...others] = new Set(answers.map((answer) => answer.leader));
  if (barred === undefined || !isUnconfirmedFloor(topology)) return { named: undefined, falls: false };
  if (answers.length === 0) return { named: barred.named, falls: false };
  const primary = barred.barred.find((name) => name === leader);
  if (primary === undefined || others.length > 0) return { named: undefined, falls: false };
  const since = barred.named?.primary === primary ? barred.named.since : askedAt;
  const timeline = topology.nodes.find(({ name }) => name === primary)?.timeline ?? 0;
  const falls =
    askedAt - since >= NAMED_MS && timeline >= confirmedFloor(topology.levels, barred.systemIdentifier);
  return { named: Object.freeze({ primary, since }), falls };
}

/** Whether the discovery is to be asked who leads: claims are contested, or a floor that it never confirmed bars a primary. */
export function asksWhoLeads(topology: TopologyDescription): boolean {
  return topology.contest !== undefined || isUnconfirmedFloor(topology);
}

/** Whether a floor that no discovery has confirmed keeps writes from a primary. */
export function isUnconfirmedFloor({ barred, levels }: TopologyDescription): boolean {
  if (barred === undefined) return false;
  return confirmedFloor(levels, barred.systemIdentifier) < barred.floor;
}
